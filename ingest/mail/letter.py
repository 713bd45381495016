"""One message as a value: its header block, its words, what is enclosed and what was not read. No offsets yet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A plain text that came as an attachment."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Lost:
    """An attachment that is not read: its name, and its kind and size in words."""

    name: str
    details: str


@dataclass(slots=True)
class Letter:
    """`headers` are (label, text) as shown; `sent` is aware; `sealed` says in words why the body cannot be read."""

    headers: list[tuple[str, str]]
    subject: str = ""
    sender: str = ""
    sent: datetime | None = None
    message_id: str = ""
    references: tuple[str, ...] = ()
    body: list[str] = field(default_factory=list)
    enclosed: list[Letter | Enclosure] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)  # sentences, {n} for how often
    sealed: str = ""
