"""Triton kernels where global tokens are met at other places than their own, and rows under windows and soft caps."""

import pytest
import torch

from sparse_backend.attention import global_attention, sparse_attention
from sparse_backend.config import Impl
from sparse_backend.extra import Bank, Extra
from sparse_backend.layout import compile_layout
from sparse_backend.pattern import Pattern

pytestmark = pytest.mark.gpu
CLOSE = 8e-3  # relative; bf16 operands give 2e-3


def tensors(heads: int, n: int, dim: int, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.randn(heads, n, dim, device="cuda", dtype=torch.bfloat16)


def exact(extra: Extra) -> Extra:
    return Extra(extra.softcap, None if extra.sinks is None else extra.sinks.cpu().double())


def error(ours: torch.Tensor, truth: torch.Tensor) -> float:
    return float((ours.cpu().double() - truth).norm() / truth.norm())


@pytest.mark.parametrize("offset", [0, 700])
@pytest.mark.parametrize("dim", [64, 128])
@pytest.mark.parametrize("kind", ["plain", "softcap", "sinks"])
def test_a_bank_of_another_rotation(offset: int, dim: int, kind: str) -> None:
    n, heads, kv_heads, window = 1501, 6, 2, 200
    layout = compile_layout(Pattern("h", window, 4, anchors=True), torch.arange(3, n, 37), n)
    base = max(0, offset - window + 1)
    q, queries = (tensors(heads, n - offset, dim, seed) for seed in (1, 2))
    k, v = (tensors(kv_heads, n - base, dim, seed) for seed in (3, 4))
    bank = Bank(queries, *(tensors(kv_heads, len(layout.globals_), dim, seed) for seed in (5, 6)))
    sinks = torch.randn(heads, device="cuda") if kind == "sinks" else None
    extra = Extra(3.0 if kind == "softcap" else None, sinks)
    ours = sparse_attention(
        q, k, v, layout.on("cuda"), offset=offset, base=base, impl=Impl.TRITON, extra=extra, bank=bank
    )
    truth = sparse_attention(
        q.cpu().double(),
        k.cpu().double(),
        v.cpu().double(),
        layout,
        offset=offset,
        base=base,
        impl=Impl.REFERENCE,
        extra=exact(extra),
        bank=Bank(*(x.cpu().double() for x in (bank.queries, bank.keys, bank.values))),
    )
    assert error(ours, truth) < CLOSE


@pytest.mark.parametrize("window", [None, 9, 400])
@pytest.mark.parametrize("kind", ["plain", "softcap", "sinks"])
def test_rows_whose_queries_are_rotated_for_each_part(window: int | None, kind: str) -> None:
    k, v = tensors(2, 901, 64, 1), tensors(2, 901, 64, 2)
    parts = [(k[:, :500], v[:, :500]), (k[:, 500:860], v[:, 500:860]), (k[:, 860:], v[:, 860:])]
    queries = [tensors(6, 9, 64, seed) for seed in (3, 4, 5)]
    sinks = torch.randn(6, device="cuda") if kind == "sinks" else None
    extra = Extra(3.0 if kind == "softcap" else None, sinks)
    ours, weights = global_attention(queries, parts, impl=Impl.TRITON, window=window, extra=extra, probabilities=3)
    truth, wanted = global_attention(
        [q.cpu().double() for q in queries],
        [(a.cpu().double(), b.cpu().double()) for a, b in parts],
        impl=Impl.REFERENCE,
        window=window,
        extra=exact(extra),
        probabilities=3,
    )
    assert weights is not None and wanted is not None
    assert error(ours, truth) < CLOSE and float((weights.cpu().double() - wanted).abs().max()) < 2e-2
