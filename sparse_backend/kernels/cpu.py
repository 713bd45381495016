"""Plain-torch block attention for CPUs: a few large matmuls per block of queries, no compiler needed.

The query heads that share a key head are stacked, so each block is two batched matmuls and one softmax over just the
keys that the layout names. On CPUs with bf16 matmuls this beats the fused SDPA kernel (figures in docs/log.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.extra import PLAIN, Bank, Extra
from sparse_backend.layout import BLOCK, BlockRow, Layout

FEW = 16  # rows of a key head up to which its keys are faster as the left matrix, which is not packed anew


def prefill(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    rows: Sequence[BlockRow],
    globals_: Tensor,
    offset: int,
    scale: float,
    extra: Extra = PLAIN,
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
        _cap(scores, extra)
        _mask(scores.view(kv_heads, group, size, -1), row)
        mixed = torch.bmm(_softmax(scores, extra, group), values)
        out[first : first + size] = mixed.view(heads, size, dim).transpose(0, 1)
    return out


def apart(
    q: Tensor, k: Tensor, v: Tensor, layout: Layout, offset: int, base: int, scale: float, extra: Extra, bank: Bank
) -> Tensor:
    """The same where the global tokens outside a query's window are met by queries and keys of other rotation.

    k, v [Hkv, N, D] hold the keys from position `base`; every query's window lies in them.
    """
    heads, length, dim = q.shape
    kv_heads = k.shape[0]
    group = heads // kv_heads
    near, away = ((x * scale).view(kv_heads, group, length, dim) for x in (q, bank.queries))
    out = q.new_empty(length, heads, dim)
    window = layout.n if layout.pattern.window is None else layout.pattern.window
    for start in range(offset, offset + length, BLOCK):
        stop = min(start + BLOCK, offset + length)
        size, first, low = stop - start, start - offset, max(base, start - window + 1)
        rows = slice(first, first + size)
        count = int(layout.ahead_of_window(stop - 1, stop))
        far = torch.bmm(away[:, :, rows].reshape(kv_heads, group * size, dim), bank.keys[:, :count].transpose(1, 2))
        block = near[:, :, rows].reshape(kv_heads, group * size, dim)
        scores = torch.cat([far, torch.bmm(block, k[:, low - base : stop - base].transpose(1, 2))], -1)
        _cap(scores, extra)
        _mask_apart(
            scores.view(kv_heads, group, size, -1), layout.ahead_of_window(start, stop), count, stop - low - window
        )
        values = torch.cat([bank.values[:, :count], v[:, low - base : stop - base]], 1)
        mixed = torch.bmm(_softmax(scores, extra, group), values)
        out[rows] = mixed.view(heads, size, dim).transpose(0, 1)
    return out


def _products(rows: Tensor, keys: Tensor) -> Tensor:
    """rows [Hkv, R, D] by keys [Hkv, N, D] -> [Hkv, R, N]; few rows stand on the right, where they alone are packed."""
    if rows.shape[1] > FEW:
        return torch.bmm(rows, keys.transpose(1, 2))
    return torch.bmm(keys, rows.transpose(1, 2)).transpose(1, 2)


def _cap(scores: Tensor, extra: Extra) -> None:
    if extra.softcap is not None:
        scores.div_(extra.softcap).tanh_().mul_(extra.softcap)


def _softmax(scores: Tensor, extra: Extra, group: int) -> Tensor:
    """Weights of scores [Hkv, group * L, N], to which each head's sink is one more score."""
    if extra.sinks is None:
        return torch.softmax(scores, -1)
    kv_heads, rows, _ = scores.shape
    sink = extra.sinks.to(scores.dtype).view(kv_heads, group, 1).expand(-1, -1, rows // group)
    return torch.softmax(torch.cat([scores, sink.reshape(kv_heads, rows, 1)], -1), -1)[..., :-1]


def _mask(scores: Tensor, row: BlockRow) -> None:
    """In place on scores [Hkv, group, size, bank + slice]: the slice's low end, then the causal triangle."""
    size = row.stop - row.start
    if row.mask is not None:
        width = row.mask.shape[1]
        scores[..., row.bank : row.bank + width].masked_fill_(~row.mask, float("-inf"))
    future = torch.ones(size, size, dtype=torch.bool).triu_(1)
    scores[..., -size:].masked_fill_(future, float("-inf"))


def _mask_apart(scores: Tensor, ahead: Tensor, count: int, left: int) -> None:
    """In place on scores [Hkv, group, size, count + keys near by]: only the columns that some of the rows do not see.

    Row i sees `ahead[i]` of the first `count` columns; of the keys near by it sees those up to its own, which is the
    size - i last, and not the first i + `left` - size + 1, which have left its window.
    """
    size = scores.shape[2]
    same = int(ahead[0])
    later = torch.arange(same, count)[None, :] >= ahead[:, None]
    scores[..., same:count].masked_fill_(later, float("-inf"))
    if left > 0:
        gone = torch.arange(left)[None, :] < torch.arange(left - size + 1, left + 1)[:, None]
        scores[..., count : count + left].masked_fill_(gone, float("-inf"))
    future = torch.ones(size, size, dtype=torch.bool).triu_(1)
    scores[..., -size:].masked_fill_(future, float("-inf"))


def global_rows(
    queries: Sequence[Tensor],
    parts: Sequence[tuple[Tensor, Tensor]],
    scale: float,
    probabilities: int,
    window: int | None = None,
    extra: Extra = PLAIN,
) -> tuple[Tensor, Tensor | None]:
    """Exact attention of the last L positions over everything, the keys given as consecutive parts.

    `queries`: q [Hq, L, D] for each of the parts (k, v), each [Hkv, n_i, D]; the last part ends with the queries' own
    keys. Returns [L, Hq, D], and the weights [Hq, R, sum n_i] of the last R = `probabilities` queries, None for 0.
    Parts are never copied together.
    """
    heads, length, dim = queries[0].shape
    kv_heads = parts[0][0].shape[0]
    group = heads // kv_heads
    blocks: dict[int, Tensor] = {}
    scores_of = []
    for q, (k, _) in zip(queries, parts, strict=True):
        if id(q) not in blocks:
            blocks[id(q)] = (q * scale).reshape(kv_heads, group * length, dim)
        scores_of.append(_products(blocks[id(q)], k))
    scores = torch.cat(scores_of, -1) if len(scores_of) > 1 else scores_of[0]
    _cap(scores, extra)
    total = scores.shape[-1]
    if length > 1:
        future = torch.ones(length, length, dtype=torch.bool).triu_(1)
        scores.view(kv_heads, group, length, total)[..., -length:].masked_fill_(future, float("-inf"))
    if window is not None and total > window:
        gone = torch.arange(total) <= torch.arange(total - length, total)[:, None] - window
        scores.view(kv_heads, group, length, total).masked_fill_(gone, float("-inf"))
    weights = _softmax(scores, extra, group)
    sizes = [k.shape[1] for k, _ in parts]
    shares = torch.split(weights, sizes, -1) if len(parts) > 1 else (weights,)
    out = torch.bmm(shares[0], parts[0][1])
    for share, (_, v) in zip(shares[1:], parts[1:], strict=True):
        out = out.add_(torch.bmm(share, v))
    mixed = out.view(heads, length, dim).transpose(0, 1)
    return mixed, weights.view(heads, length, -1)[:, -probabilities:] if probabilities else None
