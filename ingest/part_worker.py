"""Runs in the sandbox: one file's bytes through the reader of its format, and the Part back as a message.

Request: {"reader": module, "format", "name": display path, "tree": found in a folder or archive, "insisted": read it
even if generated, "options": fields of Request}. Answer: {"part": …}, {"left": why it is not worth reading} or
{"error": class, "detail": sentence}.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ingest.document import IngestError
from ingest.part import Part, Request, to_wire
from ingest.text import decode

TEXTUAL = frozenset(("code", "json", "text", "markdown", "rst", "csv", "html"))
ALWAYS_MASKED = frozenset(("code", "json"))  # elsewhere only in trees: a contract may print what looks like a key


def work(data: bytes, request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """Reads one file."""
    name, kind = request["name"], request["format"]
    warnings: list[str] = []
    if kind in TEXTUAL and (request["tree"] or kind in ALWAYS_MASKED):
        data, warnings, reason = _screen(data, name, judge=request["tree"] and not request["insisted"])
        if reason:
            return send({"left": reason})
    read = importlib.import_module(request["reader"]).read
    try:
        part: Part = read(data, name, Request(**request["options"]))
        part.check()
    except IngestError as error:
        return send({"error": type(error).__name__, "detail": str(error)})
    part.warnings += warnings
    send({"part": to_wire(part)})


def _screen(data: bytes, name: str, *, judge: bool) -> tuple[bytes, list[str], str | None]:
    """The bytes with secrets masked, what was masked, and why the file is not worth reading at all."""
    from ingest.tree.generated import generated_reason
    from ingest.tree.secrets import mask

    text, doubt = decode(data)
    if judge and (reason := generated_reason(name, text)):
        return data, [], reason
    masked, found = mask(text, name)
    if not found:
        return data, [], None
    listed = ", ".join(f"{each.kind} in line {each.line}" for each in found[:20])
    more = f" and {len(found) - 20} more" if len(found) > 20 else ""
    warnings = [f"{name}: secrets were masked: {listed}{more}"] + ([f"{name}: {doubt}"] if doubt else [])
    return masked.encode("utf-8", "replace"), warnings, None
