"""Files in, one immutable Document out: text, sections, spans and a report of what was not read."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.cache import PartCache
    from ingest.document import Artifact, Document, IngestError, IngestReport, Limits, Section, Span, Unread
    from ingest.encode import Encoded, encode
    from ingest.load import load

_HOMES = {
    "ingest.cache": ("PartCache",),
    "ingest.document": (
        "Artifact",
        "Document",
        "IngestError",
        "IngestReport",
        "Limits",
        "Section",
        "Span",
        "Unread",
    ),
    "ingest.encode": ("Encoded", "encode"),
    "ingest.load": ("load",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Artifact",
    "Document",
    "Encoded",
    "IngestError",
    "IngestReport",
    "Limits",
    "PartCache",
    "Section",
    "Span",
    "Unread",
    "encode",
    "load",
]


def __getattr__(name: str) -> Any:
    """Imported when first used: a sandboxed child starts five times faster without what it does not need."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value
