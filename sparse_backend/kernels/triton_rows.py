"""Triton kernel for a few query rows over many keys: questions and generated tokens (Flash-Decoding, 2023).

The keys are split among programs, each with the rows of all query heads of one key head; the partial results are merged
by their log-sum-exp. Instead of all keys, lists of key blocks can be given, one list for each key head.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 128  # keys in a listed block
_PROGRAMS = 264  # two for each multiprocessor of an H100


@triton.jit(do_not_specialize=["length", "keys", "first", "listed", "splits", "window", "ahead"])  # one compilation for all contexts
def _split(
    Q, K, V, BLOCKS, COUNTS, PART, TOP,
    sqb, sqh, sql, skb, skh, skn, svb, svh, svn,
    length, keys, first, listed, splits, scale, cap, window, ahead,
    GROUP: tl.constexpr, D: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    LISTS: tl.constexpr, SOFTCAP: tl.constexpr, WINDOW: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    split, kv, batch = tl.program_id(0) % splits, tl.program_id(1), tl.program_id(2)
    tile = tl.program_id(0) // splits
    kv_heads = tl.num_programs(1)
    row = tile * BM + tl.arange(0, BM)
    local, head = row // GROUP, kv * GROUP + row % GROUP
    live = local < length
    dim = tl.arange(0, BD)
    inside = dim < D
    q_at = Q + batch.to(tl.int64) * sqb + head.to(tl.int64)[:, None] * sqh + local.to(tl.int64)[:, None] * sql
    q = tl.load(q_at + dim[None, :], mask=live[:, None] & inside[None, :], other=0.0)
    k_base = K + batch.to(tl.int64) * skb + kv.to(tl.int64) * skh
    v_base = V + batch.to(tl.int64) * svb + kv.to(tl.int64) * svh
    acc = tl.zeros([BM, BD], tl.float32)
    top = tl.full([BM], float("-inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    if LISTS:
        count = tl.load(COUNTS + batch * kv_heads + kv)
    else:
        count = (keys + BN - 1) // BN
    share = (count + splits - 1) // splits
    names = BLOCKS + (batch * kv_heads + kv).to(tl.int64) * listed
    factor = scale * 1.4426950408889634
    col = tl.arange(0, BN)
    last = first + local
    for i in tl.range(split * share, tl.minimum(split * share + share, count), num_stages=STAGES):
        if LISTS:
            start = tl.load(names + i) * BN
        else:
            start = i * BN
        index = start + col
        there = (index < keys) & (index < first + length)
        at = index.to(tl.int64)
        k = tl.load(k_base + at[None, :] * skn + dim[:, None], mask=inside[:, None] & there[None, :], other=0.0)
        v = tl.load(v_base + at[:, None] * svn + dim[None, :], mask=inside[None, :] & there[:, None], other=0.0)
        s = tl.dot(q, k) * factor
        if SOFTCAP:  # tanh by one exp2: large arguments end at +-1 without overflow
            bound = cap * 1.4426950408889634
            s = (1.0 - 2.0 / (1.0 + tl.exp2(s * (2.0 * 1.4426950408889634) / bound))) * bound
        seen = there[None, :] & (index[None, :] <= last[:, None])
        if WINDOW:
            seen = seen & (index[None, :] > (ahead + local - window)[:, None])
        s = tl.where(seen, s, float("-inf"))
        new = tl.maximum(top, tl.max(s, 1))
        safe = tl.where(new == float("-inf"), 0.0, new)
        p = tl.exp2(s - safe[:, None])
        shrink = tl.exp2(top - safe)
        total = total * shrink + tl.sum(p, 1)
        acc = tl.dot(p.to(v.dtype), v, acc * shrink[:, None])
        top = new
    some = total > 0
    place = ((split * tl.num_programs(2) + batch) * kv_heads * GROUP + head).to(tl.int64) * length + local
    part = tl.where(some[:, None], acc / tl.where(some, total, 1.0)[:, None], 0.0)
    tl.store(PART + place[:, None] * D + dim[None, :], part, mask=live[:, None] & inside[None, :])
    tl.store(TOP + place, tl.where(some, top + tl.log2(tl.where(some, total, 1.0)), float("-inf")), mask=live)


@triton.jit(do_not_specialize=["rows", "splits", "length"])
def _merge(PART, TOP, OUT, LSE, rows, splits, length, D: tl.constexpr, BD: tl.constexpr):
    """One row [heads, length] of one batch entry: the splits' results, weighted by their sums."""
    row = tl.program_id(0).to(tl.int64)
    dim = tl.arange(0, BD)
    peak = float("-inf")
    for split in range(splits):
        peak = tl.maximum(peak, tl.load(TOP + split * rows + row))
    safe = tl.where(peak == float("-inf"), 0.0, peak)
    total = 0.0
    acc = tl.zeros([BD], tl.float32)
    for split in range(splits):
        weight = tl.exp2(tl.load(TOP + split * rows + row) - safe)
        total += weight
        acc += weight * tl.load(PART + (split * rows + row) * D + dim, mask=dim < D, other=0.0)
    seen = total > 0
    divisor = tl.where(seen, total, 1.0)
    tl.store(OUT + row * D + dim, (acc / divisor).to(OUT.dtype.element_ty), mask=dim < D)
    tl.store(LSE + row, tl.where(seen, (safe + tl.log2(divisor)) / 1.4426950408889634, float("-inf")))


def rows(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    first: int,
    scale: float,
    *,
    blocks: Tensor | None = None,
    counts: Tensor | None = None,
    splits: int | None = None,
    softcap: float = 0.0,
    window: int | None = None,
    ahead: int = 0,
) -> tuple[Tensor, Tensor]:
    """Query i looks at the keys up to position first + i; first = N for queries that stand behind all of them.

    q [B, Hq, L, D]; k, v [B, Hkv, N, D], last dimension contiguous, bf16 or fp16 on one GPU. `blocks` int32
    [B, Hkv, M]: indices of blocks of BLOCK keys, each once, of which the first `counts` int32 [B, Hkv] count; None for
    all keys. Returns out [B, Hq, L, D] in q's dtype and the natural log-sum-exp float32 [B, Hq, L]; a row that sees
    nothing gives 0 and -inf. `softcap` 0 is none. With a `window`, query i stands at ahead + i (first + i, or further
    where other keys lie between) and sees the last `window` positions only.
    """
    batch, heads, length, dim = q.shape
    kv_heads, keys = k.shape[1], k.shape[2]
    group = heads // kv_heads
    packed = length * group
    height = min(64, max(16, triton.next_power_of_2(packed)))
    tiles = -(-packed // height)
    most = -(-keys // BLOCK) if blocks is None else blocks.shape[2]
    if splits is None:
        splits = max(1, min(most, _PROGRAMS // (tiles * kv_heads * batch)))
    part = torch.empty(splits, batch, heads, length, dim, dtype=torch.float32, device=q.device)
    top = torch.empty(splits, batch, heads, length, dtype=torch.float32, device=q.device)
    out = torch.empty(batch, heads, length, dim, dtype=q.dtype, device=q.device)
    lse = torch.empty(batch, heads, length, dtype=torch.float32, device=q.device)
    names = q if blocks is None else blocks.contiguous()
    sizes = q if counts is None else counts.contiguous()
    if blocks is not None and counts is None:
        sizes = torch.full((batch, kv_heads), most, dtype=torch.int32, device=q.device)
    width = triton.next_power_of_2(dim)
    stages = 3 if width <= 128 else 1  # what 227 KB of shared memory hold
    _split[(tiles * splits, kv_heads, batch)](
        q, k, v, names, sizes, part, top,
        *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
        length, keys, first, most, splits, scale, softcap, 0 if window is None else window, ahead,
        GROUP=group, D=dim, BD=width, BM=height, BN=BLOCK,
        LISTS=blocks is not None, SOFTCAP=softcap > 0, WINDOW=window is not None, STAGES=stages, num_warps=4, num_stages=stages,
    )  # fmt: skip
    _merge[(batch * heads * length,)](
        part, top, out, lse, batch * heads * length, splits, length, D=dim, BD=width, num_warps=4
    )
    return out, lse
