"""Every run of tokens in a document, findable: a suffix array per segment (Manber and Myers 1990).

Lookup drafts and quotes ask the same thing of it: where else do these tokens stand, and what follows there?
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]


class SuffixIndex:
    """The suffixes of one token sequence in lexicographic order. Never changes, so threads may share it.

    `ids` int32 [n]; `order` int32 [n]: where each suffix starts, smallest suffix first. 8 bytes a token.
    """

    def __init__(self, token_ids: Sequence[int] | Ids) -> None:
        self.ids: Ids = np.array(token_ids, dtype=np.int32)
        self.order = suffix_order(self.ids)
        self.ids.flags.writeable = self.order.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.ids.nbytes + self.order.nbytes

    def find(self, run: Sequence[int]) -> tuple[int, int]:
        """The slots [low, high) of `order` whose suffixes start with `run`; empty when it stands nowhere."""
        wanted, n = list(run), len(run)

        def start(slot: int) -> list[int]:
            at = int(self.order[slot])
            found: list[int] = self.ids[at : at + n].tolist()
            return found

        slots = range(len(self.order))
        low = bisect_left(slots, wanted, key=start)
        return low, bisect_right(slots, wanted, lo=low, key=start)


def narrow(ids: Ids, order: Ids, low: int, high: int, depth: int, token_id: int) -> tuple[int, int]:
    """The slots of [low, high) whose suffix has `token_id` after `depth` tokens; the slots agree on those before."""

    def token(slot: int) -> int:
        at = int(order[slot]) + depth
        return int(ids[at]) if at < len(ids) else -1

    slots = range(len(order))
    first = bisect_left(slots, token_id, low, high, key=token)
    return first, bisect_right(slots, token_id, first, high, key=token)


def following(ids: Ids, order: Ids, low: int, high: int, depth: int) -> Ids:
    """The distinct tokens that stand `depth` tokens behind the suffixes of the slots [low, high), ascending."""
    at = order[low:high].astype(np.int64) + depth
    tokens = ids[at[at < len(ids)]]  # ascending, as the slots agree on all tokens before
    return tokens[np.flatnonzero(np.diff(tokens, prepend=-1))]


def suffix_order(ids: Ids) -> Ids:
    """The suffix array of `ids`, int32 [n], by prefix doubling over those suffixes that are still equal.

    A suffix that ends comes before the longer ones it starts. O(n log² n); ids must not be negative (ValueError).
    """
    n = len(ids)
    if n and int(ids.min()) < 0:
        raise ValueError("token ids must not be negative")
    order = np.argsort(ids, kind="stable")
    rank = np.empty(n, np.int64)  # of each suffix: the first slot of those that equal it in `length` tokens
    slots, length = _settle(np.arange(n), order, rank, ids[order].astype(np.int64)), 1
    while len(slots):
        at = order[slots]
        behind = at + length
        second = np.where(behind < n, rank[np.minimum(behind, n - 1)] + 1, 0)
        keys = rank[at] * (n + 1) + second
        ranked = np.argsort(keys)
        order[slots] = at[ranked]
        slots = _settle(slots, order, rank, keys[ranked])
        length *= 2
    return order.astype(np.int32)


def _settle(
    slots: NDArray[np.int64], order: NDArray[np.int64], rank: NDArray[np.int64], keys: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Ranks the suffixes in `slots` by their sorted `keys`; the slots that still share theirs."""
    if not len(slots):
        return slots
    opens = np.diff(keys, prepend=keys[0] - 1) != 0
    group = np.cumsum(opens) - 1
    rank[order[slots]] = slots[opens][group]
    kept: NDArray[np.int64] = slots[np.bincount(group)[group] > 1]
    return kept


class SuffixCache:
    """Indexes of segments by key, built once, the least recently used dropped beyond `budget` bytes. Thread-safe."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._building: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._indexes: OrderedDict[str, SuffixIndex] = OrderedDict()

    def get(self, key: str, token_ids: Sequence[int] | Ids) -> SuffixIndex:
        """The index of the segment `key`; whoever asks second while it is built waits for it."""
        with self._lock:
            building = self._building[key]
        with building:
            with self._lock:
                index = self._indexes.get(key)
            if index is None:
                index = SuffixIndex(token_ids)
            with self._lock:
                self._indexes[key] = index
                self._indexes.move_to_end(key)
                while len(self._indexes) > 1 and sum(kept.nbytes for kept in self._indexes.values()) > self._budget:
                    self._indexes.popitem(last=False)
                self._building.pop(key, None)
        return index

    def forget(self, key: str) -> None:
        """Drops a deleted segment's index."""
        with self._lock:
            self._indexes.pop(key, None)
