"""Pattern + anchors -> which keys each block of queries visits, without any n x n object.

For a block of queries [start, stop) the keys are a bank (global tokens that lie before the window of every query of
the block) followed by one contiguous slice [low, stop). Only the two ends of that slice need a mask. Time and memory
are O(queries + globals).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.pattern import Pattern

BLOCK = 128  # queries per block: wasted pairs grow with it, overhead per matmul shrinks


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block of queries. Positions are absolute.

    `bank`: how many of the layout's global tokens come first as keys; then the keys [low, stop) follow.
    `mask`: bool [stop - start, width] for the first `width` keys of the slice, None where all are allowed.
    The causal triangle over the last `stop - start` keys is always applied.
    """

    start: int
    stop: int
    low: int
    bank: int
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A pattern bound to a document of `n` tokens. `globals_`: sorted int64 indices that stay visible."""

    pattern: Pattern
    globals_: Tensor
    n: int

    def is_global(self, start: int, stop: int) -> Tensor:
        """bool [stop - start]: which of these positions are global."""
        device = self.globals_.device
        flags = torch.zeros(stop - start, dtype=torch.bool, device=device)
        low, high = torch.searchsorted(self.globals_, torch.tensor([start, stop], device=device)).tolist()
        flags[self.globals_[low:high] - start] = True
        return flags

    def allows(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        """bool, broadcast over positions in [-1, n) and head numbers: what the pattern names, content left out."""
        flags = self.is_global(0, self.n)
        return self.pattern.allows(query, key, flags[key], from_global=flags[query], head=head, n=self.n)

    def ahead_of_window(self, start: int, stop: int) -> Tensor:
        """int64 [stop - start]: how many global tokens lie before the window of each of these queries."""
        window = self.n if self.pattern.window is None else self.pattern.window
        first = torch.arange(start, stop, device=self.globals_.device) - window
        return torch.searchsorted(self.globals_, first, right=True)

    def far(self, start: int, stop: int, count: int) -> Tensor:
        """bool [stop - start, count]: which of the first `count` global tokens lie before each query's window."""
        return torch.arange(count)[None, :] < self.ahead_of_window(start, stop)[:, None]

    def on(self, device: str) -> Layout:
        """The same layout with its global tokens on `device`, where a kernel reads them."""
        return Layout(self.pattern, self.globals_.to(device), self.n)

    def rows(self, start: int, stop: int) -> list[BlockRow]:
        """The block rows of the queries [start, stop), for a plain pattern; the others are computed in passes."""
        if not self.pattern.plain:
            raise ValueError(f"the pattern “{self.pattern.name}” has links or looks ahead: compile it to passes")
        return [self._row(begin, min(begin + BLOCK, stop)) for begin in range(start, stop, BLOCK)]

    def pairs(self, n: int) -> int:
        """How many (query, key) pairs n tokens compute, counting whole blocks as the kernels do."""
        return sum((row.stop - row.start) * (row.bank + row.stop - row.low) for row in self.rows(0, n))

    def _row(self, start: int, stop: int) -> BlockRow:
        window = self.pattern.window
        low = 0 if window is None else max(0, start - window + 1)
        bank = int(torch.searchsorted(self.globals_, low))
        return BlockRow(start, stop, low, bank, self._head_mask(start, stop, low))

    def _head_mask(self, start: int, stop: int, low: int) -> Tensor | None:
        """The keys at the slice's low end that have left the window of the block's later queries."""
        window = self.pattern.window
        if window is None or low + window >= stop:
            return None
        width = stop - window - low  # keys [low, low + width) are outside the window of the last query
        query = torch.arange(start, stop)[:, None]
        key = torch.arange(low, low + width)[None, :]
        return self.pattern.allows(query, key, self.is_global(low, low + width)[None, :])


def compile_layout(pattern: Pattern, anchors: Tensor, n: int) -> Layout:
    """Binds `pattern` to `anchors` (integer token indices, any order) of a document of n tokens.

    Raises ValueError for anchors outside [0, n).
    """
    if anchors.numel() and (int(anchors.min()) < 0 or int(anchors.max()) >= n):
        raise ValueError(f"anchors must lie in [0, {n})")
    return Layout(pattern, pattern.global_tokens(anchors, n), n)
