"""A JSON file → Part: a customer history if it has the shape of one, otherwise source code."""

from __future__ import annotations

from ingest.code import reader as code
from ingest.part import Part, Request


def read(data: bytes, name: str, request: Request) -> Part:
    """Sessions with their headers, or the JSON as written."""
    return code.read(data, name, request)
