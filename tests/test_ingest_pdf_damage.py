"""Damaged PDFs: cut short, rubbish around or inside, content that does not inflate. Nothing of them passes for read."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import EncodedStreamObject, NameObject

from ingest import Document, load
from ingest.document import (
    BrokenFileError,
)
from ingest.pdf.damage import PART_MISSING, inflate_fault
from ingest.pdf.worker import truncation
from tests.ingest_pdf_cases import contract, drawn, loaded


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    data = drawn(lambda canvas: contract(canvas, 8))
    with pytest.raises(BrokenFileError, match=r"^file\.pdf is cut short"):
        loaded(tmp_path, data[: int(len(data) * share)])


def test_a_file_cut_inside_its_second_revision_is_refused(tmp_path: Path) -> None:
    first = drawn(contract)
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
    data = drawn(contract)
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
    writer = PdfWriter(clone_from=io.BytesIO(drawn(contract)))
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
    data = drawn(contract)
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


def test_a_broken_pdf_in_a_folder_is_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    data = drawn(contract)
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
