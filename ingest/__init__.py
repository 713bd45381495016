"""Files in, one immutable Document out: text, sections, spans and a report of what was not read."""

from ingest.cache import PartCache
from ingest.document import Artifact, Document, IngestError, IngestReport, Limits, Section, Span, Unread
from ingest.encode import Encoded, encode
from ingest.load import load

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
