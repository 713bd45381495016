"""One page of a PDF as a picture, with the boxes of a quote; the file is opened in the sandbox only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO

from ingest.document import BrokenFileError, EncryptedFileError, IngestError, Limits, MissingFileError
from ingest.pdf.boxes import Box
from ingest.sandbox import messages

PIXELS = 1400  # of a picture's width: sharp at twice the width of a column
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A PNG of `width` × `height` pixels. `boxes`: where the quote stands, a box a line, in shares of the picture."""

    png: bytes
    width: int
    height: int
    boxes: tuple[Box, ...]


def page_picture(
    source: BinaryIO | bytes,
    name: str,
    page: int,
    *,
    limits: Limits,
    quote: str = "",
    nth: int = 0,
    pixels: int = PIXELS,
    password: str | None = None,
) -> PagePicture:
    """Page `page` (from 1), `pixels` wide, and the boxes of the quote's place number `nth` on it; none if not found.

    Raises IngestError that says why there is no picture.
    """
    request = {"page": page, "quote": quote, "nth": nth, "pixels": pixels, "password": password}
    quick = replace(limits, parse_seconds=min(SECONDS, limits.parse_seconds))
    boxes: tuple[Box, ...] = ()
    for message in messages("ingest.pdf.draw", source, request, name=name, limits=quick):
        if "error" in message:
            raise _failure(str(message["error"]), str(message.get("detail", "")), name, page)
        if "boxes" in message:
            boxes = tuple(_box(row) for row in message["boxes"])
        elif "raw" in message:
            return PagePicture(message["data"], int(message["width"]), int(message["height"]), boxes)
    raise _failure("damaged", "", name, page)


def _box(row: list[float]) -> Box:
    left, top, right, bottom = (min(max(float(each), 0.0), 1.0) for each in row)
    return left, top, right, bottom


def _failure(kind: str, detail: str, name: str, page: int) -> IngestError:
    if kind == "password":
        return EncryptedFileError(f"{name} is encrypted and its password is not kept, so its pages cannot be drawn.")
    if kind == "page":
        return MissingFileError(f"{name} has {int(detail):,} pages, there is no page {page:,}.")
    return BrokenFileError(f"Page {page:,} of {name} cannot be drawn: the file is damaged there.")
