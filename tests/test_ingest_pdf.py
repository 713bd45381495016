"""PDFs made on the spot: pages, labels, headings by bookmark, number and font, and damaged files."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.constants import PageLabelStyle
from pypdf.generic import EncodedStreamObject, NameObject
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingest import Document, Limits, load
from ingest.document import (
    BrokenFileError,
    EncryptedFileError,
    IngestCancelled,
    LimitError,
    NoTextError,
)
from ingest.pdf.damage import PART_MISSING, inflate_fault
from ingest.pdf.worker import truncation

BODY = "The parties agree on this clause, each for its own part, and in good faith from the first day on."


def make(draw: Callable[[Canvas], None]) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=1)
    draw(canvas)
    canvas.save()
    return out.getvalue()


def page(canvas: Canvas, *rows: str, size: float = 10, font: str = "Helvetica") -> None:
    text = canvas.beginText(72, 780)
    text.setFont(font, size, leading=size * 1.4)
    for row in rows:
        text.textLine(row)
    canvas.drawText(text)
    canvas.showPage()


def contract(canvas: Canvas, pages: int = 3) -> None:
    for number in range(1, pages + 1):
        page(canvas, f"{number}. CLAUSE {'ABCDEFGH'[number - 1]}", BODY, f"{number}.1 Terms. {BODY[:60]}", BODY)


def picture(canvas: Canvas) -> None:
    from PIL import Image

    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "navy")), 0, 0, 500, 700)


def loaded(tmp_path: Path, data: bytes, name: str = "file.pdf", limits: Limits | None = None) -> Document:
    path = tmp_path / name
    path.write_bytes(data)
    return load([path], limits=limits or Limits())


def titles(document: Document) -> list[tuple[int, str]]:
    return [(section.level, section.title) for section in document.sections]


def test_pages_spans_and_numbered_sections(tmp_path: Path) -> None:
    document = loaded(tmp_path, make(contract))
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
    assert loaded(tmp_path, make(contract), "really.txt").report.pages == 3


def test_a_clause_over_a_page_break_stays_one_section(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        page(
            canvas,
            "1. SALE",
            "The seller sells the goods to the buyer on the terms of this contract and as said in section",
        )
        page(canvas, "2. The buyer pays for them.", "2. PRICE", BODY)

    assert titles(loaded(tmp_path, make(draw))) == [(1, "1. SALE"), (1, "2. PRICE")]


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

    assert titles(loaded(tmp_path, make(draw))) == [
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

    document = loaded(tmp_path, make(draw))
    assert titles(document) == [(1, "Annual Report"), (1, "What We Did"), (1, "What Comes Next")]
    assert document.sections[0].kind == "title"


def test_bold_lines_are_headers_where_nothing_is_numbered(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(72, 780)
        for row in ("Scope of Work", BODY, BODY, "Fees and Costs", BODY, BODY):
            text.setFont("Helvetica" if row == BODY else "Helvetica-Bold", 10)
            text.textLine(row)
        canvas.drawText(text)

    assert [title for _, title in titles(loaded(tmp_path, make(draw)))] == ["Scope of Work", "Fees and Costs"]


def test_page_labels_are_kept_beside_page_numbers(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(make(contract)))
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

    report = loaded(tmp_path, make(draw)).report
    assert report.pages == 3 and report.pages_unread == (2,)
    assert report.unread[0].reason == "no text layer (a scan?)"
    assert any("page 3" in warning for warning in report.warnings)


def test_a_scan_is_refused(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        picture(canvas)
        canvas.showPage()

    with pytest.raises(NoTextError, match=r"^file\.pdf has no text layer .*OCR"):
        loaded(tmp_path, make(draw))


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_encrypted_files(tmp_path: Path, algorithm: str) -> None:
    for password, readable in (("secret", False), ("", True)):
        writer = PdfWriter(clone_from=io.BytesIO(make(contract)))
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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    data = make(lambda canvas: contract(canvas, 8))
    with pytest.raises(BrokenFileError, match=r"^file\.pdf is cut short"):
        loaded(tmp_path, data[: int(len(data) * share)])


def test_a_file_cut_inside_its_second_revision_is_refused(tmp_path: Path) -> None:
    first = make(contract)
    writer = PdfWriter(io.BytesIO(first), incremental=True)
    writer.add_blank_page()
    writer.pages[0].rotate(90)
    out = io.BytesIO()
    writer.write(out)
    data = out.getvalue()
    assert data.startswith(first) and data.count(b"%%EOF") == 2
    assert loaded(tmp_path, data).report.pages == 4
    with pytest.raises(BrokenFileError):
        loaded(tmp_path, data[: len(first) + (len(data) - len(first)) // 2])


def test_sloppy_but_whole_files_are_read_with_a_warning(tmp_path: Path) -> None:
    data = make(contract)
    place = data.rindex(b"startxref")
    sloppy = {
        "no end mark": data[: data.rindex(b"%%EOF")],
        "rubbish after the end": data + b"<!-- proxy -->" * 200,
        "rubbish before the start": b"HTTP/1.1 200 OK\n\n" + data,
        "wrong table address": data[:place] + b"startxref\n17\n%%EOF\n",
    }
    for kind, changed in sloppy.items():
        document = loaded(tmp_path, changed)
        assert document.report.pages == 3, kind
        assert document.report.warnings, kind


def squeezed(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> Document:
    """Three pages whose second one has its compressed content replaced by `spoil(content)`."""
    writer = PdfWriter(clone_from=io.BytesIO(make(contract)))
    content = EncodedStreamObject()
    rows = "".join(f"BT /F1 10 Tf 72 {780 - n} Td (row {n} with words {n * n}) Tj ET\n" for n in range(200))
    content[NameObject("/Filter")] = NameObject("/FlateDecode")
    content._data = spoil(zlib.compress(rows.encode()))
    writer.pages[1][NameObject("/Contents")] = writer._add_object(content)
    out = io.BytesIO()
    writer.write(out)
    return loaded(tmp_path, out.getvalue())


def test_a_page_whose_content_is_cut_short_is_not_taken_for_read(tmp_path: Path) -> None:
    report = squeezed(tmp_path, lambda content: content[: len(content) // 2]).report
    assert report.pages_unread == (2,) and report.unread[0].reason.startswith("damaged")
    flipped = squeezed(tmp_path, lambda content: content[:300] + b"\xff\xff\xff\xff" + content[304:]).report
    assert flipped.pages_unread == (2,)


def test_streams_that_end_early_are_told_from_whole_ones() -> None:
    whole = zlib.compress(b"some words of a page " * 500)
    assert inflate_fault(whole) is None and inflate_fault(whole + b"\r\n") is None and inflate_fault(b"") is None
    assert {inflate_fault(whole[:cut]) for cut in range(3, len(whole) - 4)} == {PART_MISSING}


def test_a_wrong_checksum_is_a_warning_and_a_missing_one_is_nothing(tmp_path: Path) -> None:
    wrong = squeezed(tmp_path, lambda content: content[:-4] + b"\0\0\0\0")
    assert wrong.report.unread == () and any("page 2" in warning for warning in wrong.report.warnings)
    for junk in (0, 4):  # the checksum is the last four bytes
        document = squeezed(tmp_path, lambda content, junk=junk: content[: len(content) - junk])  # type: ignore[misc]
        assert document.report.unread == () and document.report.warnings == ()
        assert "row 199 with words" in document.text


def test_missing_pages_are_not_hidden(tmp_path: Path) -> None:
    data = make(contract)
    assert b"/Count 3" in data
    with pytest.raises(BrokenFileError, match="3 of 5 pages"):
        loaded(tmp_path, data.replace(b"/Count 3", b"/Count 5"))


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\nrubbish\n%%EOF\n", b"%PDF-1.7\n" + b"\x00\xff" * 500 + b"%%EOF", b"%PDF-"]
)
def test_rubbish_is_refused_in_one_sentence(tmp_path: Path, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenFileError, match=r"^file\.pdf is [^\n]*\.$"):
        loaded(tmp_path, data)
    assert capfd.readouterr() == ("", "")


def test_linearized_files_know_their_length() -> None:
    head = b"%PDF-1.4\n1 0 obj\n<</Linearized 1/L 5000/H[1 2]>>\nendobj\nstartxref\n0\n%%EOF\n"
    assert truncation(head.ljust(3000)) == (True, None)
    assert truncation(head + b"9 0 obj") == (True, None)


def test_limits(tmp_path: Path) -> None:
    data = make(contract)
    with pytest.raises(LimitError, match="3 pages, the limit is 2"):
        loaded(tmp_path, data, limits=Limits(max_pages=2))
    with pytest.raises(LimitError, match="more text than the limit of 300"):
        loaded(tmp_path, data, limits=Limits(max_chars=300))
    with pytest.raises(LimitError, match=r"within 0\.01 seconds"):
        loaded(tmp_path, data, limits=Limits(parse_seconds=0.01))


def test_progress_and_cancel(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(make(contract))
    seen: list[tuple[str, int, int]] = []
    load([path], progress=lambda *call: seen.append(call))
    assert seen == [("file.pdf", 1, 3), ("file.pdf", 2, 3), ("file.pdf", 3, 3)]
    with pytest.raises(IngestCancelled):
        load([path], cancel=lambda: True)


def test_cancel_in_the_middle_leaves_no_child_behind(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(make(lambda canvas: contract(canvas, 8)))
    seen: list[int] = []
    children = set(psutil.Process().children(recursive=True))
    with pytest.raises(IngestCancelled, match=r"^Reading file\.pdf was cancelled\.$"):
        load([path], progress=lambda _, done, total: seen.append(done), cancel=lambda: len(seen) >= 2)
    assert seen == [1, 2]
    assert set(psutil.Process().children(recursive=True)) <= children


def test_a_broken_pdf_in_a_folder_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    data = make(contract)
    (tmp_path / "a.pdf").write_bytes(data)
    (tmp_path / "b.pdf").write_bytes(data[: len(data) // 2])
    (tmp_path / "c.txt").write_text("hello")
    document = load([tmp_path])
    assert [s.title for s in document.sections if s.kind == "file"] == ["a.pdf", "c.txt"]
    assert [(item.path, "cut short" in item.reason) for item in document.report.files_unread] == [("b.pdf", True)]
    assert document.report.pages == 3
    start, _ = document.page_text("a.pdf", 1)
    assert document.text[start:].startswith("1. CLAUSE A")
    assert PdfReader(tmp_path / "a.pdf").get_num_pages() == 3
