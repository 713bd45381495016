"""Part: what one file gives to a Document."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.document import Section, Span, Unread


@dataclass(slots=True)
class Part:
    """One file's text, spans and sections, offsets from its own start; the text ends in a newline."""

    text: str
    spans: list[Span]
    sections: list[Section] = field(default_factory=list)
    pages: int = 0
    unread: list[Unread] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
