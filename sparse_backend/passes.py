"""Pattern + anchors -> passes: which blocks of queries and keys to compute so that each allowed pair is computed once.

Each part of the pattern is one pass, in an order of its own in which its pairs lie in few blocks. A pair that two
parts allow belongs to the earlier one. Blocks that a part fills and no earlier part touches need no mask; the others
are masked by `Pass.allowed`, the exact rule. Time and memory are O(tokens + listed blocks).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from sparse_backend.layout import BLOCK
from sparse_backend.parts import Band, Keys, Listed, Part, Rows
from sparse_backend.pattern import Pattern
from sparse_backend.routes import Ends, Frame, Route, edges, ends_of


@dataclass(frozen=True, eq=False)
class Pass:
    """One part of a pattern, ready to compute.

    `heads`: the query heads concerned, None for all. `query_order`, `key_order`: int32 positions, None for 0..n-1;
    block r of them is [r * block, (r + 1) * block). Query block r of list s visits the key blocks
    `blocks[starts[s, r] : starts[s, r + 1]]` (int32); `full` tells which of these need no mask. There is one list
    for all heads concerned, or one for each of them in turn.
    """

    frame: Frame
    block: int
    query_order: Tensor | None
    key_order: Tensor | None
    starts: Tensor
    blocks: Tensor
    full: Tensor
    part: Part
    earlier: tuple[Part, ...]

    @property
    def heads(self) -> tuple[int, ...] | None:
        """The query heads concerned; None stands for all."""
        return self.part.heads

    @property
    def by_head(self) -> bool:
        """Whether `allowed` depends on the head."""
        return self.part.by_head or any(part.by_head or part.heads is not None for part in self.earlier)

    def allowed(self, query: Tensor, key: Tensor, head: Tensor) -> Tensor:
        """bool, broadcast over positions and head numbers: the pairs that this pass computes."""
        visible = self.part.allows(query, key, head)
        for part in self.earlier:
            theirs = part.allows(query, key, head)
            if part.heads is not None:
                theirs = theirs & torch.isin(head, torch.tensor(part.heads))
            visible = visible & ~theirs
        return visible & (key <= query) if self.frame.causal else visible

    def positions(self, block: int, *, keys: bool) -> Tensor:
        """The positions in one block of queries or of keys."""
        order = self.key_order if keys else self.query_order
        low = block * self.block
        if order is None:
            return torch.arange(low, min(low + self.block, self.frame.n))
        return order[low:][: self.block].long()

    def rows(self, low: int, high: int) -> list[int]:
        """The blocks of queries that may hold a position in [low, high)."""
        order = self.query_order
        first, last = ends_of(order, self.frame.n if order is None else len(order), self.block)
        found: list[int] = ((first < high) & (last >= low)).nonzero().flatten().tolist()
        return found

    @property
    def pairs(self) -> int:
        """How many pairs are computed for the heads of one list, summed over the lists; masked pairs count too."""
        n = self.frame.n
        rows = _sizes(n if self.query_order is None else len(self.query_order), self.block)
        keys = _sizes(n if self.key_order is None else len(self.key_order), self.block)
        row = _rows(self.starts)
        return int((rows[row % max(1, len(rows))] * keys[self.blocks]).sum())


def pairs(passes: tuple[Pass, ...], heads: int) -> int:
    """How many pairs all `heads` query heads compute together, counting whole blocks as kernels do."""
    total = 0
    for part in passes:
        concerned = heads if part.heads is None else len(part.heads)
        total += part.pairs * concerned // len(part.starts)
    return total


def compile_passes(pattern: Pattern, anchors: Tensor, n: int, heads: int, block: int = BLOCK) -> tuple[Pass, ...]:
    """The passes of `pattern` over a document of n >= 1 tokens with `anchors` (integer token indices, any order).

    Kept for the last few documents. Raises ValueError for anchors outside [0, n).
    """
    if anchors.numel() and (int(anchors.min()) < 0 or int(anchors.max()) >= n):
        raise ValueError(f"anchors must lie in [0, {n})")
    return _compile(pattern, anchors.to("cpu", torch.int64).numpy().tobytes(), n, heads, block)


@lru_cache(maxsize=16)
def _compile(pattern: Pattern, anchors: bytes, n: int, heads: int, block: int) -> tuple[Pass, ...]:
    indices = torch.frombuffer(bytearray(anchors), dtype=torch.int64) if anchors else torch.empty(0, dtype=torch.int64)
    parts = _parts(pattern, pattern.global_tokens(indices, n), Frame(n, pattern.causal), heads)
    made = []
    for index, part in enumerate(parts):
        earlier = tuple(other for other in parts[:index] if _meet(part, other))
        made.append(_pass(part, earlier, block))
    return tuple(one for one in made if len(one.blocks))


def listed_pass(pattern: Pattern, globals_: Tensor, n: int, heads: int, listed: Listed, block: int = BLOCK) -> Pass:
    """The pass that adds the blocks of `listed` to those of `compile_passes`; what these compute is left out."""
    parts = _parts(pattern, globals_, Frame(n, pattern.causal), heads)
    return _pass(listed, tuple(part for part in parts if _meet(listed, part)), block)


def _parts(pattern: Pattern, globals_: Tensor, frame: Frame, heads: int) -> list[Part]:
    parts: list[Part] = []
    reach = frame.n if pattern.window is None else pattern.window - 1
    if reach >= 0:
        parts.append(Band(frame, reach, 0 if frame.causal else reach))
    if len(globals_):
        parts.append(Keys(frame, globals_))
        if not frame.causal:
            parts.append(Rows(frame, globals_))
    for link in pattern.links:
        parts += link.parts(frame, heads)
    return sorted(parts, key=lambda part: part.rank)


def _meet(one: Part, other: Part) -> bool:
    """Whether two parts serve a head in common."""
    return one.heads is None or other.heads is None or not set(one.heads).isdisjoint(other.heads)


def _pass(part: Part, earlier: tuple[Part, ...], block: int) -> Pass:
    frame, route = part.frame, part.route(block)
    ends = _ends(frame, route, block)
    full = part.fills(ends) if route.whole is None else route.whole
    needed = torch.ones_like(full)
    if frame.causal:
        full = full & (ends.key_high <= ends.query_low)
        needed &= ends.key_low <= ends.query_high
    for other in earlier:
        full = full & other.misses(ends)
        if other.heads is None and not other.by_head:
            needed &= ~other.fills(ends)
    starts, blocks = route.starts, route.blocks
    if not bool(needed.all()):
        kept = torch.cat([torch.zeros(1, dtype=torch.int64), needed.cumsum(0)])
        starts, blocks, full = kept[starts], blocks[needed], full[needed]
    query_order = _compact(route.query_order)
    key_order = query_order if route.key_order is route.query_order else _compact(route.key_order)
    return Pass(frame, block, query_order, key_order, starts, blocks, full, part, earlier)


def _compact(order: Tensor | None) -> Tensor | None:
    """Positions stay below 2**31: half the memory of int64."""
    return None if order is None else order.to(torch.int32)


def _ends(frame: Frame, route: Route, block: int) -> Ends:
    """The ends of every listed block."""
    n, row = frame.n, _rows(route.starts)
    query = ends_of(route.query_order, n if route.query_order is None else len(route.query_order), block)
    key = ends_of(route.key_order, n if route.key_order is None else len(route.key_order), block)
    row = row % max(1, len(query[0]))
    return Ends(query[0][row], query[1][row], key[0][route.blocks], key[1][route.blocks])


def _rows(starts: Tensor) -> Tensor:
    """The row of every listed block; the rows of the second list follow those of the first."""
    count = starts.diff(dim=1).reshape(-1)
    return torch.repeat_interleave(torch.arange(len(count)), count)


def _sizes(n: int, block: int) -> Tensor:
    low, high = edges(n, block)
    return high - low + 1
