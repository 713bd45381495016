"""Files in, one immutable Document out: text, sections, spans and a report of what was not read."""

from ingest.document import Document, IngestError, IngestReport, Limits, Section, Span, Unread
from ingest.encode import Encoded, encode
from ingest.load import load

__all__ = [
    "Document",
    "Encoded",
    "IngestError",
    "IngestReport",
    "Limits",
    "Section",
    "Span",
    "Unread",
    "encode",
    "load",
]
