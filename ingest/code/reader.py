"""A source file → Part."""

from __future__ import annotations

from ingest.document import EmptyFileError
from ingest.part import Part, Request
from ingest.text import decode, split_lines


def read(data: bytes, name: str, request: Request) -> Part:
    """Text as written, line by line."""
    decoded, warning = decode(data)
    text, spans = split_lines(decoded, name)
    if not text.strip():
        raise EmptyFileError(f"{name} holds nothing but white space: give a file with text in it.")
    warnings = [f"{name}: {warning}"] if warning else []
    return Part(text, spans, warnings=warnings, format="code", outlined=False)
