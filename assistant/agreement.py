"""How far two answers to one question agree: in their words, and in what they cite."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from storage import CitationRecord

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of an answer without case, marks and spaces."""
    return _WORD.findall(text.casefold())


def same(one: str, other: str) -> bool:
    """Whether two answers say the same, word for word."""
    return words(one) == words(other)


def overlap(one: str, other: str) -> float:
    """F1 of the words of two answers, as SQuAD scores them (Rajpurkar et al. 2016); 1.0 where both say nothing."""
    first, second = Counter(words(one)), Counter(words(other))
    if not first or not second:
        return float(first == second)
    shared = (first & second).total()
    return 2 * shared / (first.total() + second.total())


def shared_evidence(one: Sequence[CitationRecord], other: Sequence[CitationRecord]) -> float | None:
    """The share of the characters cited by `one` that `other` cites too; None where `one` cites nothing."""
    first, second = (_union((each.start, each.end) for each in cited) for cited in (one, other))
    size = sum(end - start for start, end in first)
    if not size:
        return None
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second) / size


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that overlap or touch, joined."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
