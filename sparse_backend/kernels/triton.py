"""Triton kernel for GPUs: causal window + global tokens in one online softmax (FlashAttention-2, arXiv:2307.08691).

The keys of global tokens are gathered once as a bank, so scattered headers cost no whole blocks. A tile holds the query
heads that share a key head (GQA packing); tiles with most keys start first. Nothing larger than the output and the
bank is allocated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

LOG2E = 1.4426950408889634
NO_WINDOW = 1 << 30
MAX_GROUP = 16
_LONG = 1 << 18  # queries from which wider blocks of keys pay


class Tile(NamedTuple):
    """Launch parameters: query rows and keys per step, warps, pipeline stages, loads by Hopper's copy engine (TMA)."""

    rows: int
    keys: int
    warps: int
    stages: int
    tma: bool = False


def tile_of(dim: int, length: int, tma: bool) -> Tile:
    """The fastest of those tried on an H100 (docs/log.md)."""
    if dim > 128:
        return Tile(128, 64, 8, 2, tma)
    if dim > 64:
        return Tile(128, 128, 8, 3, tma) if tma and length >= _LONG else Tile(128, 64, 8, 3, tma)
    return Tile(128, 128, 8, 3, tma)


class Plan(NamedTuple):
    """What a launch derives from positions alone, the same for every layer: see `plan`."""

    tile: Tile
    places: Tensor  # int64 [B, G]
    indices: Tensor  # the same, int32
    offsets: Tensor  # int32 [B]
    counts: Tensor  # int32 [B]
    full: Tensor  # int32 [B, tiles]: bank blocks that every query of the tile sees
    some: Tensor  # int32 [B, tiles]: bank blocks that any query sees


def plan(
    globals_: Tensor, window: int | None, length: int, offsets: Tensor, counts: Tensor, group: int, tile: Tile
) -> Plan:
    """For `prefill` (which see) with `group` query heads to a key head; nothing here waits for the GPU."""
    places = globals_.expand(len(offsets), -1).contiguous()
    per_tile = tile.rows // group
    tiles = torch.arange(-(-length // per_tile), device=places.device)
    span = NO_WINDOW if window is None else window
    begin = offsets[:, None].long() + tiles * per_tile
    last = torch.minimum(begin + per_tile, (offsets + counts)[:, None]) - 1
    full = torch.searchsorted(places, begin - span, right=True) // tile.keys
    some = (torch.searchsorted(places, last - span, right=True) + tile.keys - 1) // tile.keys
    return Plan(tile, places, places.int(), offsets, counts, full.int(), some.int())


def can_use_tma(*tensors: Tensor) -> bool:
    """Whether the copy engine of this GPU can load blocks of these tensors: Hopper on, rows on 16 bytes."""
    if not tensors[0].is_cuda or torch.cuda.get_device_capability(tensors[0].device)[0] < 9:
        return False
    return all(
        x.data_ptr() % 16 == 0 and all(stride * x.element_size() % 16 == 0 for stride in x.stride()[:-1])
        for x in tensors
    )


@triton.jit
def _add(acc, top, total, q, k, v, visible, scale, cap, SOFTCAP: tl.constexpr, MASKED: tl.constexpr):
    """One block of keys: scores, running maximum and sum in base 2, weighted values."""
    s = tl.dot(q, k)
    if SOFTCAP:
        # tanh by one exp2: large arguments end at +-1 without overflow
        x = s * scale * (2.0 * 1.4426950408889634) / cap
        s = (1.0 - 2.0 / (1.0 + tl.exp2(x))) * (cap * 1.4426950408889634)
    if MASKED:
        s = tl.where(visible, s, float("-inf"))
    if SOFTCAP:
        new = tl.maximum(top, tl.max(s, 1))
        safe = tl.where(new == float("-inf"), 0.0, new) if MASKED else new
        p = tl.exp2(s - safe[:, None])
    else:
        factor = scale * 1.4426950408889634
        new = tl.maximum(top, tl.max(s, 1) * factor)
        safe = tl.where(new == float("-inf"), 0.0, new) if MASKED else new
        p = tl.exp2(s * factor - safe[:, None])
    shrink = tl.exp2(top - safe)
    total = total * shrink + tl.sum(p, 1)
    acc = tl.dot(p.to(v.dtype), v, acc * shrink[:, None])
    return acc, new, total


@triton.jit(do_not_specialize=["length", "bank", "window", "tiles"])  # one compilation for all documents
def _prefill(
    Q, QB, K, V, KBP, VBP, KT, VT, KB, VB, PLACES, OUT, LSE, SINKS, OFFSETS, COUNTS, FULL, SOME,
    sqb, sqh, sql, skb, skh, skn, svb, svh, svn, sob, soh, sol, sbb, sbh, sbl, sgb, sgh, sgn,
    length, bank, window, tiles, scale, cap,
    KV_HEADS: tl.constexpr, GROUP: tl.constexpr, D: tl.constexpr, BD: tl.constexpr,
    BQ: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    SOFTCAP: tl.constexpr, HAS_SINKS: tl.constexpr, HAS_LSE: tl.constexpr, TMA: tl.constexpr, APART: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    pid = tl.program_id(0)
    kv = pid % KV_HEADS
    tile = tiles - 1 - pid // KV_HEADS  # late queries see the largest bank: they start first
    batch = tl.program_id(1)
    offset = tl.load(OFFSETS + batch)
    count = tl.load(COUNTS + batch)
    first = tile * BQ
    row = tl.arange(0, BM)
    local = first + row // GROUP
    head = kv * GROUP + row % GROUP
    used = (row < BQ * GROUP) & (local < length)
    live = used & (local < count)
    dim = tl.arange(0, BD)
    inside = dim < D
    q_at = Q + batch.to(tl.int64) * sqb + head.to(tl.int64)[:, None] * sqh + local.to(tl.int64)[:, None] * sql
    q = tl.load(q_at + dim[None, :], mask=live[:, None] & inside[None, :], other=0.0)
    if APART:  # the bank is met by queries of another rotation, and has keys and values of its own
        b_at = QB + batch.to(tl.int64) * sbb + head.to(tl.int64)[:, None] * sbh + local.to(tl.int64)[:, None] * sbl
        qb = tl.load(b_at + dim[None, :], mask=live[:, None] & inside[None, :], other=0.0)
    else:
        qb = q
    acc = tl.zeros([BM, BD], tl.float32)
    top = tl.full([BM], float("-inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    query = offset + local
    start = offset + first
    end = offset + tl.minimum(first + BQ, count)
    low = tl.maximum(start - window + 1, 0)
    col = tl.arange(0, BN)
    k_base = K + batch.to(tl.int64) * skb + kv.to(tl.int64) * skh
    v_base = V + batch.to(tl.int64) * svb + kv.to(tl.int64) * svh
    kb_base = KBP + batch.to(tl.int64) * sgb + kv.to(tl.int64) * sgh
    vb_base = VBP + batch.to(tl.int64) * sgb + kv.to(tl.int64) * sgh
    places = PLACES + batch * bank
    if end > start:
        full = tl.load(FULL + batch * tiles + tile)  # bank blocks that every query of the tile sees
        some = tl.load(SOME + batch * tiles + tile)  # bank blocks that any query sees
        blocks = (end - low + BN - 1) // BN  # window blocks, laid from the end
        base = end - blocks * BN
        edge = (tl.maximum(end - window, low) - base + BN - 1) // BN  # blocks with keys that some query does not see
        edge = tl.minimum(edge, blocks)
        tail = tl.minimum((end - 1 - start + BN - 1) // BN, blocks - edge)  # blocks that reach into the triangle
        middle = blocks - edge - tail
        if TMA:
            for i in tl.range(0, full, num_stages=STAGES):
                k = tl.trans(KB.load([batch, kv, i * BN, 0]).reshape(BN, BD))
                v = VB.load([batch, kv, i * BN, 0]).reshape(BN, BD)
                acc, top, total = _add(acc, top, total, qb, k, v, used[:, None], scale, cap, SOFTCAP, False)
            for i in tl.range(0, middle, num_stages=STAGES):
                k = tl.trans(KT.load([batch, kv, base + (edge + i) * BN, 0]).reshape(BN, BD))
                v = VT.load([batch, kv, base + (edge + i) * BN, 0]).reshape(BN, BD)
                acc, top, total = _add(acc, top, total, q, k, v, used[:, None], scale, cap, SOFTCAP, False)
        elif APART:
            for i in tl.range(0, full, num_stages=STAGES):
                at = (i * BN + col).to(tl.int64)
                k = tl.load(kb_base + at[None, :] * sgn + dim[:, None], mask=inside[:, None], other=0.0)
                v = tl.load(vb_base + at[:, None] * sgn + dim[None, :], mask=inside[None, :], other=0.0)
                acc, top, total = _add(acc, top, total, qb, k, v, used[:, None], scale, cap, SOFTCAP, False)
            for i in tl.range(0, middle, num_stages=STAGES):
                at = (base + (edge + i) * BN + col).to(tl.int64)
                k = tl.load(k_base + at[None, :] * skn + dim[:, None], mask=inside[:, None], other=0.0)
                v = tl.load(v_base + at[:, None] * svn + dim[None, :], mask=inside[None, :], other=0.0)
                acc, top, total = _add(acc, top, total, q, k, v, used[:, None], scale, cap, SOFTCAP, False)
        else:
            for i in tl.range(0, full + middle, num_stages=STAGES):
                if i < full:
                    index = tl.load(places + i * BN + col)
                else:
                    index = base + (edge + i - full) * BN + col
                at = index.to(tl.int64)
                k = tl.load(k_base + at[None, :] * skn + dim[:, None], mask=inside[:, None], other=0.0)
                v = tl.load(v_base + at[:, None] * svn + dim[None, :], mask=inside[None, :], other=0.0)
                acc, top, total = _add(acc, top, total, q, k, v, used[:, None], scale, cap, SOFTCAP, False)
        rest = some - full
        if APART:
            for i in tl.range(0, rest, num_stages=1):
                slot = (full + i) * BN + col
                there = slot < bank
                index = tl.load(places + slot, mask=there, other=0)
                there = there & (index + window < end)
                at = slot.to(tl.int64)
                k = tl.load(
                    kb_base + at[None, :] * sgn + dim[:, None], mask=inside[:, None] & there[None, :], other=0.0
                )
                v = tl.load(
                    vb_base + at[:, None] * sgn + dim[None, :], mask=inside[None, :] & there[:, None], other=0.0
                )
                visible = (index[None, :] + window <= query[:, None]) & there[None, :]
                acc, top, total = _add(acc, top, total, qb, k, v, visible, scale, cap, SOFTCAP, True)
            rest = 0
        for i in tl.range(0, rest + edge + tail, num_stages=1):
            in_bank = i < rest
            j = i - rest
            slot = tl.where(in_bank, (full + i) * BN, base + tl.where(j < edge, j, j + middle) * BN) + col
            there = (slot >= tl.where(in_bank, 0, low)) & (slot < tl.where(in_bank, bank, end))
            index = tl.where(in_bank, tl.load(places + slot, mask=there & in_bank, other=0), slot)
            there = there & ((in_bank == 0) | (index + window < end))  # what nobody sees is not read either
            at = index.to(tl.int64)
            k = tl.load(k_base + at[None, :] * skn + dim[:, None], mask=inside[:, None] & there[None, :], other=0.0)
            v = tl.load(v_base + at[:, None] * svn + dim[None, :], mask=inside[None, :] & there[:, None], other=0.0)
            gone = index[None, :] + window <= query[:, None]
            visible = tl.where(in_bank, gone, (gone == 0) & (index[None, :] <= query[:, None])) & there[None, :]
            acc, top, total = _add(acc, top, total, q, k, v, visible, scale, cap, SOFTCAP, True)
    if HAS_SINKS:
        sink = tl.load(SINKS + head, mask=used, other=0.0).to(tl.float32) * 1.4426950408889634
        new = tl.maximum(top, sink)
        shrink = tl.exp2(top - new)
        acc = acc * shrink[:, None]
        total = total * shrink + tl.exp2(sink - new)
        top = new
    seen = live & (total > 0)
    out = tl.where(seen[:, None], acc / tl.where(seen, total, 1.0)[:, None], 0.0)
    o_at = OUT + batch.to(tl.int64) * sob + head.to(tl.int64)[:, None] * soh + local.to(tl.int64)[:, None] * sol
    tl.store(o_at + dim[None, :], out.to(OUT.dtype.element_ty), mask=used[:, None] & inside[None, :])
    if HAS_LSE:
        lse = tl.where(seen, (top + tl.log2(tl.where(seen, total, 1.0))) / 1.4426950408889634, float("-inf"))
        tl.store(LSE + (batch * KV_HEADS * GROUP + head).to(tl.int64) * length + local, lse, mask=used)


def prefill(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    globals_: Tensor,
    window: int | None,
    scale: float,
    *,
    offsets: Tensor | None = None,
    counts: Tensor | None = None,
    softcap: float = 0.0,
    sinks: Tensor | None = None,
    with_lse: bool = False,
    tile: Tile | None = None,
    planned: Plan | None = None,
    apart: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Query i of row b stands at offsets[b] + i and looks at the last `window` keys and the global ones before them.

    q [B, Hq, L, D]; k, v [B, Hkv, N, D], last dimension contiguous, bf16 or fp16 on one GPU. globals_: int64 [G] or
    [B, G], sorted positions on the same GPU, filled up with NO_WINDOW. offsets, counts: int32 [B] (0 and L where None):
    rows from counts[b] on are padding and give 0. `planned` replaces globals_, offsets, counts and tile. `apart`: the
    bank as queries [B, Hq, L, D], keys and values [B, Hkv, G, D], contiguous, of other rotations. `softcap` 0 is none;
    sinks [Hq] join the softmax as one more score without a value. Returns out [B, L, Hq, D] and, if asked for, the
    natural log-sum-exp float32 [B, Hq, L].
    """
    batch, heads, length, dim = q.shape
    kv_heads = k.shape[1]
    group = heads // kv_heads
    chosen = tile or tile_of(dim, length, can_use_tma(k, v))
    if planned is None:
        start = torch.zeros(batch, dtype=torch.int32, device=q.device) if offsets is None else offsets
        count = torch.full((batch,), length, dtype=torch.int32, device=q.device) if counts is None else counts
        planned = plan(globals_, window, length, start, count, group, chosen)
    chosen, places = planned.tile, planned.places
    per_tile, span = chosen.rows // group, NO_WINDOW if window is None else window
    tiles, bank, device = planned.full.shape[1], places.shape[1], q.device
    out = torch.empty(batch, length, heads, dim, dtype=q.dtype, device=device)
    copies: tuple[Any, ...] = (q, q, q, q)
    queries, keys, values = apart if apart else (q, k, v)
    if chosen.tma:
        copies = _described(k, v, (keys, values) if apart else _gathered(k, v, places), chosen.keys)
    lse = torch.empty(batch, heads, length, dtype=torch.float32, device=device) if with_lse else out
    _prefill[(tiles * kv_heads, batch)](
        q, queries, k, v, keys, values, *copies, planned.indices, out, lse, q if sinks is None else sinks,
        planned.offsets, planned.counts, planned.full, planned.some,
        *q.stride()[:3], *k.stride()[:3], *v.stride()[:3],
        out.stride(0), out.stride(2), out.stride(1), *queries.stride()[:3], *keys.stride()[:3],
        length, bank, span, tiles, scale, softcap,
        KV_HEADS=kv_heads, GROUP=group, D=dim, BD=triton.next_power_of_2(dim),
        BQ=per_tile, BM=chosen.rows, BN=chosen.keys,
        SOFTCAP=softcap > 0, HAS_SINKS=sinks is not None, HAS_LSE=with_lse, TMA=chosen.tma, APART=apart is not None,
        STAGES=chosen.stages,
        num_warps=chosen.warps, num_stages=chosen.stages,
    )  # fmt: skip
    return out, lse if with_lse else None


def _gathered(k: Tensor, v: Tensor, places: Tensor) -> tuple[Tensor, ...]:
    """The rows of k and v at `places` [B, G], copied side by side."""
    if not places.shape[1]:
        return k, v
    at = places.clamp(max=k.shape[2] - 1)[:, None, :, None].expand(-1, k.shape[1], -1, k.shape[3])
    return tuple(x.gather(2, at) for x in (k, v))


def _described(k: Tensor, v: Tensor, bank: tuple[Tensor, ...], keys: int) -> tuple[TensorDescriptor, ...]:
    """TMA descriptors of k, v and of the bank's keys and values."""
    box = [1, 1, keys, triton.next_power_of_2(k.shape[3])]
    return tuple(TensorDescriptor.from_tensor(x, box) for x in (k, v, *(x if x.shape[2] else k for x in bank)))
