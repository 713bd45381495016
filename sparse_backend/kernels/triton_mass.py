"""Triton kernels for choosing what to look at: how much attention a few query rows give to every key.

Two passes over the keys, which may stand in 8 or 4 bits (see quantize) and are restored in registers: the first finds
each row's log-sum-exp, the second adds up the rows' probabilities of each key. No scores are ever written to memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

_TILE = 64  # keys at a time
_PROGRAMS = 528  # four for each multiprocessor of an H100
_LOG2E = 1.4426950408889634


class Kept(NamedTuple):
    """Keys of one layer: `codes` [Hkv, N, D] in the queries' dtype, or quantised, with `scale`, `zero` [Hkv, G, D].

    int8 codes have no `zero`; uint8 codes [Hkv, N, D / 2] hold channel i in the low half of a byte and i + D / 2 in
    the high half. `group`: tokens that share a scale.
    """

    codes: Tensor
    scale: Tensor | None = None
    zero: Tensor | None = None
    group: int = 1

    @property
    def form(self) -> int:
        """0 for plain keys, 8 or 4 for the bits of a code."""
        return 0 if self.scale is None else 8 if self.zero is None else 4


@triton.jit
def _keys(CODES, SCALE, ZERO, head, at, there, dim, scn, ssg, heads_c, heads_s, group,
          D: tl.constexpr, FORM: tl.constexpr, LIKE):  # fmt: skip
    """Keys transposed [BD, BN], in the dtype that LIKE points to."""
    inside = (dim < D)[:, None] & there[None, :]
    if FORM == 4:
        half = D // 2
        place = CODES + head * heads_c + at[None, :] * scn + (dim % half)[:, None]
        byte = tl.load(place, mask=inside, other=0).to(tl.int32)
        code = tl.where((dim >= half)[:, None], byte >> 4, byte & 15)
    else:
        code = tl.load(CODES + head * heads_c + at[None, :] * scn + dim[:, None], mask=inside, other=0)
    if FORM == 0:
        return code
    where = head * heads_s + (at // group)[None, :] * ssg + dim[:, None]
    scale = tl.load(SCALE + where, mask=inside, other=0.0).to(tl.float32)
    if FORM == 4:
        code = code + tl.load(ZERO + where, mask=inside, other=0).to(tl.int32)
    return (code.to(tl.float32) * scale).to(LIKE.dtype.element_ty)


@triton.jit(do_not_specialize=["n", "rows", "splits"])
def _peaks(Q, CODES, SCALE, ZERO, TOP, TOTAL, n, rows, splits, factor, scn, ssg, heads_c, heads_s, group,
           D: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, FORM: tl.constexpr):  # fmt: skip
    split, head, tile = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    row, dim, col = tile * BM + tl.arange(0, BM), tl.arange(0, BD), tl.arange(0, BN)
    live = row < rows
    q = tl.load(Q + (head * rows + row[:, None]) * D + dim[None, :], mask=live[:, None] & (dim < D)[None, :], other=0.0)
    top = tl.full([BM], float("-inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    count = (n + BN - 1) // BN
    share = (count + splits - 1) // splits
    for i in range(split * share, tl.minimum(split * share + share, count)):
        index = i * BN + col
        there = index < n
        at = index.to(tl.int64)
        k = _keys(CODES, SCALE, ZERO, head, at, there, dim, scn, ssg, heads_c, heads_s, group, D, FORM, Q)
        s = tl.where(there[None, :], tl.dot(q, k) * factor, float("-inf"))
        new = tl.maximum(top, tl.max(s, 1))
        total = total * tl.exp2(top - new) + tl.sum(tl.exp2(s - new[:, None]), 1)
        top = new
    place = (split * tl.num_programs(1) + head) * rows + row
    tl.store(TOP + place, top, mask=live)
    tl.store(TOTAL + place, total, mask=live)


@triton.jit(do_not_specialize=["n", "rows"])
def _sums(Q, CODES, SCALE, ZERO, LSE, MASS, n, rows, factor, scn, ssg, heads_c, heads_s, group, stride,
          D: tl.constexpr, BD: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, FORM: tl.constexpr):  # fmt: skip
    i, head = tl.program_id(0), tl.program_id(1).to(tl.int64)
    dim, index = tl.arange(0, BD), i * BN + tl.arange(0, BN)
    there = index < n
    k = _keys(CODES, SCALE, ZERO, head, index.to(tl.int64), there, dim, scn, ssg, heads_c, heads_s, group, D, FORM, Q)
    mass = tl.zeros([BN], tl.float32)
    for low in range(0, rows, BM):
        row = low + tl.arange(0, BM)
        live = row < rows
        seen = live[:, None] & (dim < D)[None, :]
        q = tl.load(Q + (head * rows + row[:, None]) * D + dim[None, :], mask=seen, other=0.0)
        lse = tl.load(LSE + head * rows + row, mask=live, other=float("inf"))
        mass += tl.sum(tl.exp2(tl.dot(q, k) * factor - lse[:, None]), 0)
    tl.store(MASS + head * stride + index, mass, mask=there)


def masses(queries: Tensor, parts: Sequence[Kept], scale: float) -> Tensor:
    """float32 [Hkv, sum N]: the softmax of every row over all keys of all parts, added up over a key head's rows.

    queries [Hkv, R, D], contiguous, bf16 or fp16 on one GPU, unrotated as the keys are; last dimensions contiguous.
    """
    kv_heads, rows, dim = queries.shape
    height, width = min(128, max(16, triton.next_power_of_2(rows))), max(16, triton.next_power_of_2(dim))
    tiles, lengths = -(-rows // height), [one.codes.shape[1] for one in parts]
    factor = scale * _LOG2E
    tops, totals = [], []
    for one, n in zip(parts, lengths, strict=True):
        splits = max(1, min(-(-n // _TILE), _PROGRAMS // (kv_heads * tiles)))
        top, total = (torch.empty(splits, kv_heads, rows, device=queries.device) for _ in range(2))
        _peaks[(splits, kv_heads, tiles)](
            queries, *_tensors(one, queries), top, total, n, rows, splits, factor, *_strides(one),
            D=dim, BD=width, BM=height, BN=_TILE, FORM=one.form, num_warps=8,
        )  # fmt: skip
        tops.append(top)
        totals.append(total)
    top, total = torch.cat(tops), torch.cat(totals)
    peak = top.amax(0)
    lse = peak + torch.log2((total * torch.exp2(top - peak)).sum(0))
    mass = torch.empty(kv_heads, sum(lengths), device=queries.device)
    low = 0
    for one, n in zip(parts, lengths, strict=True):
        _sums[(-(-n // _TILE), kv_heads)](
            queries, *_tensors(one, queries), lse, mass[:, low:], n, rows, factor, *_strides(one), mass.stride(0),
            D=dim, BD=width, BM=height, BN=_TILE, FORM=one.form, num_warps=8,
        )  # fmt: skip
        low += n
    return mass


def _tensors(one: Kept, unused: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return one.codes, unused if one.scale is None else one.scale, unused if one.zero is None else one.zero


def _strides(one: Kept) -> tuple[int, int, int, int, int]:
    """Of a token, a group, a head's codes and a head's scales; then the group's tokens."""
    scales = (0, 0) if one.scale is None else (one.scale.stride(1), one.scale.stride(0))
    return one.codes.stride(1), scales[0], one.codes.stride(0), scales[1], one.group
