"""Histories → Part: a header for every session, every message numbered inside its session: `[14] Customer (14:02): …`.

One customer: sessions are sections of level 1; several: customers are level 1, sessions level 2. A line inside a
message that looks like one of these headers is indented, so that no customer can write an agent's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from ingest.document import EmptyFileError, LimitError, Section, Span, Unread
from ingest.history import moment
from ingest.history.session import History, Message, Parsed, Session
from ingest.part import Part, Request

ROLE_WORDS = {"customer": "Customer", "agent": "Agent", "bot": "Bot"}
SUBJECT_CHARS = 200  # of a header; a longer subject stands in full below it
NAMED_FILES = 500  # attachments named one by one in the report
INDENT = "    "
_LIKE_A_HEADER = re.compile(r"^(?=\[\d+\] |Session \d+ of \d|Customer: |Customer .* — \d+ session)", re.MULTILINE)


def render(parsed: Parsed, name: str, request: Request) -> Part:
    """All histories as one text; EmptyFileError without any message, LimitError past `request.max_chars`."""
    if not any(session.messages for history in parsed.histories for session in history.sessions):
        raise EmptyFileError(f"{name} holds no messages: give a history with at least one.")
    page = _Page(name, request.max_chars)
    for history in parsed.histories:
        page.history(history, alone=len(parsed.histories) == 1)
    text = "".join(page.texts)
    warnings = [*parsed.warnings, *page.warnings()]
    return Part(text, [Span(0, len(text), name, line=1)], page.sections, unread=page.unread, warnings=warnings,
                format="json")  # fmt: skip


@dataclass(slots=True)
class _Page:
    name: str
    max_chars: int
    texts: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    chars: int = 0
    files: int = 0
    undated: int = 0

    def history(self, history: History, *, alone: bool) -> None:
        title = _customer_title(history, alone=alone)
        slot, start = self.open(title)
        for number, session in enumerate(history.sessions, start=1):
            self.write("\n")
            self.session(session, number, history, level=1 if alone else 2)
        if alone:
            self.sections.pop(slot)  # with one customer the line above its sessions is no header
        else:
            self.write("\n")
            self.close(slot, start, title, 1, "customer")

    def session(self, session: Session, number: int, history: History, *, level: int) -> None:
        parts = [f"Session {number} of {len(history.sessions)}"]
        parts.append(f"{moment.day_and_clock(session.started_at)} UTC" if session.started_at else "date unknown")
        self.undated += session.started_at is None
        long = len(session.subject) > SUBJECT_CHARS
        if session.subject:
            parts.append(session.subject[:SUBJECT_CHARS] + "…" if long else session.subject)
        title = " — ".join(parts)
        slot, start = self.open(title)
        if long:
            self.write(f"Subject: {session.subject}\n")
        if session.details:
            self.write(f"{session.details}\n")
        for index, message in enumerate(session.messages, start=1):
            self.message(message, f"[{index}]", session.started_at, history.customer)
            for file in message.attachments:
                self.attachment(file, f"message {index} of session {number} with {history.customer}")
        self.close(slot, start, title, level, "session")

    def message(self, message: Message, number: str, started: datetime | None, customer: str) -> None:
        known = message.author in ("", customer) or customer.startswith(f"{message.author} <")
        who = ROLE_WORDS[message.role]
        who = who if (message.role == "customer" and known) or not message.author else f"{who} {message.author}"
        note = ", internal note" if message.internal else ""
        first, newline, rest = message.content.partition("\n")
        self.write(f"{number} {who}{_when(message.at, started)}{note}:{' ' if first else ''}{first}{newline}")
        self.write(_LIKE_A_HEADER.sub(INDENT, rest) + "\n")

    def attachment(self, file: str, place: str) -> None:
        self.write(f"{INDENT}(attached, not read: {file})\n")
        self.files += 1
        if self.files <= NAMED_FILES:
            reason = f"attached to {place}; a history only names its attachments"
            self.unread.append(Unread(f"{self.name}/{file}", None, reason))

    def warnings(self) -> list[str]:
        found = []
        if self.undated:
            found.append(f"{self.name}: {self.undated} sessions carry no date and stand last.")
        if self.files > NAMED_FILES:
            found.append(f"{self.name}: {self.files - NAMED_FILES} more attachments were not read.")
        return found

    def open(self, title: str) -> tuple[int, int]:
        """Writes a header and keeps its place among the sections, which are ordered by start."""
        start = self.chars
        self.sections.append(Section(title, 1, start, start, start, ""))
        self.write(f"{title}\n")
        return len(self.sections) - 1, start

    def close(self, slot: int, start: int, title: str, level: int, kind: str) -> None:
        self.sections[slot] = Section(title, level, start, self.chars, start + len(title), kind)

    def write(self, text: str) -> None:
        self.texts.append(text)
        self.chars += len(text)
        if self.chars > self.max_chars:
            raise LimitError(f"{self.name} holds more text than the limit of {self.max_chars:,} characters: split it.")


def _when(at: datetime | None, started: datetime | None) -> str:
    if at is None:
        return ""
    same_day = started is not None and at.date() == started.date()
    return f" ({moment.clock(at)})" if same_day else f" ({moment.day_and_clock(at)})"


def _customer_title(history: History, *, alone: bool) -> str:
    count = len(history.sessions)
    sessions = f"{count} session" if count == 1 else f"{count} sessions"
    agent = history.agent
    if not alone:
        return f"Customer {history.customer} — {sessions}" + (f", agent {agent}" if agent else "")
    return f"Customer: {history.customer}. " + (f"Agent: {agent}. " if agent else "") + f"{sessions}."
