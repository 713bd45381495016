"""Plain-torch block attention for CPUs: a few large matmuls per block of queries, no compiler needed.

The query heads that share a key head are stacked, so each block is two batched matmuls and one softmax over just the
keys that the layout names. On CPUs with bf16 matmuls this beats the fused SDPA kernel (figures in docs/log.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.layout import BlockRow


def prefill(
    q: Tensor, k: Tensor, v: Tensor, rows: Sequence[BlockRow], globals_: Tensor, offset: int, scale: float
) -> Tensor:
    """Sparse attention for the queries of `rows`.

    q [Hq, L, D] holds the queries from absolute position `offset`; k, v [Hkv, N, D] hold all keys from position 0.
    Returns [L, Hq, D] in q's dtype.
    """
    heads, length, dim = q.shape
    kv_heads = k.shape[0]
    group = heads // kv_heads
    queries = (q * scale).view(kv_heads, group, length, dim)
    out = q.new_empty(length, heads, dim)
    bank = globals_[: max((row.bank for row in rows), default=0)]
    bank_k, bank_v = k[:, bank], v[:, bank]
    for row in rows:
        size = row.stop - row.start
        first = row.start - offset
        block = queries[:, :, first : first + size].reshape(kv_heads, group * size, dim)
        keys, values = k[:, row.low : row.stop], v[:, row.low : row.stop]
        if row.bank:
            keys = torch.cat([bank_k[:, : row.bank], keys], 1)
            values = torch.cat([bank_v[:, : row.bank], values], 1)
        scores = torch.bmm(block, keys.transpose(1, 2))
        _mask(scores.view(kv_heads, group, size, -1), row)
        mixed = torch.bmm(torch.softmax(scores, -1), values)
        out[first : first + size] = mixed.view(heads, size, dim).transpose(0, 1)
    return out


def _mask(scores: Tensor, row: BlockRow) -> None:
    """In place on scores [Hkv, group, size, bank + slice]: the slice's low end, then the causal triangle."""
    size = row.stop - row.start
    if row.mask is not None:
        width = row.mask.shape[1]
        scores[..., row.bank : row.bank + width].masked_fill_(~row.mask, float("-inf"))
    future = torch.ones(size, size, dtype=torch.bool).triu_(1)
    scores[..., -size:].masked_fill_(future, float("-inf"))


def global_rows(
    q: Tensor, parts: Sequence[tuple[Tensor, Tensor]], scale: float, probabilities: bool
) -> tuple[Tensor, Tensor | None]:
    """Exact attention of the last L positions over everything, the keys given as consecutive parts.

    q [Hq, L, D]; parts of (k, v), each [Hkv, n_i, D]; the last part ends with the queries' own keys. Returns
    [L, Hq, D], and with `probabilities` the weights [Hq, L, sum n_i]. Parts are never copied together.
    """
    heads, length, dim = q.shape
    kv_heads = parts[0][0].shape[0]
    block = (q * scale).reshape(kv_heads, heads // kv_heads * length, dim)
    scores = torch.cat([torch.bmm(block, k.transpose(1, 2)) for k, _ in parts], -1)
    if length > 1:
        future = torch.ones(length, length, dtype=torch.bool).triu_(1)
        scores.view(kv_heads, -1, length, scores.shape[-1])[..., -length:].masked_fill_(future, float("-inf"))
    weights = torch.softmax(scores, -1)
    out, low = q.new_zeros(block.shape), 0
    for k, v in parts:
        out += torch.bmm(weights[..., low : low + k.shape[1]], v)
        low += k.shape[1]
    mixed = out.view(heads, length, dim).transpose(0, 1)
    return mixed, weights.view(heads, length, -1) if probabilities else None
