"""Drafts by prompt lookup: answers quote their document, so what followed these tokens there often follows here too.

Saxena 2023 (prompt lookup decoding), after Leviathan et al. 2023 (speculative decoding): a draft costs no model, and a
wrong one costs only the rows that checked it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sparse_backend.suffixes import SuffixIndex

SHORTEST, LONGEST = 2, 12  # tokens that must agree before a draft is made, and how many are compared at most
RUNS = (4, SHORTEST)  # lengths of runs that the tail remembers, the longer first
ROW_COST = 0.1  # what one more row adds to a decode step, as a share of it
DECAY = 0.9  # weight of what was learnt before, at each checked token
BELIEF = (1.0, 2.0)  # (right, checked) drafted tokens assumed before anything was seen
_TAIL = -1  # the match stands in the tail, not in an index


class Drafter:
    """Drafts for one request, from its segments' indexes and from its own growing tail.

    `row_cost`: what one more row adds to a decode step, as a share of that step. Drafts end where they would save
    less than that; `most` tokens at most.
    """

    def __init__(self, indexes: Sequence[SuffixIndex], *, row_cost: float = ROW_COST, most: int = 16) -> None:
        if not 0 < row_cost < 1 or most < 1:
            raise ValueError("row_cost must lie between 0 and 1, and most be at least 1")
        self._indexes, self._row_cost, self._most = tuple(indexes), row_cost, most
        self._tail: list[int] = []
        self._places: dict[tuple[int, ...], int] = {}  # run of RUNS tokens → where its last continuation starts
        self._rates: dict[int, AcceptanceRate] = {}  # by tokens matched
        self._matched = 0  # of the last draft

    def extend(self, token_ids: Sequence[int]) -> None:
        """Adds the question, or accepted tokens of the answer, to the tail."""
        for token_id in token_ids:
            for length in RUNS:
                if len(self._tail) >= length:
                    self._places[tuple(self._tail[-length:])] = len(self._tail)
            self._tail.append(token_id)

    def draft(self, most: int) -> tuple[int, ...]:
        """At most `most` tokens that may come next: what followed the longest run of tokens that ends the tail.

        Of equally long ones the tail's own, then the last segment's, then the latest wins. Empty when fewer than two
        tokens agree, or when such drafts have been wrong too often; those are tried again after some steps.
        """
        matched, where, at = self._match()
        self._matched = matched
        if not matched:
            return ()
        rate = self._rates.setdefault(matched, AcceptanceRate())
        worth = min(rate.worth(self._row_cost, self._most), most)
        if worth <= 0:
            rate.fade()
            return ()
        if where == _TAIL:
            return tuple(self._tail[at : at + worth])
        return tuple(self._indexes[where].ids[at : at + worth].tolist())

    def learn(self, drafted: int, accepted: int) -> None:
        """How many tokens of the last draft were checked, and how many of them were right."""
        if self._matched and drafted:
            self._rates[self._matched].learn(drafted, accepted)

    def _match(self) -> tuple[int, int, int]:
        """(tokens matched, index number or _TAIL, place of the continuation); matched is 0 when there is none."""
        matched, where, at = 0, _TAIL, 0
        known = (self._places.get(tuple(self._tail[-length:])) for length in RUNS)
        if (place := next((place for place in known if place is not None), None)) is not None:
            matched, at = self._agreeing(place), place
        for number in reversed(range(len(self._indexes))):
            length, start = _longest(self._indexes[number], self._tail[-LONGEST:], matched)
            if length > matched:
                matched, where, at = length, number, start
        return matched, where, at

    def _agreeing(self, place: int) -> int:
        """How many tokens before `place` equal those that end the tail, up to LONGEST."""
        length = SHORTEST
        while length < min(LONGEST, place) and self._tail[place - 1 - length] == self._tail[-1 - length]:
            length += 1
        return length


def _longest(index: SuffixIndex, tail: Sequence[int], beaten: int) -> tuple[int, int]:
    """The longest end of `tail` in the index, if longer than `beaten`, and the latest place where it goes on."""
    low, high, found = max(beaten, SHORTEST - 1), len(tail), (0, 0)
    while low < high:  # a run that stands somewhere has all its ends there too
        length = (low + high + 1) // 2
        first, stop = index.find(tail[-length:])
        places = index.order[first:stop] + length
        places = places[places < len(index)]
        if len(places):
            low, found = length, (length, int(places.max()))
        else:
            high = length - 1
    return found


@dataclass(slots=True)
class AcceptanceRate:
    """How often a drafted token is right, lately: `right` of `checked`, older ones weighing less."""

    right: float = field(default=BELIEF[0])
    checked: float = field(default=BELIEF[1])

    @property
    def value(self) -> float:
        """The share that is right, with the belief mixed in."""
        return (self.right + BELIEF[0]) / (self.checked + BELIEF[1])

    def learn(self, drafted: int, accepted: int) -> None:
        """Counts one draft: tokens behind the first wrong one were not checked."""
        for place in range(min(accepted + 1, drafted)):
            self.fade()
            self.right += place < accepted
            self.checked += 1

    def fade(self) -> None:
        """Forgets a little, so that a draft is tried again one day."""
        self.right, self.checked = self.right * DECAY, self.checked * DECAY

    def worth(self, row_cost: float, most: int) -> int:
        """How many drafted tokens pay: the j-th is right with chance value^j and must save more than its row costs."""
        chance, count = self.value, 0
        while count < most and chance ** (count + 1) > row_cost:
            count += 1
        return count
