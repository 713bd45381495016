"""PDFs: pages, labels, headings by bookmark, number and font, scans, passwords, limits."""

from __future__ import annotations

import io
from pathlib import Path

import psutil
import pytest
from pypdf import PdfWriter
from pypdf.constants import PageLabelStyle
from reportlab.pdfgen.canvas import Canvas

from ingest import Limits, load
from ingest.document import (
    EncryptedFileError,
    IngestCancelled,
    LimitError,
    NoTextError,
)
from tests.ingest_pdf_cases import BODY, contract, drawn, loaded, page, picture, titles


def test_pages_spans_and_numbered_sections(tmp_path: Path) -> None:
    document = loaded(tmp_path, drawn(contract))
    assert [span.page for span in document.spans] == [1, 2, 3]
    assert document.report.pages == 3 and document.report.files == 1 and document.report.unread == ()
    start, end = document.page_text("file.pdf", 2)
    assert document.text[start:end].startswith("2. CLAUSE B\n")
    assert document.span_at(start).page_label is None and document.line_of(start) is None
    assert titles(document)[:4] == [
        (1, "1. CLAUSE A"),
        (2, "1.1 Terms"),
        (1, "2. CLAUSE B"),
        (2, "2.1 Terms"),
    ]
    with pytest.raises(KeyError):
        document.page_text("file.pdf", 4)


def test_content_decides_before_the_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, drawn(contract), "really.txt").report.pages == 3


def test_a_clause_over_a_page_break_stays_one_section(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        page(
            canvas,
            "1. SALE",
            "The seller sells the goods to the buyer on the terms of this contract and as said in section",
        )
        page(canvas, "2. The buyer pays for them.", "2. PRICE", BODY)

    assert titles(loaded(tmp_path, drawn(draw))) == [(1, "1. SALE"), (1, "2. PRICE")]


def test_bookmarks_lead_and_numbers_nest_below_them(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for number, name in ((1, "Definitions"), (2, "Supply of Goods")):
            for key in (name, "Orders"):
                canvas.bookmarkPage(key)
            canvas.addOutlineEntry(name, name, level=0)
            if number == 2:
                canvas.addOutlineEntry("Orders", "Orders", level=1)
            page(
                canvas,
                f"{number}. {name.upper()}",
                BODY,
                "Orders",
                BODY,
                f"{number}.1 Terms. {BODY[:50]}",
                "LOUD WORDS",
                BODY,
            )

    assert titles(loaded(tmp_path, drawn(draw))) == [
        (1, "Definitions"),
        (2, "1.1 Terms"),
        (1, "Supply of Goods"),
        (2, "Orders"),
        (2, "2.1 Terms"),
    ]


def test_font_sizes_count_as_seen_not_as_written(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText()
        for place, (size, row) in enumerate(
            [
                (24, "Annual Report"),
                (16, "What We Did"),
                (10, BODY),
                (10, BODY),
                (16, "What Comes Next"),
                (10, BODY),
            ]
        ):
            text.setFont("Helvetica", 1)  # the operand is 1 everywhere: only the matrix tells headings apart
            text.setTextTransform(size, 0, 0, size, 72, 760 - 40 * place)
            text.textLine(row)
        canvas.drawText(text)

    document = loaded(tmp_path, drawn(draw))
    assert titles(document) == [(1, "Annual Report"), (1, "What We Did"), (1, "What Comes Next")]
    assert document.sections[0].kind == "title"


def test_bold_lines_are_headers_where_nothing_is_numbered(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 780)
        for row in ("Scope of Work", BODY, BODY, "Fees and Costs", BODY, BODY):
            text.setFont("Helvetica" if row == BODY else "Helvetica-Bold", 10)
            text.textLine(row)
        canvas.drawText(text)

    assert [title for _, title in titles(loaded(tmp_path, drawn(draw)))] == ["Scope of Work", "Fees and Costs"]


def test_page_labels_are_kept_beside_page_numbers(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(drawn(contract)))
    writer.set_page_label(0, 1, style=PageLabelStyle.LOWERCASE_ROMAN)
    writer.set_page_label(2, 2, style=PageLabelStyle.DECIMAL)
    out = io.BytesIO()
    writer.write(out)
    spans = loaded(tmp_path, out.getvalue()).spans
    assert [(span.page, span.page_label) for span in spans] == [(1, "i"), (2, "ii"), (3, "1")]


def test_pages_without_text_are_reported(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        page(canvas, "1. SALE", BODY, BODY)
        picture(canvas)
        canvas.showPage()
        picture(canvas)
        page(canvas, "Scan 17")

    report = loaded(tmp_path, drawn(draw)).report
    assert report.pages == 3 and report.pages_unread == (2,)
    assert report.unread[0].reason == "no text layer (a scan?)"
    assert any("page 3" in warning for warning in report.warnings)


def test_a_scan_is_refused(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        picture(canvas)
        canvas.showPage()

    with pytest.raises(NoTextError, match=r"^file\.pdf has no text layer .*OCR"):
        loaded(tmp_path, drawn(draw))


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_encrypted_files(tmp_path: Path, algorithm: str) -> None:
    for password, readable in (("secret", False), ("", True)):
        writer = PdfWriter(clone_from=io.BytesIO(drawn(contract)))
        writer.encrypt(password, "owner", algorithm=algorithm)
        out = io.BytesIO()
        writer.write(out)
        if readable:  # an owner password alone does not stop anyone from reading
            assert loaded(tmp_path, out.getvalue()).report.pages == 3
        else:
            with pytest.raises(EncryptedFileError, match=r"^file\.pdf needs a password: give it with --password\.$"):
                loaded(tmp_path, out.getvalue())
            with pytest.raises(EncryptedFileError, match=r"^file\.pdf .*does not open it: give another one\.$"):
                load([tmp_path / "file.pdf"], password="wrong")
            for right in (password, "owner"):
                document = load([tmp_path / "file.pdf"], password=right)
                assert document.report.pages == 3 and "CLAUSE A" in document.text


def test_limits(tmp_path: Path) -> None:
    data = drawn(contract)
    with pytest.raises(LimitError, match="3 pages, the limit is 2"):
        loaded(tmp_path, data, limits=Limits(max_pages=2))
    with pytest.raises(LimitError, match="more text than the limit of 300"):
        loaded(tmp_path, data, limits=Limits(max_chars=300))
    with pytest.raises(LimitError, match=r"within 0\.01 seconds"):
        loaded(tmp_path, data, limits=Limits(parse_seconds=0.01))


def test_progress_and_cancel(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(drawn(contract))
    seen: list[tuple[str, int, int]] = []
    load([path], progress=lambda *call: seen.append(call))
    assert seen == [("file.pdf", 1, 3), ("file.pdf", 2, 3), ("file.pdf", 3, 3)]
    with pytest.raises(IngestCancelled):
        load([path], cancel=lambda: True)


def test_cancel_in_the_middle_leaves_no_child_behind(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(drawn(lambda canvas: contract(canvas, 8)))
    seen: list[int] = []
    children = set(psutil.Process().children(recursive=True))
    with pytest.raises(IngestCancelled, match=r"^Reading file\.pdf was cancelled\.$"):
        load([path], progress=lambda _, done, total: seen.append(done), cancel=lambda: len(seen) >= 2)
    assert seen == [1, 2]
    assert set(psutil.Process().children(recursive=True)) <= children
