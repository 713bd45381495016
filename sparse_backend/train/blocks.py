"""Row → which blocks of 128 queries and keys are computed: 0 not at all, 1 under the mask, 2 whole.

All from the ends of the blocks, without any object of tokens × tokens.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparse_backend.train.packing import PAD, Row

BLOCK = 128
NONE, MASKED, WHOLE = 0, 1, 2

Bools = NDArray[np.bool_]
Longs = NDArray[np.int64]


class _Ends:
    """Lowest and highest value in each block of an array; empty places count as neither."""

    def __init__(self, values: NDArray[np.int32], used: Bools) -> None:
        wide = values.astype(np.int64).reshape(-1, BLOCK)
        kept = used.reshape(-1, BLOCK)
        self.low: Longs = np.where(kept, wide, 1 << 40).min(1)
        self.high: Longs = np.where(kept, wide, -(1 << 40)).max(1)


def block_states(row: Row) -> NDArray[np.uint8]:
    """uint8 [2, query blocks, key blocks] for the shallow and the deep layers."""
    used = row.doc != PAD
    doc, is_tail, is_far = _Ends(row.doc, used), (row.tail > 0) & used, (row.far > 0) & used
    key_used = row.key_doc != PAD
    key_doc, source = _Ends(row.key_doc, key_used), _Ends(row.source, key_used)
    any_tail, any_text = _any(is_tail), _any(used & ~is_tail)
    all_tail, all_text = _all(is_tail), _all(used & ~is_tail)
    full_keys = _all(key_used)
    near_text = _any(used & ~is_tail & ~is_far)
    tail = _Ends(row.tail, is_tail)
    at = np.arange(len(doc.low), dtype=np.int64) * BLOCK
    states = []
    bank_blocks = row.shape.bank // BLOCK
    for window in row.windows:
        wide = _Ends(window, used)
        # keys of the row itself
        shared = _meet(doc, doc)
        earlier = at[None] <= at[:, None]
        nearest = at[:, None] - at[None] - (BLOCK - 1)
        inside = any_text[:, None] & any_text[None] & (nearest < wide.high[:, None])
        asks = any_tail[:, None] & (near_text[None] | _meet(tail, tail))
        main = np.where(shared & earlier & (inside | asks), MASKED, NONE).astype(np.uint8)
        one: Any = (doc.low == doc.high)[:, None] & (doc.low == doc.high)[None] & (doc.low[:, None] == doc.low[None])
        past = at[None] < at[:, None]
        farthest = at[:, None] - at[None] + (BLOCK - 1)
        whole: Any = all_text[:, None] & (farthest < wide.low[:, None])
        whole |= all_tail[:, None] & ~_any(is_far)[:, None]
        main[one & past & all_text[None] & whole] = WHOLE
        # gathered keys
        shared = _meet(doc, key_doc)
        only: Any = (doc.low == doc.high)[:, None] & (key_doc.low == key_doc.high)[None] & full_keys[None]
        only &= doc.low[:, None] == key_doc.low[None]
        is_bank = np.arange(len(key_doc.low)) < bank_blocks
        left = source.low[None] <= (at + BLOCK - 1 - wide.low)[:, None]
        needed = np.where(is_bank[None], any_text[:, None] & left, any_tail[:, None])
        gone = source.high[None] <= (at - wide.high)[:, None]
        complete = np.where(is_bank[None], all_text[:, None] & gone, all_tail[:, None])
        extra = np.where(shared & needed, MASKED, NONE).astype(np.uint8)
        extra[only & complete] = WHOLE
        states.append(np.concatenate([extra, main], 1))
    return np.stack(states)


def _any(flags: Bools) -> Bools:
    return np.asarray(flags.reshape(-1, BLOCK).any(1))


def _all(flags: Bools) -> Bools:
    return np.asarray(flags.reshape(-1, BLOCK).all(1))


def _meet(query: _Ends, key: _Ends) -> Bools:
    """Whether two ranges of numbers overlap, for every query block and key block."""
    met: Bools = (query.low[:, None] <= key.high[None]) & (query.high[:, None] >= key.low[None])
    return met
