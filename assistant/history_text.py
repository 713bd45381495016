"""A stored session → the text that the model reads, with the place of every message; sessions → one Document.

A session's text depends on nothing but what was said in it: a later session never makes an earlier one be read anew.
Each message is one line, `[14] Customer (14:02): …`, and no line inside a message can look like the start of another.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest import Document, IngestReport, Section, Span
from storage import Message

_WHO = {"user": "Customer", "assistant": "Bot", "agent": "Agent"}
_TORN = {"broken": "(this answer broke off)", "error": "(no answer)", "streaming": "(still being written)"}
_INDENT = "    "
_LIKE_A_HEADER = re.compile(r"^(?=\[\d+\] |Session (?:\d+ )?of \d|Customer: |Question: )", re.MULTILINE)
_NAME = re.compile(r"[^\W_][\w .@'-]{0,59}")


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a conversation, its messages in order."""

    conversation_id: str
    number: int
    started_at: datetime
    messages: tuple[Message, ...]

    @property
    def title(self) -> str:
        """Its header: “Session of 3 May 2025, 14:02 UTC”."""
        return f"Session of {_day(self.started_at)}, {self.started_at:%H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, end) of a document are what was said in one message."""

    start: int
    end: int
    conversation_id: str
    session: int
    seq: int


def session_document(session: Session) -> tuple[Document, tuple[Place, ...]]:
    """One session as a Document with a single section, and where its messages stand."""
    text, places = f"{session.title}\n", []
    for message in session.messages:
        head, words = _head(message, session.started_at), _words(message)
        start = len(text) + len(head)
        places.append(Place(start, start + len(words), session.conversation_id, session.number, message.seq))
        text += f"{head}{words}\n"
    text += "\n"
    section = Section(session.title, 1, 0, len(text), len(session.title), "session")
    return _document(session.title, text, (section,), (Span(0, len(text), session.title, line=1),)), tuple(places)


def joined(name: str, parts: Sequence[tuple[Document, Sequence[Place]]]) -> tuple[Document, tuple[Place, ...]]:
    """Sessions side by side as one Document, each with its own span and section."""
    texts: list[str] = []
    sections: list[Section] = []
    spans: list[Span] = []
    places: list[Place] = []
    start = 0
    for document, own in parts:
        end = start + len(document.text)
        (section,) = document.sections
        texts.append(document.text)
        sections.append(Section(section.title, 1, start, end, start + section.header_end, "session"))
        spans.append(Span(start, end, document.name, line=1))
        places += [
            Place(start + each.start, start + each.end, each.conversation_id, each.session, each.seq) for each in own
        ]
        start = end
    return _document(name, "".join(texts), tuple(sections), tuple(spans)), tuple(places)


def place_of(places: Sequence[Place], offset: int) -> Place | None:
    """The message whose line holds the character at `offset`; None in a header."""
    index = bisect_right(places, offset, key=lambda place: place.start) - 1
    return places[index] if index >= 0 and offset < max(places[index].end, places[index].start + 1) else None


def message_document(message: Message, title: str) -> Document:
    """One message as a Document: what a citation of it is shown in."""
    return _document(title, message.content, (), (Span(0, len(message.content), title, line=1),))


def _document(name: str, text: str, sections: tuple[Section, ...], spans: tuple[Span, ...]) -> Document:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return Document(name, text, sections, spans, IngestReport(1, 0), digest)


def _head(message: Message, started: datetime) -> str:
    who = _WHO[message.role]
    if message.role == "agent" and message.author and _NAME.fullmatch(message.author):
        who += f" {message.author}"
    at = message.created_at
    when = f"{at:%H:%M}" if at.date() == started.date() else f"{_day(at)}, {at:%H:%M}"
    return f"[{message.number}] {who} ({when}): "


def _words(message: Message) -> str:
    if message.status in _TORN:
        return _TORN[message.status]
    first, newline, rest = message.content.partition("\n")
    return first + newline + _LIKE_A_HEADER.sub(_INDENT, rest)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
