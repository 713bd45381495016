"""Letters → threads: by message ids, and for replies without any by their subject. Near-linear in letters and ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from ingest.mail.letter import Letter

_PREFIX = re.compile(
    r"^\s*(?:\[[^\[\]]{1,40}\]\s*)?(?:re|aw|antw|antwort|sv|vs|odp|rv|res|r|tr|fw|fwd|wg|doorst)(?:\[\d{1,3}\])?\s?:\s*",
    re.IGNORECASE,
)
MAX_PREFIXES = 20
FIRST = datetime.min.replace(tzinfo=UTC)


def threads(letters: Sequence[Letter]) -> list[list[Letter]]:
    """Threads by the time of their first letter; in each the letters by time; both stable."""
    order = _by_time(letters)
    groups = _Groups(len(letters))
    for index, letter in enumerate(letters):
        for each in (letter.message_id, *letter.references):
            if each:
                groups.name(index, each)
    newest: dict[str, int] = {}
    for index in order:
        letter = letters[index]
        subject, reply = base_subject(letter.subject)
        if subject and reply and not letter.references and subject in newest:
            groups.join(index, newest[subject])
        newest[subject] = index
    found: dict[int, list[Letter]] = {}
    for index in order:
        found.setdefault(groups.root(index), []).append(letters[index])
    return list(found.values())


def base_subject(subject: str) -> tuple[str, bool]:
    """The subject without "Re:" and its like in small letters, and whether it had one."""
    rest = subject
    for _ in range(MAX_PREFIXES):
        found = _PREFIX.match(rest)
        if found is None:
            break
        rest = rest[found.end() :]
    return " ".join(rest.split()).casefold(), rest != subject


def plain_subject(subject: str) -> str:
    """The subject as written, without "Re:" and its like."""
    for _ in range(MAX_PREFIXES):
        subject = _PREFIX.sub("", subject, count=1)
    return subject.strip()


def _by_time(letters: Sequence[Letter]) -> list[int]:
    """A letter without a date keeps its place behind the one before it."""
    keys: list[datetime] = []
    for letter in letters:
        keys.append(letter.sent or (keys[-1] if keys else FIRST))
    return sorted(range(len(letters)), key=keys.__getitem__)


class _Groups:
    """Disjoint sets of letters; every message id, even of a letter that is missing, belongs to one of them."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))
        self.named: dict[str, int] = {}

    def name(self, index: int, message_id: str) -> None:
        self.join(index, self.named.setdefault(message_id, index))

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        self.parent[high] = low

    def root(self, index: int) -> int:
        while self.parent[index] != index:
            self.parent[index] = self.parent[self.parent[index]]  # shortens the way for the next one
            index = self.parent[index]
        return index
