"""The open sections at a place in the text, and where a numbered header fits among them.

A number is believed when it continues what is open: the successor of an open section, the first child of one,
or a start where nothing is open. Gaps are weak evidence, and none if the missing number comes later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from ingest.document import Section
from ingest.structure.numbering import Label, Number

MAX_DEPTH = 16  # levels below each other; lists that only restart would nest for ever
MAX_STEP = 3  # from one number to the next: up to two may be missing
MAX_TITLED_STEP = 40  # the same for "4.9 Interest." with a title of its own
MAX_NUMBER = 99  # a larger number is hardly a clause after a gap
NUMBERED = frozenset(("part", "title", "chapter", "article", "section", "decimal", "bare", "roman", "ordinal"))
KEYWORDS = frozenset(("part", "title", "chapter", "article", "section"))
COUNTED = frozenset(("article", "section", "decimal"))
CAPTION = "caption"  # a title above everything: any other header closes it

Positions = Mapping[tuple[str, Number], list[int]]  # line indices of all plausible labels


class Step(IntEnum):
    """How a label continues the sequence, the best first."""

    NEXT = 0
    FIRST = 1
    GAP = 2
    AGAIN = 3  # the number of the open section once more, by mistake


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a header fits: it closes the open sections from `cut` on and takes `rank`."""

    cut: int
    rank: int
    step: Step


@dataclass(slots=True)
class Header:
    """A header and its place; `last_child` is the last number counted directly below it."""

    title: str
    kind: str
    start: int
    header_end: int
    family: str = ""
    number: Number = ()
    rank: int = 0
    last_child: int = -1


class OpenSections:
    """Headers from the outermost to the innermost open one; closed ones become sections."""

    def __init__(self, backbone: int, positions: Positions) -> None:
        self.backbone, self.positions = backbone, positions
        self.stack: list[Header] = []
        self._last: dict[tuple[str, Number], int] = {}
        self._done: list[tuple[int, int, Section]] = []

    def push(self, header: Header, cut: int) -> None:
        """Opens `header` below the first `cut` open ones."""
        if self.stack and self.stack[0].family == CAPTION:
            cut = 0
        self._close(cut, header.start)
        if header.family == "attachment":
            self._last.clear()  # an exhibit counts from the start
        if header.number:
            self._last[header.family, header.number[:-1]] = header.number[-1]
            if self.stack and self.stack[-1].number == header.number[:-1]:
                self.stack[-1].last_child = header.number[-1]
        self.stack.append(header)

    def cut_at(self, rank: int) -> int:
        """How many open sections lie outside `rank`."""
        return next((depth for depth, node in enumerate(self.stack) if node.rank >= rank), len(self.stack))

    def sections(self, end: int) -> list[Section]:
        """All sections in order, those still open closed at `end`."""
        self._close(0, end)
        return [section for _, _, section in sorted(self._done, key=lambda item: item[:2])]

    def _close(self, cut: int, end: int) -> None:
        while len(self.stack) > cut:
            top = self.stack.pop()
            level = len(self.stack) + 1
            header_end = min(top.header_end, end)
            section = Section(top.title, level, top.start, end, header_end, top.kind)
            self._done.append((top.start, level, section))

    def slot(self, label: Label, index: int, *, strong: bool) -> Slot | None:
        """Where `label`, on line `index`, continues the numbering; None if it does not."""
        gap: Slot | None = None
        prefix, value = label.number[:-1], label.number[-1]
        for depth in reversed(range(len(self.stack))):
            node = self.stack[depth]
            if node.family == label.family and node.number[:-1] == prefix:
                step = value - node.number[-1]
                if step == 1:
                    return Slot(depth, node.rank, Step.NEXT)
                if step == 0 and strong and value > 1 and gap is None and label.family in COUNTED:
                    gap = Slot(depth, node.rank, Step.AGAIN)
                near = step <= MAX_STEP or (strong and self._carries_on(label, index))
                near |= strong and bool(prefix) and step <= MAX_TITLED_STEP
                if step > 1 and near and gap is None and not self._comes_later(label, node.number[-1], index):
                    gap = Slot(depth, node.rank, Step.GAP)
            if prefix and node.family in NUMBERED:
                if node.number == prefix and node.last_child < value <= MAX_STEP:
                    rank = max(node.rank + 1, label.rank)
                    if value <= 1:
                        return Slot(depth + 1, rank, Step.FIRST)
                    if gap is None and not self._comes_later(label, 0, index):
                        gap = Slot(depth + 1, rank, Step.GAP)
                if value <= 1 and _follows(prefix, node.number[:-1]) and node.family == label.family:
                    return Slot(depth, node.rank, Step.FIRST)  # the header between them is missing
            if label.family == "section" and node.family == "article" and value == node.number[0] * 100 + 1:
                return Slot(depth + 1, max(node.rank + 1, label.rank), Step.FIRST)  # Article Two, Section 201
        continued = self._last.get((label.family, prefix)) == value - 1
        if value <= 1 or continued:
            if not prefix:
                return self._start(label, index, strong=strong)
            if not any(node.family in NUMBERED for node in self.stack):
                return Slot(self.cut_at(label.rank), label.rank, Step.FIRST)
        if not self._last and strong and self._carries_on(label, index):
            return Slot(self.cut_at(label.rank), label.rank, Step.GAP)  # an excerpt that starts later
        return gap

    def _carries_on(self, label: Label, index: int) -> bool:
        """A top-level number far from the last one is believed if its own child or successor comes later."""
        if len(label.number) > 1 or label.family not in NUMBERED or label.number[0] > MAX_NUMBER:
            return False
        child = self._has("decimal", (label.number[0], 1), index)
        return child or self._has(label.family, (label.number[0] + 1,), index)

    def _start(self, label: Label, index: int, *, strong: bool) -> Slot | None:
        """A first number: of the whole document, of a list inside what is open, or a fresh count."""
        by_rank = Slot(self.cut_at(label.rank), label.rank, Step.FIRST)
        if label.family in KEYWORDS or not self.stack:
            return by_rank
        if label.family in ("decimal", "bare"):
            recitals = next((depth for depth, node in enumerate(self.stack) if node.kind == "recitals"), None)
            if recitals is not None:
                return Slot(recitals, label.rank, Step.FIRST)
        top = self.stack[-1]
        if top.family == CAPTION:
            return Slot(0, label.rank, Step.FIRST)
        if top.rank < label.rank:
            return Slot(len(self.stack), label.rank, Step.FIRST)
        same = next((node for node in self.stack if node.family == label.family), None)
        nested = same is not None and self._has(label.family, (same.number[-1] + 1,), index)
        if strong and label.rank == self.backbone and not nested:
            return by_rank
        if len(self.stack) >= MAX_DEPTH:
            return by_rank
        return Slot(len(self.stack), top.rank + 1, Step.FIRST)

    def _comes_later(self, label: Label, before: int, index: int) -> bool:
        """A number between `before` and the label's own is still to come: then this label is a reference."""
        missing = range(before + 1, label.number[-1])
        return any(self._has(label.family, (*label.number[:-1], value), index) for value in missing)

    def _has(self, family: str, number: Number, index: int) -> bool:
        return self.next_at(family, number, index) is not None

    def next_at(self, family: str, number: Number, index: int) -> int | None:
        """The first line after `index` with this plausible label."""
        places = self.positions.get((family, number), [])
        at = bisect_right(places, index)
        return places[at] if at < len(places) else None


def _follows(prefix: Number, before: Number) -> bool:
    return len(prefix) == len(before) and prefix[:-1] == before[:-1] and prefix[-1] == before[-1] + 1
