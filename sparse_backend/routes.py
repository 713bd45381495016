"""Routes: block lists in orders in which the pairs of a part lie in few blocks, and the arithmetic of blocks.

Everything is vectorised; time and memory are O(tokens + listed blocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Frame:
    """The document as a pattern sees it: its length, and whether only earlier keys are visible."""

    n: int
    causal: bool


class Ends(NamedTuple):
    """First and last position of the queries and of the keys of some blocks, int64, broadcast together."""

    query_low: Tensor
    query_high: Tensor
    key_low: Tensor
    key_high: Tensor


class Route(NamedTuple):
    """Block lists of a part. `starts` [lists, rows + 1] index `blocks`; `whole`: blocks that the part fills.

    An order of None is the natural one; `whole` of None leaves the answer to `Part.fills`.
    """

    query_order: Tensor | None
    key_order: Tensor | None
    starts: Tensor
    blocks: Tensor
    whole: Tensor | None


def edges(n: int, block: int) -> tuple[Tensor, Tensor]:
    """First and last index of each block of n things."""
    low = torch.arange(0, n, block)
    return low, (low + block - 1).clamp(max=n - 1)


def ends_of(order: Tensor | None, n: int, block: int) -> tuple[Tensor, Tensor]:
    """Smallest and largest position in each block of an order of n positions."""
    low, high = edges(n, block)
    if order is None or not n:
        return low, high
    padded = torch.cat([order, order[-1:].expand(len(low) * block - n)]).view(-1, block)
    return padded.amin(1), padded.amax(1)


def expand(low: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """For ranges [low, low + count): the number of the range, and the value, of everything in them."""
    row = torch.repeat_interleave(torch.arange(len(low)), count)
    first = count.cumsum(0) - count
    return row, torch.arange(len(row)) - (first - low)[row]


def ranges(
    frame: Frame,
    block: int,
    query_order: Tensor | None,
    key_order: Tensor | None,
    low: Tensor,
    high: Tensor,
    last: Tensor,
    whole: bool | None,
) -> Route:
    """One contiguous run of keys [low, high] for each row, at most to `last` where the pattern is causal."""
    stop = torch.minimum(high, last) if frame.causal else high
    return lists(query_order, key_order, low.clamp(min=0) // block, stop.clamp(max=frame.n - 1) // block + 1, whole)


def lists(query_order: Tensor | None, key_order: Tensor | None, low: Tensor, high: Tensor, whole: bool | None) -> Route:
    """The blocks [low, high) for each row."""
    count = (high - low).clamp(min=0)
    _, blocks = expand(low, count)
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), count.cumsum(0)])[None]
    flags = None if whole is None else torch.full((len(blocks),), whole)
    return Route(query_order, key_order, starts, blocks.to(torch.int32), flags)
