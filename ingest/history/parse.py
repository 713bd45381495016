"""A JSON file → histories, by its shape and never by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest.document import BrokenFileError
from ingest.history import import_format, intercom, zendesk
from ingest.history.session import History, Parsed
from ingest.history.source import Source, load
from ingest.text import decode


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of file: the objects it claims, its reader, and what stands in its text (any hint, all that is sure)."""

    claims: Callable[[object], bool]
    read: Callable[[Source, str], Parsed]
    hints: tuple[str, ...]
    sure: tuple[str, ...]


SHAPES = (
    Shape(import_format.claims, import_format.read, import_format.HINTS, import_format.SURE),
    Shape(zendesk.claims, zendesk.read, zendesk.HINTS, zendesk.SURE),
    Shape(intercom.claims, intercom.read, intercom.HINTS, intercom.SURE),
)


def parse_history(data: bytes, name: str) -> tuple[History, ...]:
    """The histories of a file as values; BrokenFileError for a file that holds none."""
    parsed = parse(data, name)
    if parsed is None:
        raise BrokenFileError(f"{name} is not a customer history: give our import format, Zendesk or Intercom JSON.")
    return parsed.histories


def parse(data: bytes, name: str) -> Parsed | None:
    """The histories of a file and what of it they lack; None for a file that does not mean to be a history.

    BrokenFileError where it means to be one and is damaged.
    """
    text, warning = decode(data)
    if text.lstrip()[:1] not in ("{", "[") or not any(hint in text for shape in SHAPES for hint in shape.hints):
        return None
    try:
        source = load(text, name)
    except BrokenFileError:
        if any(all(word in text for word in shape.sure) for shape in SHAPES):
            raise
        return None  # some other damaged JSON: it is read as written
    del text  # a large export is held twice otherwise
    shape = next((shape for shape in SHAPES if any(shape.claims(record.value) for record in source.records)), None)
    if shape is None:
        return None
    parsed = shape.read(source, name)
    warnings = [f"{name}: {warning}."] if warning else []
    if source.repeated:
        warnings.append(f"{name}: “{source.repeated[0][:40]}” stands twice in one object: only the last one is read.")
    return Parsed(parsed.histories, (*warnings, *parsed.warnings))
