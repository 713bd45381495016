"""Damage inside a page that pypdf reads over in silence: content streams cut short or with flipped bits.

pypdf decodes as much of a compressed stream as it can and returns that, so half a page can go missing
unnoticed. Each compressed stream a page draws from is therefore inflated once more here, strictly.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterator
from typing import Any

from pypdf import PageObject

from ingest.text import one_line

PART_MISSING = "damaged: part of its text may be missing"
WRONG_CHECKSUM = "the checksum of its content is wrong, its text may be damaged"

MAX_OUTPUT = 75_000_000  # bytes of one stream, as in pypdf's own limit
MAX_STREAMS = 5_000  # of one page
_STEP = 1 << 20
_LOSS = re.compile(r"Impossible to decode|while decompressing|not defined|Invalid Elementary|Odd-length")
_STRUCTURAL = re.compile(r"xref|startxref|EOF|not defined|rebuil|trailer|stream", re.IGNORECASE)
_KEPT = 20  # different faults


class Faults(logging.Handler):
    """Collects what pypdf had to repair, in its own words, while the `with` lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, None] = {}
        self.loss = False  # something of the page now being read could not be decoded

    def __enter__(self) -> Faults:
        logging.getLogger("pypdf").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("pypdf").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Remembers a message that speaks of the file's structure."""
        message = record.getMessage()
        self.loss = self.loss or bool(_LOSS.search(message))
        if _STRUCTURAL.search(message) and len(self.seen) < _KEPT:
            self.seen[one_line(message)[:120]] = None


class DamageCheck:
    """Verdicts on streams, each inflated once however many pages use it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, str | None]] = {}  # holding the stream keeps its id from being reused

    def page(self, page: PageObject) -> str | None:
        """PART_MISSING, WRONG_CHECKSUM or None for a page whose streams are whole."""
        worst: str | None = None
        for stream in _streams(page):
            if id(stream) not in self._known:
                self._known[id(stream)] = stream, _verdict(stream)
            verdict = self._known[id(stream)][1]
            if verdict == PART_MISSING:
                return verdict
            worst = verdict or worst
        return worst


def _streams(page: PageObject) -> Iterator[Any]:
    """The content streams of a page and the forms it may draw, innermost included."""
    contents = _resolve(page.get("/Contents"))
    pending = [_resolve(item) for item in contents] if isinstance(contents, list) else [contents]
    pending += _forms(page)
    seen: set[int] = set()
    while pending and len(seen) < MAX_STREAMS:
        stream = pending.pop()
        if stream is None or id(stream) in seen or not hasattr(stream, "get_data"):
            continue
        seen.add(id(stream))
        yield stream
        pending += _forms(stream)


def _forms(owner: Any) -> list[Any]:
    resources = _resolve(owner.get("/Resources"))
    objects = _resolve(resources.get("/XObject")) if isinstance(resources, dict) else None
    if not isinstance(objects, dict):
        return []
    found = [_resolve(item) for item in list(objects.values())[:MAX_STREAMS]]
    return [item for item in found if isinstance(item, dict) and item.get("/Subtype") == "/Form"]


def _resolve(item: Any) -> Any:
    return item.get_object() if hasattr(item, "get_object") else item


def _verdict(stream: Any) -> str | None:
    filters = _resolve(stream.get("/Filter"))
    first = filters[0] if isinstance(filters, list) and filters else filters
    if first not in ("/FlateDecode", "/Fl"):
        return None
    return inflate_fault(getattr(stream, "_data", b""))


def inflate_fault(raw: bytes) -> str | None:
    """What is wrong with a zlib stream; a checksum that is merely absent is a habit of some writers."""
    if not raw.strip():
        return None
    try:
        if _inflate(raw, zlib.MAX_WBITS):
            return None
    except zlib.error as error:
        return WRONG_CHECKSUM if "incorrect data check" in str(error) else PART_MISSING
    try:
        return None if _inflate(raw[2:], -zlib.MAX_WBITS) else PART_MISSING
    except zlib.error:
        return PART_MISSING


def _inflate(raw: bytes, window: int) -> bool:
    """Whether the stream reaches its end; stops counting at MAX_OUTPUT, where pypdf itself refuses."""
    inflater = zlib.decompressobj(window)
    rest, size = raw, 0
    while not inflater.eof:
        out = inflater.decompress(rest, _STEP)
        size += len(out)
        rest = inflater.unconsumed_tail
        if size > MAX_OUTPUT:
            return True
        if not out and not rest:
            return False
    return True
