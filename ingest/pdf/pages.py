"""One page → the message about it: its lines in reading order, or what is wrong with it; runs in the sandbox."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from pypdf import PageObject
from pypdfium2 import PdfiumError

from ingest.pdf.annotations import page_notes
from ingest.pdf.damage import PART_MISSING, WRONG_CHECKSUM, DamageCheck, Faults
from ingest.pdf.footnotes import body_size, move_notes
from ingest.pdf.glyphs import Glyphs, read_glyphs
from ingest.pdf.layout import read_lines
from ingest.pdf.line import Line
from ingest.text import normalise

UNKNOWN_SHARE = 0.2  # of the characters of a page: more without a meaning is worth a warning
UNKNOWN = "its fonts do not tell which characters they show: part of its text is unreadable"


class PageReader:
    """Reads page after page, by PDFium where it can and by pypdf where it cannot."""

    def __init__(self, data: bytes, password: str | None, faults: Faults) -> None:
        self.faults, self.check = faults, DamageCheck()
        self.sizes: Counter[float] = Counter()
        self.drawn: pypdfium2.PdfDocument | None
        try:
            self.drawn = pypdfium2.PdfDocument(data, password=password or None)
        except PdfiumError:
            self.drawn = None

    def close(self) -> None:
        """Gives PDFium's memory back."""
        if self.drawn is not None:
            self.drawn.close()

    def read(self, page: PageObject, index: int, count: int) -> dict[str, Any]:
        """The message about a page; one bad page must not hide the others."""
        self.faults.loss = False
        try:
            damage = self._decoding(page) or self.check.page(page)
            glyphs, lines = self._lines(page, index, count)
            notes = page_notes(page, glyphs, [line.text for line in lines])
        except MemoryError:
            raise
        except Exception as error:  # whatever a parser stumbles over: the page is reported as unread
            return _message([], [], fault=f"damaged ({type(error).__name__})")
        doubt = damage if damage == WRONG_CHECKSUM else None
        chars = sum(len(line.text) for line in lines)
        if glyphs is not None and doubt is None and glyphs.unknown > UNKNOWN_SHARE * max(chars, 1):
            doubt = UNKNOWN
        fault = None if doubt else damage
        message = _message(lines if fault is None else [], notes, fault=fault, doubt=doubt)
        message["image"] = has_image(page)
        if glyphs is not None:
            message["width"], message["height"] = glyphs.width, glyphs.height
        return message

    def _decoding(self, page: PageObject) -> str | None:
        """What comes out when all of its content is decoded once."""
        contents = page.get_contents()
        if contents is None:
            return "damaged: its content is missing" if "/Contents" in page else None
        contents.get_data()
        return PART_MISSING if self.faults.loss else None

    def _lines(self, page: PageObject, index: int, count: int) -> tuple[Glyphs | None, list[Line]]:
        glyphs: Glyphs | None = None
        if self.drawn is not None and len(self.drawn) == count:
            try:
                drawn = self.drawn[index]
                try:
                    glyphs = read_glyphs(drawn)
                finally:
                    drawn.close()
            except PdfiumError:
                glyphs = None
        if glyphs is None or not (glyphs.words or glyphs.aside):
            return glyphs, _plain_lines(page)
        lines = read_lines(glyphs)
        self.sizes += body_size(lines)
        size = max(body_size(lines).most_common(1)[0][0], self.sizes.most_common(1)[0][0])
        for line in lines:
            line.text = normalise(line.text).replace("\n", " ").strip()
        lines = [line for line in lines if line.text]
        return glyphs, move_notes(lines, size, glyphs.height, glyphs.rules)


def _plain_lines(page: PageObject) -> list[Line]:
    """The text in the order of the content, without places."""
    rows = normalise(page.extract_text()).split("\n")
    return [Line(row.rstrip(), 0.0, False, 0.0, 0.0, 0.0, 0.0) for row in rows if row.strip()]


def _message(lines: list[Line], notes: list[str], *, fault: str | None, doubt: str | None = None) -> dict[str, Any]:
    rows = [line.row() for line in lines]
    return {"lines": rows, "notes": notes, "fault": fault, "doubt": doubt, "image": False, "width": 0.0, "height": 0.0}


def has_image(page: PageObject) -> bool:
    """Whether the page draws a picture."""
    try:
        objects = page["/Resources"].get_object()["/XObject"].get_object()  # type: ignore[index]
        return any(item.get_object().get("/Subtype") == "/Image" for item in objects.values())
    except (KeyError, AttributeError, TypeError):
        return False


def picture(drawn: pypdfium2.PdfDocument, index: int, dots: float, most_pixels: int) -> bytes:
    """A page as a grey PNG of at most `most_pixels`."""
    page = drawn[index]
    try:
        width, height = page.get_size()
        scale = min(dots / 72, (most_pixels / max(width * height, 1.0)) ** 0.5)
        bitmap = page.render(scale=scale, grayscale=True, may_draw_forms=False)
        out = io.BytesIO()
        bitmap.to_pil().save(out, "PNG", compress_level=1)
        bitmap.close()
        return out.getvalue()
    finally:
        page.close()
