"""Two versions of a contract, clause beside clause: by the same words, number and title, title, then likeness. Pure.

A clause is a section without its subsections. What was inserted renumbers what follows, so a number is a weak sign:
the same words come first, and an edited clause is recognised by its title or its words.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from assistant.section_evidence import own_parts
from ingest import Document

LIKE = 0.5  # share of words in common from which two clauses are versions of one
SAME_TITLE = 0.2  # enough where the titles agree
SHARED = 400  # clauses that share a run of words beyond this many are no sign of kinship
_NUMBER = re.compile(
    r"^\s*(?P<number>(?:(?:article|section|clause|schedule|exhibit|annex|appendix|part|§)\s*)?"
    r"(?:\d+(?:\.\d+)*|[ivxlc]+(?=[.)\s])|[a-z](?=[.)])|\([a-z0-9]+\)))[.):]?(?:\s+|$)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_MARKS = " .:;,–—"  # between a header and its text


@dataclass(frozen=True, slots=True)
class Clause:
    """One section's own words. `header`: number and title as they stand; `start`: its place in its document."""

    number: str
    title: str
    header: str
    text: str
    start: int
    level: int
    page: int | None = None

    @property
    def words(self) -> str:
        """Title and text, without the number: what is compared."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Pair:
    """A clause in both versions, or in one of them only."""

    old: Clause | None
    new: Clause | None
    edited: bool = False
    moved: bool = False
    renumbered: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """What happened to it, in words; empty where nothing did."""
        if self.old is None:
            return ("added",)
        if self.new is None:
            return ("removed",)
        told = {"edited": self.edited, "moved": self.moved, "renumbered": self.renumbered}
        return tuple(name for name, true in told.items() if true)


def clauses(document: Document) -> tuple[Clause, ...]:
    """The document's clauses in order; words before the first header are one without a header."""
    text = document.text
    found: list[Clause] = []
    for index, ranges in own_parts(document):
        section = document.sections[index] if index >= 0 else None
        cut = section.header_end if section else 0
        body = " ".join(" ".join(text[max(start, cut) : end].split()) for start, end in ranges if end > cut).lstrip(
            _MARKS
        )
        if section is None and not body:
            continue
        header = section.title if section else ""
        number, title = numbered(header)
        start = section.start if section else ranges[0][0]
        level = section.level if section else 0
        found.append(Clause(number, title, header, body, start, level, document.span_at(start).page))
    return tuple(found)


def numbered(title: str) -> tuple[str, str]:
    """A header's number, in small letters and without marks around it, and the rest: “15.1 Law” → “15.1”, “Law”."""
    match = _NUMBER.match(title)
    if match is None:
        return "", title.strip()
    return " ".join(match["number"].lower().strip("().").split()), title[match.end() :].strip()


def align(old: Sequence[Clause], new: Sequence[Clause]) -> tuple[Pair, ...]:
    """Every clause of both versions once, in the order of the new one; what is gone stands where it stood."""
    found = _Matching(old, new)
    found.by(lambda each: (_key(each.words), each.number) if each.words else None)
    found.by(lambda each: _key(each.words) or None)
    found.by(lambda each: (each.number, _key(each.title)) if each.number and each.title else None, SAME_TITLE / 2)
    found.by(lambda each: _key(each.title) or None, SAME_TITLE)
    found.by_likeness()
    found.by(lambda each: (each.number, _key(each.title)), 0.0)
    kept = _longest_rising([found.of_old[index] for index in sorted(found.of_old)])
    return tuple(_ordered(old, new, found.of_old, kept))


class _Matching:
    """Which old clause became which new one; `of_old`: index of the old → index of the new."""

    def __init__(self, old: Sequence[Clause], new: Sequence[Clause]) -> None:
        self.old, self.new = old, new
        self.of_old: dict[int, int] = {}
        self.taken: set[int] = set()
        self._bags = [[Counter(_WORD.findall(each.words.casefold())) for each in side] for side in (old, new)]

    def by(self, key: Callable[[Clause], Hashable | None], least: float = 0.0) -> None:
        """Matches clauses of the same key in their order, where their words are alike by `least`."""
        waiting: defaultdict[Hashable, list[int]] = defaultdict(list)
        for index, clause in enumerate(self.new):
            if index not in self.taken and (sign := key(clause)) is not None:
                waiting[sign].append(index)
        for index, clause in enumerate(self.old):
            if index in self.of_old or (sign := key(clause)) is None:
                continue
            places = [place for place in waiting.get(sign, ()) if place not in self.taken]
            if places and (not least or self.likeness(index, places[0]) >= least):
                self._match(index, places[0])

    def by_likeness(self) -> None:
        """Matches what is left by words in common, the likest first."""
        scored = [(-self.likeness(a, b), abs(a - b), a, b) for a, b in self._candidates()]
        for unlike, _, a, b in sorted(scored):
            if -unlike < LIKE:
                break
            if a not in self.of_old and b not in self.taken:
                self._match(a, b)

    def likeness(self, a: int, b: int) -> float:
        """Share of words in common, each as often as it stands (Dice's coefficient)."""
        one, other = self._bags[0][a], self._bags[1][b]
        total = one.total() + other.total()
        return 2 * (one & other).total() / total if total else 1.0

    def _candidates(self) -> set[tuple[int, int]]:
        """Pairs that share a run of three words, so that not every clause is compared with every other one."""
        runs: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, clause in enumerate(self.new):
            if index not in self.taken:
                for run in _runs(clause):
                    runs[run].append(index)
        return {
            (index, other)
            for index, clause in enumerate(self.old)
            if index not in self.of_old
            for run in _runs(clause)
            if len(others := runs.get(run, ())) <= SHARED
            for other in others
        }

    def _match(self, old: int, new: int) -> None:
        self.of_old[old] = new
        self.taken.add(new)


def _runs(clause: Clause) -> set[tuple[str, ...]]:
    words = _WORD.findall(clause.words.casefold())
    size = min(3, len(words))
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)} if words else set()


def _ordered(
    old: Sequence[Clause], new: Sequence[Clause], of_old: dict[int, int], in_order: set[int]
) -> Iterator[Pair]:
    of_new = {place: index for index, place in of_old.items()}
    gone = [index for index in range(len(old)) if index not in of_old]
    behind: defaultdict[int, list[int]] = defaultdict(list)  # removed clauses by the new index they stand behind
    for index in gone:
        before = [of_old[each] for each in range(index) if each in of_old and of_old[each] in in_order]
        behind[before[-1] if before else -1].append(index)
    yield from (Pair(old[index], None) for index in behind[-1])
    for place, clause in enumerate(new):
        if place not in of_new:
            yield Pair(None, clause)
        else:
            known = old[of_new[place]]
            yield Pair(
                known,
                clause,
                edited=_key(known.words) != _key(clause.words),
                moved=place not in in_order,
                renumbered=known.number != clause.number,
            )
        yield from (Pair(old[index], None) for index in behind[place])


def _longest_rising(places: Sequence[int]) -> set[int]:
    """The longest rising run in `places`: what kept its order. What is outside it has moved."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        tails[at : at + 1] = [index]
        before.append(tails[at - 1] if at else -1)
    found: set[int] = set()
    index = tails[-1] if tails else -1
    while index >= 0:
        found.add(places[index])
        index = before[index]
    return found


def _key(text: str) -> str:
    """Words and marks in one case: white space and the shape of quotation marks do not make a change."""
    plain = text.translate({0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'"})
    return "".join(plain.casefold().split())
