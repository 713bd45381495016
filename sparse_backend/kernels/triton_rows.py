"""Triton kernel for a few query rows over many keys: questions and generated tokens (Flash-Decoding, 2023).

The keys are split among programs, each with the rows of all query heads of one key head; the partial results are merged
by their log-sum-exp. Instead of all keys, lists of key blocks can be given, one list for each key head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 128  # keys in a listed block
_PROGRAMS = 264  # two for each multiprocessor of an H100


@triton.jit(
    do_not_specialize=["length", "keys", "first", "listed", "splits", "window", "ahead"]
)  # one compilation for all contexts
def _split(
    Q, K, V, BLOCKS, COUNTS, PLACE, PART, TOP,
    sqb, sqh, sql, skb, skh, skn, svb, svh, svn,
    length, keys, first, listed, splits, scale, cap, window, ahead,
    GROUP: tl.constexpr, D: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    LISTS: tl.constexpr, PLACED: tl.constexpr, SOFTCAP: tl.constexpr, WINDOW: tl.constexpr, STAGES: tl.constexpr,
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
    start_at = tl.load(PLACE).to(tl.int32) if PLACED else first
    last = start_at + local
    for i in tl.range(split * share, tl.minimum(split * share + share, count), num_stages=STAGES):
        if LISTS:
            start = tl.load(names + i) * BN
        else:
            start = i * BN
        index = start + col
        there = (index < keys) & (index < start_at + length)
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


class Piece(NamedTuple):
    """Rows against one run of keys: q [B, Hq, L, D]; k, v [B, Hkv, N, D]; see `rows` for the rest."""

    q: Tensor
    k: Tensor
    v: Tensor
    first: int
    ahead: int = 0
    blocks: Tensor | None = None
    counts: Tensor | None = None
    place: Tensor | None = None  # integer [1] on the GPU: `first`, where it is known there only


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
    return pieces([Piece(q, k, v, first, ahead, blocks, counts)], scale, splits=splits, softcap=softcap, window=window)


def pieces(
    given: Sequence[Piece], scale: float, *, splits: int | None = None, softcap: float = 0.0, window: int | None = None
) -> tuple[Tensor, Tensor]:
    """The same for one softmax over the keys of several pieces, whose queries may be rotated differently."""
    q, k = given[0].q, given[0].k
    batch, heads, length, dim = q.shape
    kv_heads, device = k.shape[1], q.device
    group = heads // kv_heads
    packed = length * group
    height = min(64, max(16, triton.next_power_of_2(packed)))
    tiles = -(-packed // height)
    programs = max(1, _PROGRAMS // (tiles * kv_heads * batch))
    most = [-(-one.k.shape[2] // BLOCK) if one.blocks is None else one.blocks.shape[2] for one in given]
    shares = [splits or max(1, min(count, programs)) for count in most]
    part = torch.empty(sum(shares), batch, heads, length, dim, dtype=torch.float32, device=device)
    top = torch.empty(sum(shares), batch, heads, length, dtype=torch.float32, device=device)
    out = torch.empty(batch, heads, length, dim, dtype=q.dtype, device=device)
    lse = torch.empty(batch, heads, length, dtype=torch.float32, device=device)
    width = triton.next_power_of_2(dim)
    stages = 3 if width <= 128 else 1  # what 227 KB of shared memory hold
    low = 0
    for one, count, share in zip(given, most, shares, strict=True):
        names = q if one.blocks is None else one.blocks.contiguous()
        sizes = q if one.counts is None else one.counts.contiguous()
        if one.blocks is not None and one.counts is None:
            sizes = torch.full((batch, kv_heads), count, dtype=torch.int32, device=device)
        _split[(tiles * share, kv_heads, batch)](
            one.q, one.k, one.v, names, sizes, q if one.place is None else one.place, part[low:], top[low:],
            *one.q.stride()[:3], *one.k.stride()[:3], *one.v.stride()[:3],
            length, one.k.shape[2], one.first, count, share, scale, softcap, window or 0, one.ahead,
            GROUP=group, D=dim, BD=width, BM=height, BN=BLOCK,
            LISTS=one.blocks is not None, PLACED=one.place is not None, SOFTCAP=softcap > 0,
            WINDOW=window is not None, STAGES=stages,
            num_warps=4, num_stages=stages,
        )  # fmt: skip
        low += share
    _merge[(batch * heads * length,)](
        part, top, out, lse, batch * heads * length, low, length, D=dim, BD=width, num_warps=4
    )
    return out, lse
