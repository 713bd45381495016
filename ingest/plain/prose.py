"""A plain text → Part: decoded, cut into sections by its numbering and capitals."""

from __future__ import annotations

from ingest.document import EmptyFileError
from ingest.part import Part, Request
from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages
from ingest.text import decode, split_lines


def read(data: bytes, name: str, request: Request) -> Part:
    """Text in any encoding; a text with markdown headers is cut at those."""
    return read_lines(data, name, "text")


def read_lines(data: bytes, name: str, format_name: str, *, markdown: bool | None = None) -> Part:
    """`markdown` None: if the text has at least two markdown headers."""
    decoded, warning = decode(data)
    text, spans = split_lines(decoded, name)
    if not text.strip():
        raise EmptyFileError(f"{name} holds nothing but white space: give a file with text in it.")
    part = Part(text, spans, format=format_name, warnings=[f"{name}: {warning}"] if warning else [])
    lines = split_pages(text, [(0, len(text))])
    marked = sum(line.text.startswith(("# ", "## ", "### ")) for line in lines) >= 2 if markdown is None else markdown
    part.sections = find_sections(lines, len(text), markdown=marked)
    return part
