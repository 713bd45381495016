"""Random numbers that never change: the same blocks are drawn by every version of every library, on every machine.

A 32-bit integer hash of (seed, counters) in int64 arithmetic that cannot overflow; no state, so any row can be drawn
alone.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF
_FACTOR = 0x45D9F3B  # 27 bits: its product with 32 bits fits int64


def scramble(seed: int, *counters: Tensor) -> Tensor:
    """int64 in [0, 2**32), broadcast over the integer `counters`."""
    mixed = torch.tensor(seed & _LOW)
    for counter in (torch.tensor(seed >> 32 & _LOW), *counters):
        mixed = (mixed + counter + 0x9E3779B9) & _LOW
        for _ in range(2):
            mixed = (mixed ^ mixed >> 16) * _FACTOR & _LOW
        mixed = mixed ^ mixed >> 16
    return mixed


def normal(seed: int, *shape: int) -> Tensor:
    """float64 of `shape` from the standard normal distribution."""
    count = torch.arange(math.prod(shape)).view(shape)
    first, second = (scramble(seed, count, torch.tensor(which)).double() for which in (0, 1))
    return torch.sqrt(-2 * torch.log((first + 1) / 2**32)) * torch.cos(second * (2 * math.pi / 2**32))


@lru_cache(maxsize=8)
def draw(heads: int, blocks: int, count: int, seed: int, reach: int, edge: int, causal: bool) -> Tensor:
    """int64 [heads, blocks, count]: distinct key blocks for each block of queries, -1 where too few are left.

    The choice is uniform among [edge, blocks - edge) without [i - reach, i + reach]; causal: among [edge, i - reach).
    """
    query = torch.arange(blocks)
    end = torch.full((blocks,), blocks - edge)
    left = (torch.minimum(query - reach, query if causal else end) - edge).clamp(min=0)
    after = (query + reach + 1).clamp(min=edge)
    right = torch.zeros_like(left) if causal else (end - after).clamp(min=0)
    head = torch.arange(heads)[:, None]
    drawn = torch.empty(heads, blocks, 0, dtype=torch.int64)
    none = blocks  # sorts behind every index
    for turn in range(count):
        free = left + right - turn
        index = scramble(seed, head, query, torch.tensor(turn)) % free.clamp(min=1)
        for earlier in drawn.unbind(-1):  # sorted: counts past what is taken
            index = index + (index >= earlier)
        index = torch.where(free > 0, index, none)
        drawn = torch.cat([drawn, index[..., None]], -1).sort(-1).values
    found = torch.where(drawn < left[:, None], drawn + edge, drawn - left[:, None] + after[:, None])
    return torch.where(drawn < none, found, -1)
