"""The one value behind every customer history, whatever file it came from; no ids of ours, no text of ours.

Times are aware and in UTC; None where the file gives none. Texts are in the normal form of `ingest.text`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

ROLES = ("customer", "agent", "bot")
LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn; `author` may be empty; `internal` notes were never shown to the customer."""

    role: str  # one of ROLES
    author: str
    content: str
    at: datetime | None = None
    internal: bool = False
    attachments: tuple[str, ...] = ()  # name, kind and size of files that the history only mentions


@dataclass(frozen=True, slots=True)
class Session:
    """One ticket, chat or call; `id` is the file's own, `details` one line of what else is known of it."""

    id: str
    started_at: datetime | None
    channel: str
    subject: str
    messages: tuple[Message, ...]
    details: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All sessions of one customer, by start; sessions without any time stand last."""

    customer: str
    agent: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file of histories gave; `warnings` say what of it is not in the histories."""

    histories: tuple[History, ...]
    warnings: tuple[str, ...] = ()


def in_order(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Sessions by start and their messages by time, both stable; a start that is missing is the first message's."""
    timed = [_timed(session) for session in sessions]
    return tuple(sorted(timed, key=lambda session: session.started_at or LAST))


def _timed(session: Session) -> Session:
    """A message without a time keeps its place behind the message before it."""
    known = [message.at for message in session.messages if message.at is not None]
    start = session.started_at or (min(known) if known else None)
    if any(after < before for before, after in pairwise(known)):
        keys: list[datetime] = []
        for message in session.messages:
            keys.append(message.at or (keys[-1] if keys else known[0]))
        ranked = sorted(range(len(keys)), key=keys.__getitem__)
        session = replace(session, messages=tuple(session.messages[index] for index in ranked))
    return session if start == session.started_at else replace(session, started_at=start)
