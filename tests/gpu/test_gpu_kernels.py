"""Every GPU kernel against the formula in float64, with NaN wherever no query may look."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

pytestmark = pytest.mark.gpu
BF16, FP16 = torch.bfloat16, torch.float16
TOLERANCE = {BF16: 8e-3, FP16: 2e-3}  # relative, two roundings of the dtype: probabilities and the result
CASES = [  # query heads, key heads, width; each compiles anew
    *((shape, dim) for shape in ((2, 2), (7, 1), (16, 1)) for dim in (64, 128)),
    *((shape, dim) for shape in ((6, 2), (8, 2)) for dim in (32, 64, 80, 128, 256)),
]


def _seen(n: int, total: int, offset: int, window: int | None, globals_: Tensor) -> Tensor:
    """bool [n, total]: the pattern, written out."""
    query, key = torch.arange(offset, offset + n, device="cuda")[:, None], torch.arange(total, device="cuda")[None]
    near = torch.ones_like(query - key, dtype=torch.bool) if window is None else query - key < window
    return (key <= query) & (near | torch.isin(key, globals_))


def _exact(
    q: Tensor, k: Tensor, v: Tensor, seen: Tensor, scale: float, cap: float = 0.0, sinks: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """float64 [B, L, Hq, D] and the log-sum-exp [B, Hq, L]."""
    group = q.shape[1] // k.shape[1]
    q, k, v = (x.double().nan_to_num(0.0) for x in (q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)))
    scores = q @ k.transpose(-1, -2) * scale
    if cap:
        scores = cap * torch.tanh(scores / cap)
    scores = scores.masked_fill(~seen, float("-inf"))
    if sinks is not None:
        more = sinks.double()[None, :, None, None].expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, more], -1)
    lse = scores.logsumexp(-1)
    weights = torch.exp(scores - lse[..., None]).nan_to_num(0.0)[..., : k.shape[2]]
    return (weights @ v).transpose(1, 2), lse


def _close(ours: Tensor, exact: Tensor, dtype: torch.dtype) -> None:
    assert not bool(ours.isnan().any())
    error = float((ours.double() - exact).norm() / exact.norm().clamp(min=1e-9))
    assert error < TOLERANCE[dtype]


def _inputs(shape: tuple[int, int], n: int, total: int, dim: int, dtype: torch.dtype, batch: int = 1) -> list[Tensor]:
    torch.manual_seed(n + dim)
    make: dict[str, Any] = {"device": "cuda", "dtype": dtype}
    sizes = (shape[0], n), (shape[1], total), (shape[1], total)
    return [torch.randn(batch, heads, length, dim, **make) for heads, length in sizes]


def _poison(seen: Tensor, *tensors: Tensor) -> None:
    dead = ~seen.any(0)
    for x in tensors:
        x[:, :, dead] = float("nan")


@pytest.mark.parametrize("tma", [False, True])
@pytest.mark.parametrize(("shape", "dim", "dtype"), [*((*case, BF16) for case in CASES), ((6, 2), 128, FP16)])
def test_prefill(shape: tuple[int, int], dim: int, dtype: torch.dtype, tma: bool) -> None:
    from sparse_backend.kernels import triton

    tile = triton.tile_of(dim, 1, tma)
    for n, window, offset in itertools.product([1, 63, 129, 777], [1, 200, None], [0, 37]):
        total = n + offset
        q, k, v = _inputs(shape, n, total, dim, dtype)
        globals_ = torch.arange(0, 0 if window is None else total, 5, device="cuda")
        seen = _seen(n, total, offset, window, globals_)
        _poison(seen, k, v)
        cap = 5.0 if n > 63 else 0.0
        sinks = torch.randn(shape[0], device="cuda") if cap else None
        start = torch.tensor([offset], dtype=torch.int32, device="cuda")
        options: dict[str, Any] = {"offsets": start, "softcap": cap, "sinks": sinks, "with_lse": True, "tile": tile}
        out, lse = triton.prefill(q, k, v, globals_, window, dim**-0.5, **options)
        exact, sums = _exact(q, k, v, seen, dim**-0.5, cap, sinks)
        _close(out, exact, dtype)
        assert lse is not None and float((lse.double() - sums).abs().max()) < 1e-2


@pytest.mark.parametrize("tma", [False, True])
def test_prefill_of_a_batch_with_lengths(tma: bool) -> None:
    from sparse_backend.kernels import triton

    n, total, dim, starts, counts = 200, 400, 64, [0, 150, 200], [200, 77, 0]
    q, k, v = _inputs((6, 2), n, total, dim, BF16, batch=3)
    globals_ = torch.tensor([[0, 9, 70], [3, 100, triton.NO_WINDOW], [triton.NO_WINDOW] * 3], device="cuda")
    exact = torch.zeros(3, n, 6, dim, dtype=torch.float64, device="cuda")
    for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
        seen = _seen(n, total, start, 64, globals_[row])
        seen[count:] = False
        _poison(seen, k[row : row + 1], v[row : row + 1])
        if count:
            exact[row] = _exact(q[row : row + 1], k[row : row + 1], v[row : row + 1], seen, dim**-0.5)[0][0]
    lengths = (torch.tensor(x, dtype=torch.int32, device="cuda") for x in (starts, counts))
    tile = triton.tile_of(dim, 1, tma)
    options: dict[str, Any] = dict(zip(("offsets", "counts"), lengths, strict=True))
    out, _ = triton.prefill(q, k, v, globals_, 64, dim**-0.5, tile=tile, **options)
    _close(out, exact, BF16)
    assert not bool(out[1, 77:].any()) and not bool(out[2].any())


def test_a_prefix_does_not_depend_on_what_follows() -> None:
    from sparse_backend.kernels import triton

    q, k, v = _inputs((8, 2), 3000, 3000, 128, BF16)
    globals_ = torch.arange(0, 3000, 40, device="cuda")
    whole, _ = triton.prefill(q, k, v, globals_, 500, 128**-0.5)
    part, _ = triton.prefill(q[:, :, :1111], k[:, :, :1111], v[:, :, :1111], globals_[globals_ < 1111], 500, 128**-0.5)
    _close(part, whole[:, :1111].double(), BF16)
    k[:, :, 1111:], v[:, :, 1111:] = float("nan"), float("nan")
    again, _ = triton.prefill(q, k, v, globals_, 500, 128**-0.5)
    assert torch.equal(again[:, :1000], whole[:, :1000])


@pytest.mark.parametrize(("shape", "dim"), CASES)
def test_rows(shape: tuple[int, int], dim: int) -> None:
    from sparse_backend.kernels import triton_rows

    for n, total, behind in [(1, 1, False), (1, 4097, False), (5, 777, False), (70, 3001, True), (3, 130, True)]:
        q, k, v = _inputs(shape, n, total, dim, BF16)
        first = total if behind else total - n
        query = torch.arange(first, first + n, device="cuda")[:, None]
        seen = torch.arange(total, device="cuda")[None] <= query
        out, lse = triton_rows.rows(q, k, v, first, dim**-0.5)
        exact, sums = _exact(q, k, v, seen, dim**-0.5)
        _close(out.transpose(1, 2), exact, BF16)
        assert float((lse.double() - sums).abs().max()) < 1e-2


def test_rows_over_lists_of_blocks() -> None:
    from sparse_backend.kernels import triton_rows

    total, block = 3000, triton_rows.BLOCK
    q, k, v = _inputs((6, 2), 4, total, 64, BF16)
    lists = torch.tensor([[[0, 5, 9, 23], [2, 3, 4, 0]]], dtype=torch.int32, device="cuda")
    counts = torch.tensor([[4, 3]], dtype=torch.int32, device="cuda")
    number = torch.arange(total, device="cuda") // block
    for head in range(2):
        listed = torch.isin(number, lists[0, head, : counts[0, head]])
        k[:, head, ~listed], v[:, head, ~listed] = float("nan"), float("nan")
        seen = listed[None].expand(4, -1)
        out, lse = triton_rows.rows(q, k, v, total, 64**-0.5, blocks=lists, counts=counts)
        exact, sums = _exact(
            q[:, head * 3 : head * 3 + 3], k[:, head : head + 1], v[:, head : head + 1], seen, 64**-0.5
        )
        _close(out[:, head * 3 : head * 3 + 3].transpose(1, 2), exact, BF16)
        assert float((lse[:, head * 3 : head * 3 + 3].double() - sums).abs().max()) < 1e-2


@pytest.mark.parametrize(
    ("n", "window", "spacing", "offset"), [(1024, 256, 50, 0), (777, 200, 5, 0), (300, 64, 7, 133)]
)
def test_flex(n: int, window: int, spacing: int, offset: int) -> None:
    from sparse_backend.kernels import flex

    total = n + offset
    q, k, v = _inputs((8, 2), n, total, 64, BF16)
    globals_ = torch.arange(0, total, spacing, device="cuda")
    planned = flex.plan(globals_, window, n, offset)
    out = flex.prefill(q, k, v, planned, 64**-0.5).transpose(1, 2)
    _close(out, _exact(q, k, v, _seen(n, total, offset, window, globals_), 64**-0.5)[0], BF16)
