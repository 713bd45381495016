"""A plain text → Part: decoded, cut into sections by its numbering and capitals."""

from __future__ import annotations

from collections.abc import Callable

from ingest.document import EmptyFileError, LimitError
from ingest.part import Part, Request
from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages
from ingest.text import decode, split_lines

MAX_CUT = 20_000_000  # characters; beyond that the evidence for sections would not fit in memory
NOT_CUT = f"longer than {MAX_CUT:,} characters: all of it is read, but its sections are not located"

Ranges = list[tuple[int, int]]


def read(data: bytes, name: str, request: Request) -> Part:
    """Text in any encoding; a text with markdown headers is cut at those."""
    part = plain_part(data, name, request, "text")
    return cut(part, name)


def plain_part(data: bytes, name: str, request: Request, format_name: str) -> Part:
    """The text as written, without sections."""
    decoded, warning = decode(data)
    if len(decoded) > request.max_chars:
        raise LimitError(f"{name} holds more text than the limit of {request.max_chars:,} characters: split it.")
    text, spans = split_lines(decoded, name)
    if not text.strip():
        raise EmptyFileError(f"{name} holds nothing but white space: give a file with text in it.")
    return Part(text, spans, format=format_name, warnings=[f"{name}: {warning}"] if warning else [])


def cut(
    part: Part, name: str, *, markdown: bool | None = None, quiet: Callable[[str], Ranges] = lambda text: []
) -> Part:
    """Finds the sections of a part, none inside `quiet`; `markdown` None: if there are two markdown headers."""
    text = part.text
    if len(text) > MAX_CUT:
        part.warnings.append(f"{name}: {NOT_CUT}")
        return part
    lines = split_pages(text, [(0, len(text))])
    ranges = iter(quiet(text))
    start, end = next(ranges, (len(text), len(text)))
    for line in lines:
        while line.start >= end and end < len(text):
            start, end = next(ranges, (len(text), len(text)))
        line.running |= start <= line.start < end
    marked = sum(line.text.startswith(("# ", "## ", "### ")) for line in lines) >= 2 if markdown is None else markdown
    part.sections = find_sections(lines, len(text), markdown=marked)
    return part
