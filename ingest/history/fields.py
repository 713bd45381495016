"""What all exports of help desks share: careful reading of their fields, people, and a tally of what is not shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ingest.history.session import History, Session, in_order
from ingest.mail import words
from ingest.mail.markup import visible
from ingest.text import normalise, one_line
from ingest.web.page import NO_ALT

NAMED = 30  # names of fields in one warning
_PICTURE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_NAME_OF_PICTURE = re.compile(r"""\b(?:alt|src)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone an export names; `role` is the export's word for it."""

    name: str
    email: str = ""
    role: str = ""

    @property
    def label(self) -> str:
        """`Ann Lee <ann@example.com>`, or whichever of the two is known."""
        return f"{self.name} <{self.email}>" if self.name and self.email else self.name or self.email


@dataclass(slots=True)
class Tally:
    """What an export holds and its histories do not, collected over all its records."""

    fields: dict[str, None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, value: Mapping[str, object], known: frozenset[str]) -> None:
        """Remembers the filled fields of `value` that are not known."""
        for key, item in value.items():
            if key not in known and item not in (None, "", [], {}, False):
                self.fields.setdefault(f"{kind} {' '.join(one_line(key).split())[:NAMED]}")

    def objects(self, value: object, kind: str) -> list[dict[str, object]]:
        """The objects of a list; whatever else stands there is counted as not read."""
        found = objects(value)
        lost = len(value) - len(found) if isinstance(value, list) else int(bool(value))
        if lost:
            self.counts[f"entries among the {kind} are damaged and were not read."] += lost
        return found

    def markup(self, value: object) -> str:
        """An HTML text as plain text; what of it is not read is counted, save pictures, which are named."""
        if not isinstance(value, str) or not ("<" in value or "&" in value):
            return text(value)
        plain, lost = visible(value)
        self.counts.update({f"{what}.": count for what, count in lost.items() if what != NO_ALT})
        return text(plain)

    def warnings(self, name: str) -> list[str]:
        """One sentence for each kind of thing."""
        found = [
            f"{name}: " + (what.replace("{n}", f"{count:,}") if "{n}" in what else f"{count:,} {what}")
            for what, count in self.counts.items()
        ]
        if self.fields:
            names = ", ".join(sorted(self.fields)[:NAMED])
            more = f" and {len(self.fields) - NAMED} more" if len(self.fields) > NAMED else ""
            found.append(f"{name}: these fields of the export are not shown: {names}{more}.")
        return found


@dataclass(slots=True)
class Customers:
    """Sessions sorted into one history per customer, in the order in which customers first appear."""

    label: Callable[[str], str]
    sessions: dict[str, list[Session]] = field(default_factory=dict)

    def add(self, key: str, session: Session) -> None:
        """Adds a session of the customer known by `key`."""
        self.sessions.setdefault(key, []).append(session)

    def histories(self) -> tuple[History, ...]:
        """All histories, their agents named in the order in which they first write."""
        return tuple(
            History(self.label(key), ", ".join(_agents(sessions)), in_order(sessions))
            for key, sessions in self.sessions.items()
        )


def _agents(sessions: Iterable[Session]) -> Iterable[str]:
    return dict.fromkeys(
        message.author for each in sessions for message in each.messages if message.role == "agent" and message.author
    )


def objects(value: object) -> list[dict[str, object]]:
    """The objects of a list; anything else holds none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: object) -> dict[str, object]:
    """The object itself; anything else counts as an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A text of several lines in its normal form."""
    return normalise(value).strip("\n") if isinstance(value, str) else ""


def line(value: object) -> str:
    """A text or number on one line."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(one_line(str(value)).split())


def pictures(value: object) -> tuple[str, ...]:
    """The pictures inside an HTML text, which are not read."""
    return tuple(_picture(tag) for tag in _PICTURE.findall(value)) if isinstance(value, str) else ()


def _picture(tag: str) -> str:
    named = _NAME_OF_PICTURE.search(tag)
    return f"picture {line(named.group(1))[:80]}" if named else "picture"


def size(value: object) -> str:
    """`120 KB`; empty where no size is given."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        return ""
    return words.size(int(value))


def file_label(name: str, kind: str, bytes_: str) -> str:
    """`photo.jpg (image/jpeg, 120 KB)`, as far as known."""
    known = ", ".join(part for part in (kind, bytes_) if part)
    return (name or "a file without a name") + (f" ({known})" if known else "")
