"""The part of PDF reading that runs inside the sandbox: bytes → messages of plain data, one a page.

Messages: {"error": kind, "detail": text} ends it; {"pages": n, "labels": [...]|null}; then for each page
{"lines": [[text, size, bold, x0, top, x1, base, column, kind], …], "notes": [text, …], "fault": text|null,
"doubt": text|null, "image": bool, "width", "height"}, and before it, for text recognition, {"raw": n} with its
picture; {"outline": [[title, depth, page], …], "outline_cut": bool}; {"faults": [text, …]}.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any, Protocol

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import Destination

from ingest.pdf.damage import Faults
from ingest.pdf.pages import PageReader, picture
from ingest.text import normalise, one_line

TAIL_BYTES = 1024  # the end mark belongs in the last 1024 bytes
NO_END_MARK = "no end mark"
MAX_OUTLINE = 20_000
FEW_CHARS = 100  # a page with a picture and less text than this may be a scan with a stamp on it
DOTS, MOST_PIXELS = 300, 12_000_000  # of a picture for text recognition
_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")
_START = re.compile(rb"startxref\s+(\d+)\s*$")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d+)|/L\s+(\d+)[^>]{0,200}?/Linearized\b")


class Send(Protocol):
    """Sends a message to the parent, and bytes after it."""

    def __call__(self, message: dict[str, Any], data: bytes = b"") -> None: ...


def truncation(data: bytes) -> tuple[bool, str | None]:
    """(cut short, fault): a file without its end is cut short; a sloppy end is only a fault."""
    declared = _LINEARIZED.search(data[:TAIL_BYTES])
    if declared and int(declared[1] or declared[2]) > len(data):
        return True, None
    end = data.rfind(b"%%EOF")
    tail = data[end + 5 :] if end >= 0 else data
    if end >= 0 and not _OBJECT.search(tail):
        return False, "data after its end mark" if len(tail) > TAIL_BYTES else None
    pointer = _START.search(data[-TAIL_BYTES:].rstrip())
    if pointer and int(pointer[1]) < len(data):  # the table's address is the last thing written before the mark
        place = data[int(pointer[1]) : int(pointer[1]) + 32].lstrip()
        if place.startswith(b"xref") or _OBJECT.match(place):
            return False, NO_END_MARK
    return True, None


def work(data: bytes, request: dict[str, Any], send: Send) -> None:
    """Reads the PDF in `data`; `request` holds max_pages, max_chars and, if wanted, password and ocr."""
    cut, fault = truncation(data)
    if cut:
        return send({"error": "truncated"})
    with Faults() as faults:
        if fault:
            faults.seen[fault] = None
        if fault == NO_END_MARK:
            data += b"\n%%EOF\n"  # pypdf looks for it before anything else
        _read(data, request, send, faults)


def _read(data: bytes, request: dict[str, Any], send: Send, faults: Faults) -> None:
    password = request.get("password")
    try:
        reader = PdfReader(io.BytesIO(data))
        opened = ""
        if reader.is_encrypted and not reader.decrypt(""):
            if not password:
                return send({"error": "encrypted"})
            if not reader.decrypt(password):
                return send({"error": "password"})
            opened = password
        count = len(reader.pages)
        declared = reader.root_object["/Pages"].get_object().get("/Count", count)  # type: ignore[union-attr]
    except DependencyError:
        return send({"error": "encrypted"})
    if count == 0 or (isinstance(declared, int) and declared > count):
        return send({"error": "pages", "detail": f"{count} of {declared}"})
    if count > request["max_pages"]:
        return send({"error": "max_pages", "detail": str(count)})
    labels = [normalise(label) for label in reader.page_labels] if "/PageLabels" in reader.root_object else None
    send({"pages": count, "labels": labels})
    pages = PageReader(data, opened, faults)
    try:
        chars = 0
        for index, page in enumerate(reader.pages):
            message = pages.read(page, index, count)
            size = sum(len(line[0]) + 1 for line in message["lines"])
            chars += size + sum(len(note) + 1 for note in message["notes"])
            if chars > request["max_chars"]:
                return send({"error": "max_chars"})
            wanted = request.get("ocr") and message["fault"] is None
            if wanted and pages.drawn is not None and (size == 0 or (message["image"] and size < FEW_CHARS)):
                png = picture(pages.drawn, index, DOTS, MOST_PIXELS)
                send({"raw": len(png)}, png)
            send(message)
    finally:
        pages.close()
    outline, whole = _outline(reader)
    send({"outline": outline, "outline_cut": not whole})
    send({"faults": list(faults.seen)[:3]})


def _outline(reader: PdfReader) -> tuple[list[tuple[str, int, int]], bool]:
    """Bookmarks in order as (title, depth from 1, page index), and whether these are all."""
    found: list[tuple[str, int, int]] = []
    try:
        for entry, depth in _entries(reader.outline):
            if len(found) >= MAX_OUTLINE:
                return found, False
            page = reader.get_destination_page_number(entry)
            title = one_line(str(entry.title or "")).strip()[:500]
            if page is not None and page >= 0 and title:
                found.append((title, depth, page))
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return [], False  # headings still come from the text
    return found, True


def _entries(outline: list[Any]) -> Iterator[tuple[Destination, int]]:
    pending: list[tuple[Any, int]] = [(item, 1) for item in reversed(outline)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, list):
            pending += [(child, depth + 1) for child in reversed(item)]
        elif isinstance(item, Destination):
            yield item, depth
