"""Quotes that cannot be invented: behind a quote mark at the start of a line only the document's own tokens may follow.

Outside quotes everything is free. The rule knows token ids only; `QuoteMarks` says which of them spell what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from sparse_backend.config import ConstraintError
from sparse_backend.suffixes import Ids, SuffixIndex, following, narrow


@dataclass(frozen=True, slots=True)
class QuoteMarks:
    """Which token ids spell a Markdown block quote, as whoever holds the tokenizer knows it.

    `openings`: token runs that open a quote where a line starts, such as “>” and “> ”; when one starts another, both
    count. `line_ends`: ids whose text ends with a line break, `newlines`: ids with one anywhere, `blanks`: ids of
    nothing but spaces, after which a line still starts. `closings`: ids that may end a quote; their text starts with a
    line break (give those with two if a plain line behind a quote must not belong to it). `stops`: ids that end the
    answer. `refused`: ids never allowed outside quotes (a line break and a quote mark in one token). `refused_first`:
    ids not allowed where a line starts (other spellings of a quote mark). `variants`: a token of the document → ids
    that may stand for it as a quote's first token (the same word with or without its space).

    Raises ValueError for marks that contradict each other.
    """

    openings: tuple[tuple[int, ...], ...]
    line_ends: frozenset[int]
    newlines: frozenset[int]
    closings: frozenset[int]
    stops: frozenset[int]
    blanks: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    refused_first: frozenset[int] = frozenset()
    variants: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.openings or not all(self.openings):
            raise ValueError("a quote needs at least one opening, and no opening may be empty")
        if not self.line_ends | self.closings <= self.newlines:
            raise ValueError("line_ends and closings must all be among newlines")
        if any(set(opening) & (self.newlines | self.stops) for opening in self.openings):
            raise ValueError("an opening must not contain a line break or a stop token")
        if not self.closings | self.stops:
            raise ValueError("without closings and stops a quote could never end")
        if any((self.newlines | self.stops) & {first, *others} for first, others in self.variants.items()):
            raise ValueError("variants must not contain line breaks or stop tokens")


class QuoteSource:
    """The runs of one document that may be quoted: at least `shortest` tokens without a line break or a stop token.

    Built once per segment and shared by threads; 4 bytes a token beside its `index`. `order`: the index's suffixes from
    which a quote may start, still in lexicographic order.
    """

    def __init__(self, index: SuffixIndex, marks: QuoteMarks, shortest: int) -> None:
        if shortest < 1:
            raise ValueError("the shortest quote must have at least 1 token")
        n, ids = len(index), index.ids
        ends = np.isin(ids, list(marks.newlines | marks.stops))
        places = np.append(np.flatnonzero(ends), n)
        run = places[np.searchsorted(places, np.arange(n))] - np.arange(n) if n else np.empty(0, np.int64)
        self.index, self.shortest = index, shortest
        self.order: Ids = index.order[run[index.order] >= shortest]
        self.first_tokens = following(ids, self.order, 0, len(self.order), 0)


class _Run(NamedTuple):
    """A quote so far: `depth` tokens that stand in source `source` at its slots [low, high)."""

    source: int
    low: int
    high: int
    depth: int


@dataclass(frozen=True, slots=True)
class _State:
    """Where the answer is. `pending`: what is left of openings that have begun; `runs`: None outside a quote."""

    line_start: bool = True
    pending: tuple[tuple[int, ...], ...] = ()
    runs: tuple[_Run, ...] | None = None
    finished: bool = False


class QuoteConstraint:
    """Holds an answer's quotes to the documents in `sources`; see constrain.Constraint.

    A quote may start anywhere in a line of a document and end after its source's `shortest` tokens. Where nothing can
    be quoted, no quote can be opened. `vocab`: length of the model's logits; ValueError when a document or a mark has
    ids beyond it.
    """

    def __init__(self, sources: Sequence[QuoteSource], marks: QuoteMarks, vocab: int) -> None:
        _check_ids(sources, marks, vocab)
        self._sources, self._marks, self._vocab = tuple(sources), marks, vocab
        self._states = [_State()]
        self._spelt: dict[int, tuple[int, ...]] = _inverse(marks.variants)
        self._fresh = tuple(
            _Run(number, 0, len(source.order), 0) for number, source in enumerate(self._sources) if len(source.order)
        )
        self._first = self._firsts()

    @property
    def finished(self) -> bool:
        """Whether a stop token was accepted."""
        return self._states[-1].finished

    @property
    def quoting(self) -> bool:
        """Whether the next token stands inside a quote."""
        return self._states[-1].runs is not None

    def allowed(self) -> Tensor | None:
        """See constrain.Constraint. Exact: a token is allowed if and only if some run of a document goes on by it."""
        state = self._states[-1]
        if state.runs is None and not state.finished:
            return self._outside(state)
        mask = torch.zeros(self._vocab, dtype=torch.bool)
        for run in state.runs or ():
            mask[torch.from_numpy(self._next(run).astype(np.int64))] = True
            if run.depth >= self._sources[run.source].shortest:
                mask[list(self._marks.closings | self._marks.stops)] = True
        for opening in state.pending:
            mask[opening[0]] = True
        return mask

    def accept(self, token_id: int) -> None:
        """See constrain.Constraint."""
        state = self._states[-1]
        if state.finished or not 0 <= token_id < self._vocab:
            raise ConstraintError("The answer is complete or the token does not exist.")
        after = self._after_free(state, token_id) if state.runs is None else self._after_quote(state, token_id)
        if after is None:
            raise ConstraintError("These words do not stand in the document, so they cannot be quoted.")
        self._states.append(after)

    def rollback(self, n: int) -> None:
        """See constrain.Constraint."""
        if not 0 <= n < len(self._states):
            raise ValueError(f"{n} tokens cannot be taken back of {len(self._states) - 1}")
        del self._states[len(self._states) - n :]

    def fork(self) -> Self:
        """See constrain.Constraint; sources and marks are shared."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, _states=list(self._states))
        return other

    def guess(self, most: int) -> tuple[int, ...]:
        """The document's own continuation of the latest run that fits, up to its line's end; empty outside quotes."""
        runs = [run for run in self._states[-1].runs or () if run.depth]
        if not runs:
            return ()
        run = runs[-1]
        source = self._sources[run.source]
        at = int(source.order[run.low : run.high].max()) + run.depth
        ids: list[int] = source.index.ids[at : at + most].tolist()
        ends = self._marks.newlines | self._marks.stops
        length = next((i for i, token_id in enumerate(ids) if token_id in ends), len(ids))
        return tuple(ids[:length])

    # -- outside a quote -------------------------------------------------------

    def _outside(self, state: _State) -> Tensor | None:
        refused = set(self._marks.refused)
        openings = self._openings(state)
        if state.line_start:
            refused |= self._marks.refused_first - {opening[0] for opening in openings}
        if not self._fresh:
            refused |= {opening[0] for opening in openings if len(opening) == 1}
        if not refused:
            return None
        mask = torch.ones(self._vocab, dtype=torch.bool)
        mask[list(refused)] = False
        return mask

    def _openings(self, state: _State) -> tuple[tuple[int, ...], ...]:
        return state.pending + (self._marks.openings if state.line_start else ())

    def _after_free(self, state: _State, token_id: int) -> _State | None:
        marks = self._marks
        if (mask := self._outside(state)) is not None and not mask[token_id]:
            return None
        if token_id in marks.stops:
            return _State(finished=True)
        pending = _advanced(self._openings(state), token_id)
        if () in pending:
            return _State(False, tuple(filter(None, pending)), self._fresh)
        starts = token_id in marks.line_ends or (state.line_start and token_id in marks.blanks)
        return _State(starts, pending)

    # -- inside a quote --------------------------------------------------------

    def _after_quote(self, state: _State, token_id: int) -> _State | None:
        marks = self._marks
        runs = state.runs or ()
        on = tuple(narrowed for run in runs for narrowed in self._narrowed(run, token_id))
        enough = any(run.depth >= self._sources[run.source].shortest for run in runs)
        if enough and token_id in marks.stops:
            return _State(finished=True)
        if token_id in marks.newlines and (on or (enough and token_id in marks.closings)):
            return _State(token_id in marks.line_ends)
        pending = _advanced(state.pending, token_id)
        if () in pending:
            on += self._fresh
        pending = tuple(filter(None, pending))
        return _State(False, pending, on) if on or pending else None

    def _next(self, run: _Run) -> Ids:
        source = self._sources[run.source]
        if run.depth == 0:
            return self._first[run.source]
        return following(source.index.ids, source.order, run.low, run.high, run.depth)

    def _narrowed(self, run: _Run, token_id: int) -> list[_Run]:
        """The run with one token more; several when the first token may stand for more than one of the document's."""
        source = self._sources[run.source]
        as_read = (token_id, *self._spelt.get(token_id, ())) if run.depth == 0 else (token_id,)
        slots = [narrow(source.index.ids, source.order, run.low, run.high, run.depth, as_one) for as_one in as_read]
        return [_Run(run.source, low, high, run.depth + 1) for low, high in slots if low < high]

    def _firsts(self) -> tuple[Ids, ...]:
        """Per source, every id that may be a quote's first token: the document's own and their variants."""
        found = []
        for source in self._sources:
            own = source.first_tokens
            named = np.intersect1d(own, np.fromiter(self._marks.variants, np.int32))
            others = [other for token_id in named.tolist() for other in self._marks.variants[token_id]]
            found.append(np.union1d(own, np.array(others, np.int32)))
        return tuple(found)


def _check_ids(sources: Sequence[QuoteSource], marks: QuoteMarks, vocab: int) -> None:
    ids = {token_id for run in (*marks.openings, *marks.variants.values()) for token_id in run}
    ids = ids.union(marks.newlines, marks.stops, marks.refused, marks.refused_first, marks.variants)
    highest = max(*ids, *(int(source.index.ids.max(initial=0)) for source in sources), 0)
    if highest >= vocab or min(ids) < 0:
        raise ValueError(f"there are token ids beyond the vocabulary of {vocab:,}")


def _inverse(variants: Mapping[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for token_id, others in variants.items():
        for other in others:
            if other != token_id:
                found[other].append(token_id)
    return {other: tuple(token_ids) for other, token_ids in found.items()}


def _advanced(openings: Sequence[tuple[int, ...]], token_id: int) -> tuple[tuple[int, ...], ...]:
    """What is left, after `token_id`, of those openings that begin with it."""
    return tuple(dict.fromkeys(opening[1:] for opening in openings if opening[0] == token_id))
