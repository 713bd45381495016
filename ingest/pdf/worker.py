"""The part of PDF reading that runs inside the sandbox: bytes → messages of plain data, one a page.

Messages: {"error": kind, "detail": text} ends it; {"pages": n, "labels": [...]|null}; then for each page
{"text", "runs": [[chars, size, bold], …], "fault": text|null, "doubt": text|null, "image": bool};
{"outline": [[title, depth, page], …]}; {"faults": [text, …]}. Sizes are in page units after scaling.
"""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Callable
from typing import Any

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError
from pypdf.generic import Destination

from ingest.pdf.damage import PART_MISSING, WRONG_CHECKSUM, DamageCheck
from ingest.text import normalise, one_line

Send = Callable[[dict[str, Any]], None]

TAIL_BYTES = 1024  # the end mark belongs in the last 1024 bytes
NO_END_MARK = "no end mark"
MAX_OUTLINE = 20_000
_OBJECT = re.compile(rb"\d+\s+\d+\s+obj\b")
_START = re.compile(rb"startxref\s+(\d+)\s*$")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d+)|/L\s+(\d+)[^>]{0,200}?/Linearized\b")
_LOSS = re.compile(r"Impossible to decode|while decompressing|not defined|Invalid Elementary|Odd-length")
_STRUCTURAL = re.compile(r"xref|startxref|EOF|not defined|rebuil|trailer|stream", re.IGNORECASE)


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
    """Reads the PDF in `data`; `request` holds max_pages and max_chars."""
    cut, fault = truncation(data)
    if cut:
        return send({"error": "truncated"})
    faults = _Faults()
    logging.getLogger("pypdf").addHandler(faults)
    if fault:
        faults.seen[fault] = None
    if fault == NO_END_MARK:
        data += b"\n%%EOF\n"  # pypdf looks for it before anything else
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return send({"error": "encrypted"})
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
    chars = 0
    check = DamageCheck()
    for page in reader.pages:
        message = _page(page, faults, check)
        chars += len(message["text"])
        if chars > request["max_chars"]:
            return send({"error": "max_chars"})
        send(message)
    send({"outline": _outline(reader)})
    send({"faults": list(faults.seen)[:3]})


def _page(page: PageObject, faults: _Faults, check: DamageCheck) -> dict[str, Any]:
    chunks: list[tuple[str, float, bool]] = []

    def visit(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        if text:
            chunks.append((normalise(text), _effective(size, cm, tm), _is_bold(font)))

    faults.loss = False
    try:
        text = normalise(page.extract_text(visitor_text=visit))
        damage = PART_MISSING if faults.loss else check.page(page)
        if "/Contents" in page and page.get_contents() is None:
            damage = "damaged: its content is missing"
    except MemoryError:
        raise
    except Exception as error:  # one bad page must not hide the others; it is reported as unread
        fault = f"damaged ({type(error).__name__})"
        return {"text": "", "runs": [], "fault": fault, "doubt": None, "image": False}
    runs: list[tuple[int, float, bool]] = []
    if "".join(chunk[0] for chunk in chunks) == text:
        for part, size, bold in chunks:
            if runs and (runs[-1][1:] == (size, bold) or not part.strip()):
                runs[-1] = (runs[-1][0] + len(part), *runs[-1][1:])
            else:
                runs.append((len(part), size, bold))
    doubt = damage if damage == WRONG_CHECKSUM else None
    lost = None if doubt else damage
    return {"text": text, "runs": runs, "fault": lost, "doubt": doubt, "image": _has_image(page)}


def _effective(size: float, cm: list[float], tm: list[float]) -> float:
    """The font size as seen: the Tf operand alone is 1 wherever the text matrix does the scaling."""
    up = (tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3])
    seen = abs(size) * math.hypot(*up)
    return round(seen, 1) if math.isfinite(seen) else 0.0


def _is_bold(font: Any) -> bool:
    return font is not None and "bold" in str(font.get("/BaseFont", "")).lower()


def _has_image(page: PageObject) -> bool:
    try:
        objects = page["/Resources"].get_object()["/XObject"].get_object()  # type: ignore[index]
        return any(item.get_object().get("/Subtype") == "/Image" for item in objects.values())
    except (KeyError, AttributeError, TypeError):
        return False


def _outline(reader: PdfReader) -> list[tuple[str, int, int]]:
    """Bookmarks in order as (title, depth from 1, page index); none at all if the outline is damaged."""
    found: list[tuple[str, int, int]] = []
    try:
        pending: list[tuple[Any, int]] = [(item, 1) for item in reversed(reader.outline)]
        while pending and len(found) < MAX_OUTLINE:
            item, depth = pending.pop()
            if isinstance(item, list):
                pending.extend((child, depth + 1) for child in reversed(item))
            elif isinstance(item, Destination):
                page = reader.get_destination_page_number(item)
                title = " ".join(normalise(str(item.title or "")).split())
                if page is not None and page >= 0 and title:
                    found.append((title[:400], depth, page))
    except MemoryError:
        raise
    except Exception:  # headings can still come from the text
        return []
    return found


class _Faults(logging.Handler):
    """Collects what pypdf had to repair, in its own words, without numbers that differ a line."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, None] = {}
        self.loss = False  # something of the page now being read could not be decoded

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self.loss = self.loss or bool(_LOSS.search(message))
        if _STRUCTURAL.search(message) and len(self.seen) < 20:
            self.seen[one_line(message)[:120]] = None
