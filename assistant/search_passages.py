"""A document in pieces for people's full-text search: its pages, or paragraphs together where it has none."""

from __future__ import annotations

from collections.abc import Iterator

from ingest import Document, Span
from storage.records import Passage

PIECE = 4000  # characters after which a piece ends at the next empty line, or line end


def search_passages(document: Document) -> list[Passage]:
    """All of the document's text but white space, each piece with the page or line on which it starts."""
    return [passage for span in document.spans for passage in _of(document, span)]


def _of(document: Document, span: Span) -> Iterator[Passage]:
    start = span.start
    while start < span.end:
        end = span.end if span.page is not None else _cut(document.text, start, span.end)
        if document.text[start:end].strip():
            yield Passage(document.text[start:end], span.path, start, span.page, document.line_of(start))
        start = end


def _cut(text: str, start: int, end: int) -> int:
    if end - start <= PIECE:
        return end
    for mark in ("\n\n", "\n", " "):
        found = text.find(mark, start + PIECE, min(end, start + 2 * PIECE))
        if found >= 0:
            return found + len(mark)
    return min(end, start + 2 * PIECE)
