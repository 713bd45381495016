"""Examples → rows: many documents with their questions side by side in one row of fixed length.

A row has one shape whatever it holds, so that compiled kernels serve every step. Its keys are three runs: the bank
(header tokens and first tokens, gathered), the selection (what questions on far documents may look at) and the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparse_backend.presets import SINK

Ints = NDArray[np.int32]

TRAINED = 8192  # tokens of document and question at true positions; beyond, positions are anchored
WINDOWS = (1024, 256)  # of the shallow and the deep half of the layers, as presets.TRAINED at level balanced
SELECT_BLOCK = 64  # tokens of a selected block
BUDGET = 4096  # tokens that a question on a far document looks at
EVERYTHING = 1 << 24  # a window without limit
PAD = -1


@dataclass(frozen=True, slots=True)
class Tail:
    """One question with its answer behind a document: token ids, which of them are learnt, and how much each counts."""

    ids: Ints
    learnt: NDArray[np.bool_]
    weights: NDArray[np.float32] | None = None
    """Of all tokens; None: 1 for every token that is learnt."""


@dataclass(frozen=True, slots=True)
class Example:
    """A document (system text included), the indices of its header tokens, and independent tails.

    `evidence`: token indices that a question on a far document must be able to see. `dense`: read without sparsity.
    """

    ids: Ints
    anchors: Ints
    tails: tuple[Tail, ...]
    evidence: tuple[int, ...] = ()
    dense: bool = False

    @property
    def length(self) -> int:
        """Places it takes in a row."""
        return len(self.ids) + sum(len(tail.ids) for tail in self.tails)

    @property
    def far(self) -> bool:
        """Whether document and longest tail exceed the trained range."""
        return len(self.ids) + max((len(tail.ids) for tail in self.tails), default=0) > TRAINED


@dataclass(frozen=True, slots=True)
class RowShape:
    """How much a row holds: tokens, bank entries, selected entries (0: no far documents) and learnt tokens."""

    tokens: int
    bank: int
    selected: int
    labels: int

    @property
    def keys(self) -> int:
        """Length of the key sequence."""
        return self.bank + self.selected + self.tokens


@dataclass(frozen=True, slots=True)
class Row:
    """A packed row. All arrays are int32.

    Per token: `ids`, `place` (position of its rotation), `doc` (PAD where empty), `tail` (0 in a document),
    `far`, `windows` [2, T], `bank_place` [2, T] (position of the query towards the bank).
    Per extra key: `source` (index in the row), `key_doc` (PAD where empty), `key_place`; the bank first.
    `label_at`, `label`: which token predicts what (PAD where empty); `weight` (float32): how much it counts.
    """

    shape: RowShape
    ids: Ints
    place: Ints
    doc: Ints
    tail: Ints
    far: Ints
    windows: Ints
    bank_place: Ints
    source: Ints
    key_doc: Ints
    key_place: Ints
    label_at: Ints
    label: Ints
    weight: NDArray[np.float32]
    starts: Ints
    """Where each document begins."""


class Packer:
    """Fills one row; `add` refuses what does not fit any more."""

    def __init__(self, shape: RowShape, seed: int) -> None:
        self.shape = shape
        self._random = np.random.default_rng(seed)
        t, extra = shape.tokens, shape.bank + shape.selected
        self._ids, self._place, self._tail, self._far = (np.zeros(t, np.int32) for _ in range(4))
        self._doc = np.full(t, PAD, np.int32)
        self._windows, self._bank_place = np.zeros((2, t), np.int32), np.zeros((2, t), np.int32)
        self._windows[0], self._windows[1] = WINDOWS[0], WINDOWS[1]
        # empty places point at different tokens: a thousand gradients added up at one address are slow
        self._source, self._key_place = np.arange(extra, dtype=np.int32) % t, np.zeros(extra, np.int32)
        self._key_doc = np.full(extra, PAD, np.int32)
        self._label_at, self._label = np.zeros(shape.labels, np.int32), np.full(shape.labels, PAD, np.int32)
        self._weight = np.zeros(shape.labels, np.float32)
        self._used = self._bank = self._selected = self._labels = self._tails = 0
        self._starts: list[int] = []

    @property
    def room(self) -> int:
        """Tokens still free."""
        return self.shape.tokens - self._used

    @property
    def labels_left(self) -> int:
        """Learnt tokens that still fit."""
        return self.shape.labels - self._labels

    def add(self, example: Example) -> bool:
        """Whether the example fitted; nothing is changed when it did not."""
        n = len(example.ids)
        bank = np.empty(0, np.int32) if example.dense else globals_of(example.anchors, n)
        chosen = self._choose(example) if example.far else np.empty(0, np.int32)
        labels = sum(int(tail.learnt.sum()) for tail in example.tails)
        fits = (
            example.length <= self.room
            and self._bank + len(bank) <= self.shape.bank
            and self._selected + len(chosen) <= self.shape.selected
            and self._labels + labels <= self.shape.labels
        )
        if fits:
            self._write(example, bank, chosen)
        return fits

    def row(self) -> Row:
        """The row as filled so far."""
        return Row(
            self.shape,
            self._ids,
            self._place,
            self._doc,
            self._tail,
            self._far,
            self._windows,
            self._bank_place,
            self._source,
            self._key_doc,
            self._key_place,
            self._label_at,
            self._label,
            self._weight,
            np.array(self._starts, np.int32),
        )

    def _write(self, example: Example, bank: Ints, chosen: Ints) -> None:
        start, n, number = self._used, len(example.ids), len(self._starts)
        self._starts.append(start)
        here = slice(start, start + n)
        places = np.arange(n, dtype=np.int32)
        self._ids[here], self._place[here], self._doc[here], self._far[here] = example.ids, places, number, example.far
        for kind, window in enumerate(WINDOWS):
            self._windows[kind, here] = EVERYTHING if example.dense else window
            ahead = np.searchsorted(bank, places - window, side="right")  # entries that left the window
            self._bank_place[kind, here] = window + ahead if example.far else places
        to = slice(self._bank, self._bank + len(bank))
        self._source[to], self._key_doc[to] = bank + start, number
        self._key_place[to] = np.arange(len(bank)) if example.far else bank
        first = self.shape.bank + self._selected
        to = slice(first, first + len(chosen))
        self._source[to], self._key_doc[to], self._key_place[to] = chosen + start, number, np.arange(len(chosen))
        self._bank += len(bank)
        self._selected += len(chosen)
        self._used += n
        for tail in example.tails:
            self._write_tail(tail, number, len(chosen) if example.far else n, example.far)

    def _write_tail(self, tail: Tail, number: int, behind: int, far: bool) -> None:
        start, n = self._used, len(tail.ids)
        here = slice(start, start + n)
        self._tails += 1
        self._ids[here], self._doc[here], self._tail[here], self._far[here] = tail.ids, number, self._tails, far
        self._place[here] = np.arange(behind, behind + n)
        self._bank_place[:, here] = self._place[here]
        learnt = np.flatnonzero(tail.learnt)
        to = slice(self._labels, self._labels + len(learnt))
        self._label_at[to], self._label[to] = start + learnt - 1, tail.ids[learnt]
        self._weight[to] = 1.0 if tail.weights is None else tail.weights[learnt]
        self._labels += len(learnt)
        self._used += n

    def _choose(self, example: Example) -> Ints:
        """What the questions look at: first and last blocks, the evidence, some headers' blocks, some others."""
        n = len(example.ids)
        blocks = -(-n // SELECT_BLOCK)
        budget = min(blocks, BUDGET // SELECT_BLOCK)
        wanted = [0, blocks - 1, blocks - 2, *(index // SELECT_BLOCK for index in example.evidence)]
        headers = example.anchors // SELECT_BLOCK
        likely = self._random.permutation(headers)[: budget // 3]
        others = self._random.permutation(blocks)
        order = list(dict.fromkeys([*wanted, *likely.tolist(), *others.tolist()]))[:budget]
        tokens = np.concatenate(
            [np.arange(block * SELECT_BLOCK, min(n, (block + 1) * SELECT_BLOCK)) for block in sorted(order)]
        )
        return tokens.astype(np.int32)


def globals_of(anchors: Sequence[int] | Ints, n: int) -> Ints:
    """Sorted indices of the tokens that every later one sees: the sink and the headers, as Pattern.global_tokens."""
    return np.union1d(np.arange(min(SINK, n)), np.asarray(anchors, np.int64)).astype(np.int32)
