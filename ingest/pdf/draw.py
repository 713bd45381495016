"""The part of drawing a page that runs inside the sandbox: bytes → one picture, and where a quote stands on it.

Messages: {"error": kind, "detail": text} ends it; {"boxes": [[left, top, right, bottom], …]} in shares of the picture;
then {"raw": n, "width", "height"} with the PNG.
"""

from __future__ import annotations

import io
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]
from PIL import Image, ImageChops
from pypdfium2 import PdfiumError

from ingest.pdf.boxes import Box, find_quote, joined
from ingest.pdf.worker import Send

MOST_PIXELS = 6_000_000
MAX_GLYPHS = 200_000  # of a page that is searched for a quote
MAX_BOXES = 400
PALE = 6  # how far the colours of a pixel may lie apart in a picture that counts as grey
_HYPHENS = {0x02: "-", 0xFFFE: "-", 0xAD: "-"}  # PDFium marks a hyphen at a line's end


def work(data: bytes, request: dict[str, Any], send: Send) -> None:
    """Draws page `page` (from 1), `pixels` wide; `quote` and `nth`: what is boxed; `password`, if there is one."""
    try:
        document = pypdfium2.PdfDocument(data, password=request.get("password") or None)
    except PdfiumError as error:
        return send({"error": "password" if "password" in str(error).lower() else "damaged"})
    try:
        number = int(request["page"])
        if not 1 <= number <= len(document):
            return send({"error": "page", "detail": str(len(document))})
        try:
            _draw(document[number - 1], request, send)
        except PdfiumError:
            send({"error": "damaged"})
    finally:
        document.close()


def _draw(page: pypdfium2.PdfPage, request: dict[str, Any], send: Send) -> None:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        return send({"error": "damaged"})
    scale = min(request["pixels"] / width, (MOST_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale)
    boxes = _boxes(page, bitmap, str(request.get("quote", "")), int(request.get("nth", 0)))
    send({"boxes": boxes[:MAX_BOXES]})
    picture = bitmap.to_pil().convert("RGB")
    size = picture.size
    out = io.BytesIO()
    (picture.convert("L") if _is_grey(picture) else picture).save(out, "PNG", compress_level=6)
    send({"raw": len(out.getvalue()), "width": size[0], "height": size[1]}, out.getvalue())


def _boxes(page: pypdfium2.PdfPage, bitmap: pypdfium2.PdfBitmap, quote: str, nth: int) -> list[Box]:
    if not quote:
        return []
    text = page.get_textpage()
    try:
        count = min(text.count_chars(), MAX_GLYPHS)
        characters = [_character(pdfium.FPDFText_GetUnicode(text, index)) for index in range(count)]
        place = bitmap.get_posconv(page)
        found = []
        for index in find_quote(characters, quote, nth):
            left, bottom, right, top = text.get_charbox(index, loose=True)
            corners = [place.to_bitmap(left, top), place.to_bitmap(right, bottom)]
            xs, ys = sorted(x for x, _ in corners), sorted(y for _, y in corners)
            found.append((float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1])))
    finally:
        text.close()
    wide, high = bitmap.width, bitmap.height
    lines = joined(box for box in found if box[2] > box[0] and box[3] > box[1])
    return [(x0 / wide, y0 / high, x1 / wide, y1 / high) for x0, y0, x1, y1 in lines]


def _character(code: int) -> str:
    return _HYPHENS.get(code) or (chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd")


def _is_grey(picture: Image.Image) -> bool:
    """Whether it has no colours: most pages are a third of the size then."""
    red, green, blue = picture.split()
    apart = (ImageChops.difference(red, green).getextrema(), ImageChops.difference(green, blue).getextrema())
    return all(float(str(high)) <= PALE for _, high in apart)
