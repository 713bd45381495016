"""Links: the components that a Pattern composes beside its window and global tokens, each a published form.

`allows` is the specification of a link, pair by pair; it looks both ways, and a causal pattern cuts what lies ahead.
`parts` is how it is computed. Every number is in tokens unless it is called blocks.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.parts import Band, BlockBand, Keys, Listed, Part, Residue, Rows
from sparse_backend.random_blocks import draw
from sparse_backend.routes import Frame


@dataclass(frozen=True)
class Link(ABC):
    """One component of a pattern."""

    @abstractmethod
    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        """bool tensor, broadcast over integer positions `query` and `key` and head numbers `head`."""

    @abstractmethod
    def parts(self, frame: Frame, heads: int) -> list[Part]:
        """What to compute for `heads` query heads; together the parts allow what `allows` does."""

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the link would allow other pairs."""
        return repr(self)


@dataclass(frozen=True)
class Window(Link):
    """Keys from `behind` tokens before the query to `ahead` tokens after it (sliding window)."""

    behind: int
    ahead: int = 0

    def __post_init__(self) -> None:
        _at_least(0, behind=self.behind, ahead=self.ahead)

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        return (query - key <= self.behind) & (key - query <= self.ahead)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        return [Band(frame, self.behind, self.ahead)]


@dataclass(frozen=True)
class BlockWindow(Link):
    """Whole blocks from `behind` blocks before the query's own to `ahead` after it (BigBird, arXiv:2007.14062)."""

    block: int
    behind: int = 1
    ahead: int = 1

    def __post_init__(self) -> None:
        _at_least(0, behind=self.behind, ahead=self.ahead)
        _at_least(1, block=self.block)

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        distance = query // self.block - key // self.block
        return (distance <= self.behind) & (distance >= -self.ahead)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        return [BlockBand(frame, self.block, self.behind, self.ahead)]


@dataclass(frozen=True)
class Strided(Link):
    """Every `stride`-th token, counted from the query (Sparse Transformer, arXiv:1904.10509)."""

    stride: int

    def __post_init__(self) -> None:
        _at_least(1, stride=self.stride)

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        return (query - key) % self.stride == 0

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        return [Residue(frame, self.stride, frame.n)]


@dataclass(frozen=True)
class Fixed(Link):
    """The query's own block of `stride`, and the last `summary` tokens of every block (arXiv:1904.10509)."""

    stride: int
    summary: int

    def __post_init__(self) -> None:
        _at_least(1, stride=self.stride, summary=self.summary)
        if self.summary > self.stride:
            raise ValueError("summary must not be larger than stride")

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        own = query // self.stride == key // self.stride
        return own | (key % self.stride >= self.stride - self.summary)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        begin = min(self.stride - self.summary, frame.n)
        columns = (torch.arange(begin, frame.n, self.stride)[:, None] + torch.arange(self.summary)).view(-1)
        return [BlockBand(frame, self.stride, 0, 0), Keys(frame, columns[columns < frame.n])]


@dataclass(frozen=True)
class Dilated(Link):
    """A window of `window` tokens on each side, with gaps: head h looks at each `dilations[h % len]`-th token.

    The query itself counts, as in Pattern.window (Longformer, arXiv:2004.05150, section 3.1).
    """

    window: int
    dilations: tuple[int, ...]

    def __post_init__(self) -> None:
        _at_least(1, window=self.window, dilations=min(self.dilations, default=0))

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        gap = torch.tensor(self.dilations, device=head.device)[head % len(self.dilations)]
        distance = query - key
        return (distance % gap == 0) & (distance.abs() < self.window * gap)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        gaps = [self.dilations[head % len(self.dilations)] for head in range(heads)]
        chosen = {gap: tuple(head for head in range(heads) if gaps[head] == gap) for gap in sorted(set(gaps))}
        return [Residue(frame, gap, self.window, None if len(chosen) == 1 else group) for gap, group in chosen.items()]


@dataclass(frozen=True)
class RandomBlocks(Link):
    """`count` distinct random blocks for each block of queries, other ones for every head (BigBird, arXiv:2007.14062).

    Never drawn: blocks within `reach` of the query's own, and the `edge` blocks at both ends (they are BigBird's
    window and global tokens). A causal pattern draws among earlier blocks, whatever the length of the document.
    """

    block: int
    count: int
    seed: int = 0
    reach: int = 1
    edge: int = 1

    def __post_init__(self) -> None:
        _at_least(1, block=self.block, count=self.count)
        _at_least(0, seed=self.seed, reach=self.reach, edge=self.edge)

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        drawn = self._drawn(frame, int(head.max()) + 1)[head, query // self.block]
        return (drawn == (key // self.block)[..., None]).any(-1)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        drawn = self._drawn(frame, heads)
        head, query, which = (drawn >= 0).nonzero(as_tuple=True)
        return [Listed.of(frame, self.block, heads, head, query, drawn[head, query, which])]

    def _drawn(self, frame: Frame, heads: int) -> Tensor:
        blocks = -(-frame.n // self.block)
        return draw(heads, blocks, self.count, self.seed, self.reach, self.edge, frame.causal)


@dataclass(frozen=True)
class Blocks(Link):
    """Named blocks: `lists[head][query block]` holds the key blocks; one list of lists alone serves every head."""

    block: int
    lists: tuple[tuple[tuple[int, ...], ...], ...]

    def __post_init__(self) -> None:
        _at_least(1, block=self.block, lists=len(self.lists))

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        listed = self.parts(frame, len(self.lists))[0]
        return listed.allows(query, key, head)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        if len(self.lists) not in (1, heads):
            raise ValueError(f"there are lists of blocks for {len(self.lists)} heads; {heads} or 1 are needed")
        last = -(-frame.n // self.block)
        named = [
            (head, query, key)
            for head, rows in enumerate(self.lists)
            for query, keys in enumerate(rows[:last])
            for key in keys
            if key < last
        ]
        head, query, key = torch.tensor(named, dtype=torch.int64).view(-1, 3).unbind(1)
        return [Listed.of(frame, self.block, len(self.lists), head, query, key)]

    @property
    def fingerprint(self) -> str:
        """A digest: the lists may be long."""
        return f"Blocks({hashlib.sha256(repr(self).encode()).hexdigest()})"


@dataclass(frozen=True)
class DenseRows(Link):
    """The queries at `positions` and the `last` ones look at everything."""

    positions: tuple[int, ...] = ()
    last: int = 0

    def __post_init__(self) -> None:
        _at_least(0, positions=min(self.positions, default=0), last=self.last)

    def allows(self, query: Tensor, key: Tensor, head: Tensor, frame: Frame) -> Tensor:
        rows = torch.isin(query, torch.tensor(self.positions, dtype=torch.int64)) | (query >= frame.n - self.last)
        return rows & (key >= 0)

    def parts(self, frame: Frame, heads: int) -> list[Part]:
        named = torch.tensor(self.positions, dtype=torch.int64)
        tail = torch.arange(max(0, frame.n - self.last), frame.n)
        return [Rows(frame, torch.unique(torch.cat([named[named < frame.n], tail])))]


def _at_least(low: int, **values: int) -> None:
    for name, value in values.items():
        if value < low:
            raise ValueError(f"{name} must be at least {low}, not {value}")
