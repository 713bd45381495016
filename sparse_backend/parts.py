"""Parts: what is computed in one pass over blocks, bound to a document.

A part knows which pairs it allows, which whole blocks those surely fill or surely miss (from the positions at the
ends of the blocks), and a route: the orders of queries and keys in which its pairs lie in few blocks, and a list of
those blocks for each block of queries. Work and memory are O(tokens + listed blocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sparse_backend.routes import Ends, Frame, Route, edges, ends_of, expand, lists, ranges


@dataclass(frozen=True, eq=False)
class Part:
    """Base of the parts. `heads`: the query heads it serves, None for all. `rank`: earlier parts own shared pairs."""

    frame: Frame
    rank: ClassVar[int]
    by_head: ClassVar[bool] = False

    @property
    def heads(self) -> tuple[int, ...] | None:
        """The query heads it serves; None stands for all."""
        return None

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        """bool, broadcast over positions and head numbers."""
        raise NotImplementedError

    def fills(self, ends: Ends) -> Tensor:
        """True only where every pair of a block is allowed."""
        return torch.zeros_like(ends.query_low, dtype=torch.bool)

    def misses(self, ends: Ends) -> Tensor:
        """True only where no pair of a block is allowed."""
        return torch.zeros_like(ends.query_low, dtype=torch.bool)

    def route(self, block: int) -> Route:
        """The part's block lists for blocks of `block` queries and keys."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Band(Part):
    """Keys from `behind` tokens before the query to `ahead` after it."""

    behind: int
    ahead: int
    rank = 0

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        return (query - key <= self.behind) & (key - query <= self.ahead)

    def fills(self, ends: Ends) -> Tensor:
        return (ends.query_high - ends.key_low <= self.behind) & (ends.key_high - ends.query_low <= self.ahead)

    def misses(self, ends: Ends) -> Tensor:
        return (ends.query_low - ends.key_high > self.behind) | (ends.key_low - ends.query_high > self.ahead)

    def route(self, block: int) -> Route:
        low, high = edges(self.frame.n, block)
        return ranges(self.frame, block, None, None, low - self.behind, high + self.ahead, high, None)


@dataclass(frozen=True, eq=False)
class BlockBand(Part):
    """Whole blocks of `size` tokens, from `behind` blocks before the query's own to `ahead` after it."""

    size: int
    behind: int
    ahead: int
    rank = 1

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        distance = query // self.size - key // self.size
        return (distance <= self.behind) & (distance >= -self.ahead)

    def fills(self, ends: Ends) -> Tensor:
        low, high = self._distances(ends)
        return (high <= self.behind) & (low >= -self.ahead)

    def misses(self, ends: Ends) -> Tensor:
        low, high = self._distances(ends)
        return (low > self.behind) | (high < -self.ahead)

    def route(self, block: int) -> Route:
        low, high = edges(self.frame.n, block)
        first = (low // self.size - self.behind) * self.size
        last = (high // self.size + self.ahead + 1) * self.size - 1
        return ranges(self.frame, block, None, None, first, last, high, None)

    def _distances(self, ends: Ends) -> tuple[Tensor, Tensor]:
        low = ends.query_low // self.size - ends.key_high // self.size
        return low, ends.query_high // self.size - ends.key_low // self.size


@dataclass(frozen=True, eq=False)
class Keys(Part):
    """The keys at `positions` (sorted int64, each once), seen by every query: a gathered bank."""

    positions: Tensor
    rank = 2

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        return _member(self.positions, key) & (query >= 0)

    def misses(self, ends: Ends) -> Tensor:
        return ~_between(self.positions, ends.key_low, ends.key_high)

    def route(self, block: int) -> Route:
        _, high = edges(self.frame.n, block)
        count = torch.full_like(high, len(self.positions))
        if self.frame.causal:
            count = torch.searchsorted(self.positions, high, right=True)
        return lists(None, self.positions, torch.zeros_like(count), -(-count // block), True)


@dataclass(frozen=True, eq=False)
class Rows(Part):
    """The queries at `positions` (sorted int64, each once) look at every key."""

    positions: Tensor
    rank = 3

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        return _member(self.positions, query) & (key >= 0)

    def misses(self, ends: Ends) -> Tensor:
        return ~_between(self.positions, ends.query_low, ends.query_high)

    def route(self, block: int) -> Route:
        low, high = ends_of(self.positions, len(self.positions), block)
        last = high if self.frame.causal else torch.full_like(high, self.frame.n - 1)
        return lists(self.positions, None, torch.zeros_like(low), last // block + 1, True)


@dataclass(frozen=True, eq=False)
class Residue(Part):
    """Keys a multiple of `stride` away, fewer than `reach` multiples; sorted by residue they are contiguous."""

    stride: int
    reach: int
    group: tuple[int, ...] | None = None
    rank = 4

    @property
    def heads(self) -> tuple[int, ...] | None:
        return self.group

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        distance = query - key
        return (distance % self.stride == 0) & (distance.abs() < self.reach * self.stride)

    def misses(self, ends: Ends) -> Tensor:
        far = self.reach * self.stride
        return (ends.query_low - ends.key_high >= far) | (ends.key_low - ends.query_high >= far)

    def route(self, block: int) -> Route:
        n, stride = self.frame.n, min(self.stride, self.frame.n)
        grid = torch.arange(-(-n // stride) * stride).view(-1, stride).T.reshape(-1)
        order = grid[grid < n]
        low, high = edges(n, block)  # indices into the order
        first, last = order[low] % stride, order[high] % stride
        begin = first * (n // stride) + torch.minimum(first, torch.tensor(n % stride))  # of the first residue
        end = (last + 1) * (n // stride) + torch.minimum(last + 1, torch.tensor(n % stride)) - 1
        start = torch.maximum(begin, low - self.reach + 1)
        stop = high if self.frame.causal else torch.minimum(end, high + self.reach - 1)
        route = ranges(Frame(n, False), block, order, order, start, stop, high, None)
        row = torch.repeat_interleave(torch.arange(len(low)), route.starts[0].diff())
        same = (first[row] == last[row]) & (first[route.blocks] == last[route.blocks])
        same &= first[row] == first[route.blocks]
        near = (high[row] - low[route.blocks] < self.reach) & (high[route.blocks] - low[row] < self.reach)
        return route._replace(whole=same & near)


@dataclass(frozen=True, eq=False)
class Listed(Part):
    """Named pairs of blocks of `size` tokens. `codes`: sorted (list, query block, key block) as one number each.

    There is one list for all heads, or one for each.
    """

    size: int
    lists: int
    codes: Tensor
    rank = 5
    by_head = True

    @classmethod
    def of(cls, frame: Frame, size: int, lists: int, which: Tensor, query: Tensor, key: Tensor) -> Listed:
        """From index tensors of one length: list, query block, key block."""
        blocks = -(-frame.n // size)
        return cls(frame, size, lists, torch.unique((which * blocks + query) * blocks + key))

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        blocks = -(-self.frame.n // self.size)
        which = head if self.lists > 1 else 0
        return _member(self.codes, (which * blocks + query // self.size) * blocks + key // self.size)

    def route(self, block: int) -> Route:
        n, size, old = self.frame.n, self.size, -(-self.frame.n // self.size)
        key, query, which = self.codes % old, self.codes // old % old, self.codes // (old * old)
        tiles = -(-n // block)
        low_q, count_q = _tiles(query, size, block, n)
        low_k, count_k = _tiles(key, size, block, n)
        source, turn = expand(torch.zeros_like(count_q), count_q * count_k)
        tile_q, tile_k = low_q[source] + turn // count_k[source], low_k[source] + turn % count_k[source]
        area = _overlap(query[source], tile_q, size, block, n) * _overlap(key[source], tile_k, size, block, n)
        codes, where = torch.unique((which[source] * tiles + tile_q) * tiles + tile_k, return_inverse=True)
        filled = torch.zeros_like(codes).index_add_(0, where, area)
        row, blocks = codes // tiles, codes % tiles
        low, high = edges(n, block)
        width = high - low + 1
        whole = filled == width[row % tiles] * width[blocks]
        # each list has its own rows; they lie one after another
        offsets = torch.searchsorted(row, torch.arange(self.lists * tiles + 1))
        starts = torch.stack([offsets[i * tiles : (i + 1) * tiles + 1] for i in range(self.lists)])
        return Route(None, None, starts, blocks.to(torch.int32), whole)


def _member(sorted_values: Tensor, value: Tensor) -> Tensor:
    if not len(sorted_values):
        return torch.zeros_like(value, dtype=torch.bool)
    index = torch.searchsorted(sorted_values, value).clamp(max=len(sorted_values) - 1)
    return sorted_values[index] == value


def _between(sorted_values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Whether any value lies in [low, high]."""
    return torch.searchsorted(sorted_values, low) < torch.searchsorted(sorted_values, high, right=True)


def _tiles(index: Tensor, size: int, block: int, n: int) -> tuple[Tensor, Tensor]:
    """The first block of `block`, and how many, that the blocks of `size` called `index` touch."""
    low = index * size // block
    return low, ((index + 1) * size).clamp(max=n).sub(1) // block - low + 1


def _overlap(index: Tensor, tile: Tensor, size: int, block: int, n: int) -> Tensor:
    low = torch.maximum(index * size, tile * block)
    return torch.minimum((index + 1) * size, (tile + 1) * block).clamp(max=n) - low
