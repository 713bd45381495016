"""A source file → Part without an outline: the way to its text where making an outline breaks or takes too long."""

from __future__ import annotations

from ingest.code.reader import read_text
from ingest.part import Part, Request


def read(data: bytes, name: str, request: Request) -> Part:
    """The text as written, `outlined` false."""
    part, _ = read_text(data, name, request)
    part.outlined = False
    return part
