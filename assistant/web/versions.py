"""Which other wordings stand beside a message: what was asked anew began a branch, and nothing was overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage import Message
from storage.records import Branch


@dataclass(frozen=True, slots=True)
class Version:
    """One of several wordings. `branches`: those to switch to, the oldest first; `place`: which one is shown."""

    place: int
    branches: tuple[int, ...]


def versions_of(messages: Sequence[Message], branches: Sequence[Branch]) -> dict[int, Version]:
    """The messages shown that have other wordings, by `seq`."""
    by_number = {branch.number: branch for branch in branches}
    groups: dict[int, list[int]] = {}
    for branch in branches:
        if branch.parent is not None and branch.first is not None:
            root = _root(branch, by_number)
            groups.setdefault(root.seq, [root.parent or 0]).append(branch.number)
    found: dict[int, Version] = {}
    for message in messages:
        own = by_number.get(message.branch)
        first = own is not None and own.parent is not None and own.first == message.seq
        key = _root(own, by_number).seq if own is not None and first else message.seq
        if key in groups:
            numbers = groups[key]
            found[message.seq] = Version(numbers.index(message.branch) if first else 0, tuple(numbers))
    return found


def _root(branch: Branch, by_number: dict[int, Branch]) -> Branch:
    """The oldest of the branches that began, one after the other, at the same message."""
    while True:
        parent = by_number.get(branch.parent or 0)
        if parent is None or parent.parent is None or parent.first != branch.seq:
            return branch
        branch = parent
