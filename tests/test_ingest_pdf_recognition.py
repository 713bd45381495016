"""Text recognition of scanned pages: by Tesseract itself where it is installed, and by its answers played back."""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytesseract  # type: ignore[import-untyped]
import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingest.document import IngestError, NoTextError
from ingest.part import Part
from ingest.pdf import recognition
from ingest.pdf.recognition import recognise
from tests.ingest_pdf_cases import drawn, read, write

ROWS = ("1. SALE", "The seller sells the goods to the buyer.", "2. PRICE", "The buyer pays within thirty days.")


def scanned(canvas: Canvas) -> None:
    """Words on the first page, a picture of words on the second."""
    write(
        canvas,
        72,
        72,
        "These words are words of the file, and there are more than a hundred characters of them here,",
        "so that nobody would take this page for a scan.",
    )
    canvas.showPage()
    picture = Image.new("L", (1240, 1754), 255)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=36)
    for number, row in enumerate(ROWS):
        pen.text((140, 140 + 90 * number), row, fill=0, font=font)
    canvas.drawImage(ImageReader(picture), 0, 0, *A4)
    canvas.showPage()


def answered(**columns: list[Any]) -> dict[str, list[Any]]:
    """What Tesseract says of two words, with `columns` replaced."""
    two = {name: [1, 1] for name in ("block_num", "par_num", "line_num")}
    places = {"left": [300, 600], "top": [300, 300], "width": [200, 2480], "height": [50, 3508]}
    return {"text": ["1. SALE", " "], "conf": [90, -1], **two, **places, **columns}


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Tesseract answers this."""
    answer = answered()
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(pytesseract, "image_to_data", lambda *_, **__: answer)
    return answer


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")
def test_a_scanned_page_is_read() -> None:
    part = read(drawn(scanned), ocr=True)
    assert part.unread == [] and part.pages == 2
    assert [row for row in part.text[part.spans[1].start :].split("\n") if row] == list(ROWS)
    assert [each.title for each in part.sections] == ["1. SALE", "2. PRICE"]
    assert len(part.warnings) == 1 and part.warnings[0].startswith("file.pdf: p. 2 was read by text recognition (mean")


def test_only_pages_without_text_are_recognised(played: dict[str, list[Any]]) -> None:
    part = read(drawn(scanned), ocr=True)
    assert part.text[part.spans[0].start :].startswith("These words are words of the file")
    assert part.text[part.spans[1].start :] == "1. SALE\n"
    assert part.warnings == ["file.pdf: p. 2 was read by text recognition (mean confidence 90%)"]


def test_a_page_on_which_nothing_is_found_stays_unread(played: dict[str, list[Any]]) -> None:
    played.update(answered(text=["", " "]))
    part = read(drawn(scanned), ocr=True)
    assert [(item.page, item.reason) for item in part.unread] == [(2, "text recognition found no text")]

    def only_a_picture(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(Image.new("L", (40, 40))), 0, 0, 500, 700)
        canvas.showPage()

    with pytest.raises(NoTextError, match=r"^file\.pdf has no text .* text recognition found none: scan it again\.$"):
        read(drawn(only_a_picture), ocr=True)


def test_words_it_is_not_sure_of_are_left_out_and_lines_stand_where_they_were(played: dict[str, list[Any]]) -> None:
    out = io.BytesIO()
    Image.new("L", (9, 9)).save(out, "PNG")
    found = recognise(out.getvalue())
    assert found is not None and found.confidence == 90
    (line,) = found.lines
    assert (line.text, line.x0, line.top, line.x1) == ("1. SALE", 72.0, 72.0, 120.0)
    assert (round(found.width), round(found.height)) == (595, 842)


@pytest.mark.parametrize("error", [pytesseract.TesseractError(1, "bad"), RuntimeError("Tesseract process timeout")])
def test_a_failure_or_a_timeout_is_one_page_unread(
    played: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pytesseract, "image_to_data", fail)
    part: Part = read(drawn(scanned), ocr=True)
    assert [(item.page, item.reason) for item in part.unread] == [(2, "text recognition failed or took too long")]


def test_what_is_missing_is_told_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(
        IngestError, match=r"^file\.pdf cannot be read by text recognition here: install .*tesseract-ocr"
    ):
        read(drawn(scanned), ocr=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(IngestError, match=r"pytesseract .* and the program"):
        recognition.check_available("file.pdf")
