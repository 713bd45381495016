"""Runs in the sandbox: one file's bytes through the reader of its format, and the Part back as a message."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ingest.document import IngestError
from ingest.part import Part, Request, to_wire


def work(data: bytes, request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """`request`: {"reader": module, "name": display path, "options": the fields of Request}."""
    read = importlib.import_module(request["reader"]).read
    try:
        part: Part = read(data, request["name"], Request(**request["options"]))
        part.check()
    except IngestError as error:
        return send({"error": type(error).__name__, "detail": str(error)})
    send({"part": to_wire(part)})
