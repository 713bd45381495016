"""A Markdown file → Part."""

from __future__ import annotations

from ingest.part import Part, Request
from ingest.plain.prose import read_lines


def read(data: bytes, name: str, request: Request) -> Part:
    """Text as written; sections from # headers and underlined ones, and from numbering below them."""
    return read_lines(data, name, "markdown", markdown=True)
