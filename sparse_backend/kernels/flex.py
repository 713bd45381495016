"""FlexAttention for GPUs: the same window + global tokens as `triton`, compiled by torch, for comparison.

The keys of global tokens stand in front of all keys as a bank, so K and V are copied once a call. Block lists come from
positions, never from a dense mask; everything that changes between documents is a tensor, so nothing is recompiled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

BLOCK = 128
_AHEAD = 1 << 30  # position of the bank's filling: no query stands behind it


@lru_cache(maxsize=1)
def _compiled() -> Callable[..., Any]:
    return torch.compile(flex_attention, fullgraph=True, dynamic=False)


def plan(globals_: Tensor, window: int | None, queries: int, offset: int) -> tuple[BlockMask, Tensor]:
    """The block mask for queries at [offset, offset + queries), and the bank's positions, filled up to whole blocks.

    globals_: int64 [G], sorted, on the GPU. Made once for a document and length: it waits for the GPU.
    """
    device, total = globals_.device, offset + queries
    span = total if window is None else window
    slots = -(-len(globals_) // BLOCK)
    places = torch.full((slots * BLOCK,), _AHEAD, dtype=torch.int64, device=device)
    places[: len(globals_)] = globals_
    low = offset + torch.arange(0, queries, BLOCK, device=device)
    high = (low + BLOCK - 1).clamp(max=total - 1)
    bank_full = torch.searchsorted(places, low - span, right=True) // BLOCK
    bank_some = -(-torch.searchsorted(places, high - span, right=True) // BLOCK)
    first = (low - span + 1).clamp(min=0) // BLOCK
    full_from = (high - span + BLOCK).clamp(min=0) // BLOCK
    full_to = (low + 1) // BLOCK
    last = high // BLOCK + 1
    full_from, full_to = torch.minimum(full_from, last), torch.minimum(full_to, last)
    full_to = torch.maximum(full_to, full_from)
    full = [(torch.zeros_like(first), bank_full), (slots + full_from, slots + full_to)]
    partial = [(bank_full, bank_some), (slots + first, slots + full_from), (slots + full_to, slots + last)]
    bank = torch.tensor(slots * BLOCK, device=device)
    reach = torch.tensor(span, device=device)
    start = torch.tensor(offset, device=device)
    places_ = places if slots else torch.full((1,), _AHEAD, dtype=torch.int64, device=device)

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        query, index = query + start, key - bank
        banked = places_[torch.clamp(torch.minimum(key, bank - 1), min=0)]
        return torch.where(key < bank, banked <= query - reach, (index <= query) & (index > query - reach))

    mask = BlockMask.from_kv_blocks(
        *_lists(partial, slots + -(-total // BLOCK)),
        *_lists(full, slots + -(-total // BLOCK)),
        BLOCK_SIZE=BLOCK,
        mask_mod=visible,
        seq_lengths=(queries, slots * BLOCK + total),
        compute_q_blocks=False,
    )
    return mask, places


def prefill(q: Tensor, k: Tensor, v: Tensor, planned: tuple[BlockMask, Tensor], scale: float) -> Tensor:
    """q [B, Hq, L, D]; k, v [B, Hkv, N, D] up to the last query, on one GPU -> [B, Hq, L, D]."""
    mask, places = planned
    bank = len(places)
    at = places.clamp(max=k.shape[2] - 1)
    keys, values = (
        torch.cat([x[:, :, at] * (places < _AHEAD)[:, None], x], 2) if bank else x.contiguous() for x in (k, v)
    )
    out: Tensor = _compiled()(q, keys, values, block_mask=mask, scale=scale, enable_gqa=q.shape[1] != k.shape[1])
    return out


def _lists(parts: list[tuple[Tensor, Tensor]], width: int) -> tuple[Tensor, Tensor]:
    """Ranges [low, high) of blocks, several for each row -> counts [1, 1, rows] and indices [1, 1, rows, width].

    `width` is common to full and partial lists: the compiled kernel walks both with one stride.
    """
    counts = [(high - low).clamp(min=0) for low, high in parts]
    total = torch.stack(counts).sum(0)
    slot = torch.arange(width, device=total.device)
    indices, before = (
        torch.zeros(len(total), len(slot), dtype=torch.int64, device=total.device),
        torch.zeros_like(total),
    )
    for (low, _), count in zip(parts, counts, strict=True):
        here = (slot >= before[:, None]) & (slot < (before + count)[:, None])
        indices = torch.where(here, low[:, None] + slot - before[:, None], indices)
        before = before + count
    return total.int()[None, None], indices.int()[None, None]
