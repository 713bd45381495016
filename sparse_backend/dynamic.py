"""Dynamic blocks: each head looks at the blocks of keys that an estimate from the content finds most promising.

The estimate scores a block of queries against a block of keys by their means (as MInference, arXiv:2407.02490, and
SeerAttention, arXiv:2410.13276, pool them) or by sums along antidiagonals (XAttention, Xu et al. 2025,
arXiv:2503.16428). Time and memory are O(blocks of queries * blocks of keys).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from sparse_backend.parts import Listed
from sparse_backend.routes import Frame


@dataclass(frozen=True, slots=True)
class Dynamic:
    """`budget` blocks of `block` keys for every block of queries and every head.

    `method`: “pooled” compares means; “antidiagonal” compares sums over every `stride`-th key with the queries in
    opposite order, which also sees single strong pairs.
    """

    block: int
    budget: int
    method: Literal["pooled", "antidiagonal"] = "antidiagonal"
    stride: int = 16

    def __post_init__(self) -> None:
        for name in ("block", "budget", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.method not in ("pooled", "antidiagonal"):
            raise ValueError(f"there is no method {self.method}: choose pooled or antidiagonal")
        if self.block % self.stride:
            raise ValueError(f"stride {self.stride} must divide block {self.block}")

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever other blocks would be chosen."""
        return repr(self)


def choose(q: Tensor, k: Tensor, spec: Dynamic, frame: Frame, scale: float, *, offset: int = 0) -> Listed:
    """The chosen blocks for the queries q [Hq, L, D] at [offset, offset + L) among the keys k [Hkv, N, D] from 0 on.

    `offset` must be a multiple of the block. A causal frame leaves a query block the key blocks up to its own.
    """
    if offset % spec.block:
        raise ValueError(f"queries must start at a multiple of {spec.block}, not at {offset}")
    scores = estimate(q, k, spec, scale)
    heads, rows, columns = scores.shape
    first = offset // spec.block
    row = torch.arange(first, first + rows)
    if frame.causal:
        scores = scores.masked_fill(torch.arange(columns) > row[:, None], float("-inf"))
    best = scores.topk(min(spec.budget, columns), -1)
    head, at, place = best.values.isfinite().nonzero(as_tuple=True)
    return Listed.of(frame, spec.block, heads, head, row[at], best.indices[head, at, place])


def estimate(q: Tensor, k: Tensor, spec: Dynamic, scale: float) -> Tensor:
    """The promise of each block of keys for each block of queries: float32 [Hq, query blocks, key blocks]."""
    group = q.shape[0] // k.shape[0]
    queries, keys = (_blocks(x.float(), spec.block) for x in (q, k))
    keys = keys.repeat_interleave(group, 0)
    if spec.method == "pooled":
        sizes = [_sizes(x.shape[1], spec.block) for x in (q, k)]
        means = [x.sum(2) / size[:, None] for x, size in zip((queries, keys), sizes, strict=True)]
        return means[0] @ means[1].transpose(1, 2) * scale
    # a pair (i, j) counts where i + j is a multiple of the stride, i and j counted inside their blocks
    place = torch.arange(spec.block) % spec.stride
    ours = torch.stack([queries[:, :, place == turn].sum(2) for turn in range(spec.stride)], 2).flatten(2)
    turned = [(spec.stride - turn) % spec.stride for turn in range(spec.stride)]
    theirs = torch.stack([keys[:, :, place == turn].sum(2) for turn in turned], 2).flatten(2)
    return ours @ theirs.transpose(1, 2) * (scale * spec.stride / spec.block**2)


def _blocks(x: Tensor, block: int) -> Tensor:
    """[H, n, D] -> [H, blocks, block, D]; the last block is filled with zeros."""
    heads, n, dim = x.shape
    count = -(-n // block)
    return pad(x, (0, 0, 0, count * block - n)).view(heads, count, block, dim)


def _sizes(n: int, block: int) -> Tensor:
    return (n - torch.arange(0, n, block)).clamp(max=block)
