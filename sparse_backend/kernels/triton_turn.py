"""Triton kernel that rotates queries or keys (RoPE) in one pass: read once, computed in float32, written once."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_ROWS = 16  # tokens of one head in a program


@triton.jit(do_not_specialize=["length"])
def _turn(
    X, COS, SIN, OUT, sxh, sxl, length,
    D: tl.constexpr, BD: tl.constexpr, HALF: tl.constexpr, PAIRS: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    head = tl.program_id(1).to(tl.int64)
    dim = tl.arange(0, BD)
    live = (row < length)[:, None] & (dim < D)[None, :]
    turned = dim < 2 * HALF
    if PAIRS:
        other = tl.where(turned, dim ^ 1, dim)
        angle = dim // 2
        first = dim % 2 == 0
    else:
        other = tl.where(turned, tl.where(dim < HALF, dim + HALF, dim - HALF), dim)
        angle = dim % HALF
        first = dim < HALF
    at = X + head * sxh + row.to(tl.int64)[:, None] * sxl
    x = tl.load(at + dim[None, :], mask=live, other=0.0).to(tl.float32)
    y = tl.load(at + other[None, :], mask=live, other=0.0).to(tl.float32)
    known = (row < length)[:, None] & turned[None, :]
    place = row[:, None] * HALF + angle[None, :]
    cos = tl.load(COS + place, mask=known, other=1.0)
    sin = tl.load(SIN + place, mask=known, other=0.0)
    out = x * cos + y * tl.where(first[None, :], -sin, sin)
    to = OUT + (head * length + row.to(tl.int64)[:, None]) * D + dim[None, :]
    tl.store(to, out.to(OUT.dtype.element_ty), mask=live)


def turn(x: Tensor, cos: Tensor, sin: Tensor, *, pairs: bool) -> Tensor:
    """x [H, L, D] on a GPU, last dimension contiguous, rotated by cos, sin float32 [L, R / 2] -> [H, L, D]."""
    heads, length, dim = x.shape
    x = x if x.stride(2) == 1 else x.contiguous()
    out = torch.empty(heads, length, dim, dtype=x.dtype, device=x.device)
    grid = (triton.cdiv(length, _ROWS), heads)
    _turn[grid](
        x, cos, sin, out, x.stride(0), x.stride(1), length,
        D=dim, BD=triton.next_power_of_2(dim), HALF=cos.shape[1], PAIRS=pairs, ROWS=_ROWS, num_warps=4,
    )  # fmt: skip
    return out
