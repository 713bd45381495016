"""Passes computed on a CPU in plain torch: per block of queries, its listed keys are gathered, scored and mixed.

Partial results carry their log-sum-exp, by which blocks and passes are merged. bf16 and fp16 are computed in
float32, float64 in float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.passes import Pass

WIDTH = 8192  # keys scored at once: bounds the memory of a row


def attend(
    q: Tensor, k: Tensor, v: Tensor, passes: Sequence[Pass], scale: float, *, offset: int = 0
) -> tuple[Tensor, Tensor]:
    """Attention of the queries at positions [offset, offset + L) under `passes`.

    q [Hq, L, D]; k, v [Hkv, N, D] from position 0; a bidirectional pattern needs all keys. Returns [L, Hq, D] in q's
    dtype and the log-sum-exp [Hq, L] in float32 (float64 for float64). Who sees nothing gets 0 and -inf.
    """
    heads, length, dim = q.shape
    exact = torch.float64 if q.dtype == torch.float64 else torch.float32
    out = torch.zeros(heads, length, dim, dtype=exact)
    lse = torch.full((heads, length), float("-inf"), dtype=exact)
    group = heads // k.shape[0]
    for one in passes:
        concerned = torch.arange(heads) if one.heads is None else torch.tensor(one.heads)
        shares = [concerned] if len(one.starts) == 1 else [concerned[i : i + 1] for i in range(len(concerned))]
        for starts, share in zip(one.starts.tolist(), shares, strict=True):
            sharing = group if one.heads is None and len(one.starts) == 1 else 1
            for row in one.rows(offset, offset + length):
                rows = one.positions(row, keys=False) - offset
                rows = rows[(rows >= 0) & (rows < length)]
                if len(rows):
                    for keys, masked in _chunks(one, starts[row], starts[row + 1], k.shape[1]):
                        _row(q, k, v, one, share, sharing, rows, offset, keys, masked, scale, out, lse)
    return out.transpose(0, 1).to(q.dtype), lse


def _chunks(one: Pass, start: int, stop: int, n: int) -> list[tuple[Tensor, int]]:
    """The listed keys below n in chunks: positions, of which the last so many need a mask."""
    blocks, full = one.blocks[start:stop], one.full[start:stop]
    free, bound = (_positions(one, blocks[flags], n) for flags in (full, ~full))
    keys = torch.cat([free, bound])
    chunks = [(low, keys[low : low + WIDTH]) for low in range(0, len(keys), WIDTH)]
    return [(chunk, min(len(chunk), max(0, low + len(chunk) - len(free)))) for low, chunk in chunks]


def _positions(one: Pass, blocks: Tensor, n: int) -> Tensor:
    total = one.frame.n if one.key_order is None else len(one.key_order)
    index = (blocks.long()[:, None] * one.block + torch.arange(one.block)).view(-1)
    index = index[index < total]
    found = index if one.key_order is None else one.key_order[index].long()
    return found[found < n]


def _row(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    one: Pass,
    share: Tensor,
    sharing: int,
    rows: Tensor,
    offset: int,
    keys: Tensor,
    masked: int,
    scale: float,
    out: Tensor,
    lse: Tensor,
) -> None:
    """Adds the queries `rows` against `keys` to `out` and `lse`, for the heads `share`.

    Every `sharing` heads of them in turn read one key head.
    """
    exact, size = out.dtype, len(rows)
    stored = share[::sharing] // (q.shape[0] // k.shape[0])
    block = q[share[:, None], rows].to(exact).view(len(stored), sharing * size, -1)
    keys_, values = (x[stored[:, None], keys].to(exact) for x in (k, v))
    scores = torch.bmm(block, keys_.transpose(1, 2)).mul_(scale).view(len(share), size, -1)
    if masked:
        head = share[:, None, None] if one.by_head else share[:1, None]
        hidden = ~one.allowed(rows[:, None] + offset, keys[-masked:], head)
        scores[..., -masked:].masked_fill_(hidden, float("-inf"))
    peak = scores.amax(-1, keepdim=True).clamp(min=torch.finfo(exact).min)
    weights = scores.sub_(peak).exp_()
    total = weights.sum(-1, keepdim=True)
    mixed = torch.bmm(weights.view(len(stored), sharing * size, -1), values).view(len(share), size, -1)
    here = (total.log() + peak).squeeze(-1)
    before = lse[share[:, None], rows]
    both = torch.logaddexp(before, here)
    old = torch.exp(before - both).nan_to_num(0.0)[..., None]  # nan: neither has seen anything
    new = torch.exp(peak.squeeze(-1) - both).nan_to_num(0.0, posinf=0.0)[..., None]
    out[share[:, None], rows] = out[share[:, None], rows] * old + mixed * new
    lse[share[:, None], rows] = both
