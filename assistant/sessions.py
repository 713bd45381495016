"""A rendered customer history → who said what in which session, and how a place in it is cited.

ingest.history.render writes these texts; no line inside a message can look like the start of another one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dateutil import parser

from ingest import Document, Section
from storage import Message

KINDS = ("session",)
_ROLES = {"user": "customer", "assistant": "bot", "agent": "agent"}
_DATE = r"\d{1,2} [A-Z][a-z]+ \d{4}"
_TITLE = re.compile(rf"^Session (?:(?P<number>\d+) of \d+ — |of )(?P<at>{_DATE}, \d\d:\d\d) UTC")
_MESSAGE = re.compile(
    rf"^\[(?P<number>\d+)\] (?P<role>Customer|Agent|Bot)(?: (?P<author>[^\n]*?))??"
    rf"(?: \((?P<when>(?:{_DATE}, )?\d\d:\d\d)\))?(?P<note>, internal note)?:(?: |$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a history. `session` and `number` count from 1; [start, end) are its words in the document.

    `role` is "customer", "agent" or "bot"; `session_at` is when the session began; times are aware, None if unknown.
    """

    session: int
    number: int
    role: str
    text: str
    at: datetime | None = None
    session_at: datetime | None = None
    author: str = ""
    start: int = 0
    end: int = 0
    internal: bool = False
    customer: str = ""  # where a document holds several customers: the header of theirs
    seq: int | None = None  # of a message out of the database

    @property
    def label(self) -> str:
        """How it is cited: "session of 3 May 2025, message 14"."""
        return place_label(self.session, self.session_at, self.number)


def place_label(session: int, session_at: datetime | None, number: int) -> str:
    """A message as it is cited: by the day of its session, by the session's number where it carries no date."""
    told = f"session {session}" if session_at is None else f"session of {session_at.day} {session_at:%B %Y}"
    return f"{told}, message {number}" if number else told


def said_in(document: Document) -> tuple[Said, ...]:
    """Every message of the sessions in `document`, in order; empty for a document without sessions."""
    found: list[Said] = []
    customer, count = "", 0
    for section in document.sections:
        if section.kind == "customer":
            customer, count = section.title, 0
        elif section.kind in KINDS:
            count += 1
            found += _messages(document, section, count, customer)
    return tuple(found)


def said_of(messages: Sequence[Message]) -> tuple[Said, ...]:
    """The messages of a stored conversation, in order; an answer that still grows or broke off says nothing yet."""
    found: list[Said] = []
    numbers: Counter[int] = Counter()
    started: dict[int, datetime] = {}
    for message in messages:
        numbers[message.session] += 1
        started.setdefault(message.session, message.created_at)
        if message.status in ("complete", "stopped"):
            found.append(
                Said(
                    session=message.session,
                    number=numbers[message.session],
                    role=_ROLES[message.role],
                    text=message.content,
                    at=message.created_at,
                    session_at=started[message.session],
                    seq=message.seq,
                )
            )
    return tuple(found)


def session_label(document: Document, offset: int) -> str:
    """The place of `offset` in a history, as it is cited; "" outside of any session."""
    section = next((each for each in document.section_path(offset) if each.kind in KINDS), None)
    if section is None:
        return ""
    number, at = _head(section)
    last = 0
    for match in _MESSAGE.finditer(document.text, section.header_end, section.end):
        if match.start() > offset:
            break
        last = int(match["number"]) if _follows(section, last, match) else last
    return place_label(number, at, last)


def _messages(document: Document, section: Section, fallback: int, customer: str) -> Iterator[Said]:
    number, started = _head(section)
    heads: list[re.Match[str]] = []
    for match in _MESSAGE.finditer(document.text, section.header_end, section.end):
        if _follows(section, int(heads[-1]["number"]) if heads else 0, match):
            heads.append(match)
    ends = [*(match.start() for match in heads[1:]), section.end]
    for match, end in zip(heads, ends, strict=True):
        text = document.text[match.end() : end].strip("\n")
        start = match.end()
        yield Said(
            session=number or fallback,
            number=int(match["number"]),
            role=match["role"].lower(),
            text=text,
            at=_moment(match["when"], started),
            session_at=started,
            author=match["author"] or "",
            start=start,
            end=start + len(text),
            internal=bool(match["note"]),
            customer=customer,
        )


def _follows(section: Section, last: int, match: re.Match[str]) -> bool:
    """Whether this is the next message: stored sessions may have lost their first ones to the retention."""
    return int(match["number"]) == last + 1 or (last == 0 and section.title.startswith("Session of "))


def _head(section: Section) -> tuple[int, datetime | None]:
    title = _TITLE.match(section.title)
    if title is None:
        number = re.match(r"Session (\d+) of", section.title)
        return (int(number[1]) if number else 0), None
    return int(title["number"] or 0), _moment(title["at"], None)


def _moment(text: str | None, started: datetime | None) -> datetime | None:
    """The time of a message; a clock alone is on the session's day."""
    if not text:
        return started
    try:
        return parser.parse(text, default=started or datetime(2000, 1, 1, tzinfo=UTC)).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return started
