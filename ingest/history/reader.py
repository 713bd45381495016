"""A JSON file → Part: a customer history if it has the shape of one, otherwise source code."""

from __future__ import annotations

from ingest.code import reader as code
from ingest.history.parse import parse
from ingest.history.render import render
from ingest.part import Part, Request


def read(data: bytes, name: str, request: Request) -> Part:
    """Sessions with their headers, or the JSON as written; a damaged history is an error, never source code."""
    parsed = parse(data, name)
    return code.read(data, name, request) if parsed is None else render(parsed, name, request)
