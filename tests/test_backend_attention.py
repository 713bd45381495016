"""Attention: the CPU kernel against the specification, with tolerances that float64 gives."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sparse_backend.attention import global_attention, sparse_attention
from sparse_backend.config import Impl
from sparse_backend.extra import Extra
from sparse_backend.kernels import reference
from sparse_backend.layout import compile_layout
from sparse_backend.pattern import Pattern
from tests.tiny import one_thread

ON_CPU = [impl for impl in Impl if impl.device == "cpu"]  # tests/gpu has the others

LENGTHS = (1, 63, 111, 129, 300)
WINDOWS = (1, 5, 64, 200, None)
HEADS = {1: (2, 2), 3: (6, 2), 7: (7, 1)}
DIM = 8
EXACT = {torch.float64: 1e-13, torch.float32: 2e-6}  # a few hundred roundings of values near 1


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


def tensors(heads: int, kv_heads: int, n: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """q, k, v with scores spread over several units, so that the softmax is far from uniform."""
    make = torch.Generator().manual_seed(n)
    q = torch.randn(heads, n, DIM, generator=make, dtype=torch.float64) * 2
    k, v = torch.randn(2, kv_heads, n, DIM, generator=make, dtype=torch.float64)
    return q.to(dtype), k.to(dtype), v.to(dtype)


def anchors_of(kind: str, n: int) -> Tensor:
    """Token indices of the headers."""
    if kind == "random":
        return torch.randperm(n, generator=torch.Generator().manual_seed(n))[: n // 10 + 1]
    return {
        "none": torch.tensor([], dtype=torch.int64),
        "all": torch.arange(n),
        "first": torch.tensor([0]),
        "last": torch.tensor([n - 1]),
    }[kind]


def allowed(n: int, window: int | None, sink: int, anchors: Tensor) -> Tensor:
    """bool [n, n], written without the code under test."""
    i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
    near = torch.ones(n, n, dtype=torch.bool) if window is None else i - j < window
    return (j <= i) & (near | (j < sink) | torch.isin(j, anchors))


def truth(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(D)) v per head in float64, [L, Hq, D]; loops where the reference has matmuls."""
    group = q.shape[0] // k.shape[0]
    out = torch.empty(q.shape[1], q.shape[0], q.shape[2], dtype=torch.float64)
    for head in range(q.shape[0]):
        keys, values = k[head // group].double(), v[head // group].double()
        scores = (q[head].double() @ keys.T) / q.shape[2] ** 0.5
        powers = torch.where(mask, (scores - scores.max()).exp(), 0.0)
        out[:, head] = powers @ values / powers.sum(-1, keepdim=True)
    return out


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every uninitialised buffer is full of NaN, as it may be on a bad day."""
    empty, new_empty = torch.empty, torch.Tensor.new_empty

    def poison(tensor: Tensor) -> Tensor:
        return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor

    monkeypatch.setattr(torch, "empty", lambda *a, **o: poison(empty(*a, **o)))
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda self, *a, **o: poison(new_empty(self, *a, **o)))
    monkeypatch.setattr(torch, "empty_like", lambda t, **o: poison(empty(t.shape, dtype=t.dtype)))
    assert torch.empty(3).isnan().all() and torch.ones(1).new_empty(3).isnan().all()
    yield


def test_the_reference_is_the_formula() -> None:
    q, k, v = tensors(6, 2, 40)
    mask = allowed(40, 5, 2, torch.tensor([7]))
    out, weights = reference.attention(q, k, v, mask, DIM**-0.5)
    assert torch.allclose(out.transpose(0, 1), truth(q, k, v, mask), atol=1e-13, rtol=0)
    assert torch.allclose(weights.sum(-1), torch.ones(6, 40, dtype=torch.float64), atol=1e-14)
    assert not weights[:, ~mask].any()


def test_the_reference_gives_zeros_to_who_sees_nothing() -> None:
    q, k, v = tensors(2, 2, 3)
    out, weights = reference.attention(q, k, v, torch.tensor([[False] * 3, [True] * 3, [True] * 3]), 1.0)
    assert not out[:, 0].any() and not weights[:, 0].any() and out[:, 1].all()


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("anchor_kind", ["random", "all", "none", "first", "last"])
@pytest.mark.parametrize("sink", [0, 64])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("n", LENGTHS)
def test_cpu_equals_the_formula(n: int, window: int | None, sink: int, anchor_kind: str) -> None:
    anchors = anchors_of(anchor_kind, n)
    layout = compile_layout(Pattern("p", window, sink, anchors=True), anchors, n)
    group = list(HEADS)[(n + sink + (window or 0)) % 3]
    for dtype, tolerance in EXACT.items():
        q, k, v = tensors(*HEADS[group], n, dtype)
        want = truth(q, k, v, allowed(n, window, sink, anchors))
        for impl in ON_CPU:
            out = sparse_attention(q, k, v, layout, impl=impl)
            assert out.dtype == dtype
            assert (out - want).abs().max() <= tolerance, (impl, dtype)


@pytest.mark.usefixtures("poisoned")
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 260),
    window=st.one_of(st.none(), st.integers(1, 270)),
    sink=st.integers(0, 70),
    group=st.sampled_from(sorted(HEADS)),
    data=st.data(),
)
def test_chunks_at_any_offset_equal_the_whole(
    n: int, window: int | None, sink: int, group: int, data: st.DataObject
) -> None:
    cuts = sorted({0, n} | data.draw(st.sets(st.integers(1, n), max_size=4)))
    anchors = torch.tensor(sorted(data.draw(st.sets(st.integers(0, n - 1), max_size=8))), dtype=torch.int64)
    layout = compile_layout(Pattern("p", window, sink, anchors=True), anchors, n)
    q, k, v = tensors(*HEADS[group], n)
    whole = truth(q, k, v, allowed(n, window, sink, anchors))
    for impl in ON_CPU:
        parts = [
            sparse_attention(q[:, low:high], k, v, layout, offset=low, impl=impl)
            for low, high in itertools.pairwise(cuts)
        ]
        assert torch.allclose(torch.cat(parts), whole, atol=1e-13, rtol=0), impl


@pytest.mark.parametrize("impl", ON_CPU)
def test_keys_after_the_queries_do_not_matter(impl: Impl) -> None:
    n, extra = 150, 37
    q, k, v = tensors(6, 2, n)
    layout = compile_layout(Pattern("p", 20, 4, anchors=True), torch.tensor([50, 170]), n + extra)
    nan = torch.full((2, extra, DIM), float("nan"), dtype=torch.float64)
    clean = sparse_attention(q, k, v, layout, impl=impl)
    assert clean.isfinite().all()
    assert torch.equal(sparse_attention(q, torch.cat([k, nan], 1), torch.cat([v, nan], 1), layout, impl=impl), clean)


@pytest.mark.parametrize("impl", ON_CPU)
def test_keys_out_of_sight_do_not_matter(impl: Impl) -> None:
    """Whatever stands at a key, only the queries that may look at it change."""
    n = 150
    q, k, v = tensors(6, 2, n)
    anchors = torch.tensor([40, 90])
    layout = compile_layout(Pattern("p", 20, 4, anchors=True), anchors, n)
    mask = allowed(n, 20, 4, anchors)
    clean = sparse_attention(q, k, v, layout, impl=impl)
    for key in (2, 30, 40, 127, 128, n - 1):
        k2, v2 = k.clone(), v.clone()
        k2[:, key], v2[:, key] = 1e3, -1e3
        changed = (sparse_attention(q, k2, v2, layout, impl=impl) - clean).abs().amax((1, 2))
        assert not changed[~mask[:, key]].any(), key
        assert changed[key:][mask[key:, key]].max() > 1, key


def test_a_token_of_a_long_document_reads_no_distant_key_at_all() -> None:
    """Keys that no row names are not even read: NaN there does not show (0 * NaN would)."""
    n = 400
    q, k, v = tensors(6, 2, n)
    layout = compile_layout(Pattern("p", 5, 2, anchors=True), torch.tensor([100]), n)
    k[:, 2:100], v[:, 2:100] = float("nan"), float("nan")
    out = sparse_attention(q[:, 256:], k, v, layout, offset=256, impl=Impl.CPU)
    assert out.isfinite().all()


@pytest.mark.parametrize("window", [5, 64, None])
@pytest.mark.parametrize("group", HEADS)
def test_bf16_is_as_good_as_eager_bf16(group: int, window: int | None) -> None:
    n = 300
    q, k, v = tensors(*HEADS[group], n, torch.bfloat16)
    anchors = anchors_of("random", n)
    mask = allowed(n, window, 64, anchors)
    want = truth(q, k, v, mask)
    layout = compile_layout(Pattern("p", window, 64, anchors=True), anchors, n)
    eager = (reference.attention(q, k, v, mask, DIM**-0.5)[0].transpose(0, 1).double() - want).abs()
    ours = (sparse_attention(q, k, v, layout, impl=Impl.CPU).double() - want).abs()
    assert ours.max() <= 2 * eager.max() + 1e-3
    assert ours.mean() <= 2 * eager.mean() + 1e-4


@pytest.mark.usefixtures("poisoned")
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 200), group=st.sampled_from(sorted(HEADS)), data=st.data())
def test_global_rows_equal_the_formula_however_the_keys_are_split(n: int, group: int, data: st.DataObject) -> None:
    length = data.draw(st.integers(1, min(n, 9)))
    cuts = sorted({0, n} | data.draw(st.sets(st.integers(0, n - length), max_size=3)))
    q, k, v = tensors(*HEADS[group], n)
    i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
    want = truth(q, k, v, j <= i)[-length:]
    parts = [(k[:, low:high], v[:, low:high]) for low, high in itertools.pairwise(cuts)]
    for impl in ON_CPU:
        out, weights = global_attention(q[:, -length:], parts, impl=impl, probabilities=length)
        assert weights is not None and weights.shape == (q.shape[0], length, n)
        assert torch.allclose(out, want, atol=1e-13, rtol=0), impl
        assert torch.allclose(weights.sum(-1), torch.ones_like(weights[..., 0]), atol=1e-13)
        assert not weights[:, (j > i)[-length:]].any()
        mixed = torch.stack([weights[h] @ v[h // group] for h in range(q.shape[0])], 1)
        assert torch.allclose(mixed, want, atol=1e-12), impl
        assert global_attention(q[:, -length:], parts, impl=impl)[1] is None


@pytest.mark.parametrize("split", [1, 150, 290])
def test_bf16_global_rows_are_as_good_as_eager_bf16(split: int) -> None:
    n, length = 300, 7
    q, k, v = tensors(6, 2, n, torch.bfloat16)
    causal = torch.arange(n)[None, :] <= torch.arange(n)[:, None]
    want = truth(q, k, v, causal)[-length:]
    eager = reference.attention(q[:, -length:], k, v, causal[-length:], DIM**-0.5)[0].transpose(0, 1)
    parts = [(k[:, :split], v[:, :split]), (k[:, split:], v[:, split:])]
    ours, _ = global_attention(q[:, -length:], parts, impl=Impl.CPU)
    assert (ours.double() - want).abs().max() <= 2 * (eager.double() - want).abs().max() + 1e-3


@pytest.mark.parametrize("impl", ON_CPU)
def test_the_given_scale_is_used(impl: Impl) -> None:
    q, k, v = tensors(6, 2, 50)
    layout = compile_layout(Pattern("p", 9), anchors_of("none", 50), 50)
    by_scale = sparse_attention(q, k, v, layout, scale=0.7, impl=impl)
    by_query = sparse_attention(q * 0.7 * DIM**0.5, k, v, layout, impl=impl)
    assert torch.allclose(by_scale, by_query, atol=1e-12)
    rows, _ = global_attention(q, [(k, v)], scale=0.7, impl=impl)
    assert torch.allclose(rows, global_attention(q * 0.7 * DIM**0.5, [(k, v)], impl=impl)[0], atol=1e-12)


def test_exactly_the_implementation_asked_for_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = tensors(6, 2, 10)
    layout = compile_layout(Pattern("p", 4), anchors_of("none", 10), 10)
    kernels = {
        Impl.CPU: ("cpu.prefill", "cpu.global_rows"),
        Impl.REFERENCE: ("reference.attention", "reference.pieces"),
    }
    assert set(kernels) == set(ON_CPU)
    for impl, broken in kernels.items():
        with monkeypatch.context() as patch:
            for name in broken:
                patch.setattr(f"sparse_backend.kernels.{name}", None)
            for other in ON_CPU:
                for call in (
                    lambda other=other: sparse_attention(q, k, v, layout, impl=other),
                    lambda other=other: global_attention(q, [(k, v)], impl=other),
                ):
                    if other is impl:
                        with pytest.raises(TypeError):
                            call()
                    else:
                        call()


def refused(**change: Any) -> None:
    q, k, v = tensors(6, 2, 10)
    layout = compile_layout(Pattern("p", 4), anchors_of("none", 10), 10)
    given = {"q": q, "k": k, "v": v, "offset": 0, **change}
    q, k, v, offset = given["q"], given["k"], given["v"], given["offset"]
    for impl in ON_CPU:
        with pytest.raises(ValueError):
            sparse_attention(q, k, v, layout, offset=offset, impl=impl)
        if not offset and k.dim() == 3 and k.shape[1] == 10:
            with pytest.raises(ValueError):
                global_attention(q, [(k, v)], impl=impl)


def test_what_does_not_fit_together_is_refused() -> None:
    q, k, v = tensors(6, 2, 10)
    refused(offset=1)
    refused(offset=-1)
    refused(k=k[:, :9], v=v[:, :9])
    refused(v=v[:, :9])
    refused(q=q[:5])
    refused(q=q[..., :4])
    refused(q=q[0])
    refused(q=q.float())
    refused(v=v.float())
    for impl in ON_CPU:
        with pytest.raises(ValueError, match="themselves"):
            global_attention(q, [(k[:, :5], v[:, :5]), (k[:, 5:], v[:, 5:])], impl=impl)
        with pytest.raises(ValueError, match="themselves"):
            global_attention(q, [], impl=impl)


@pytest.mark.parametrize("softcap", [None, 0.7])
@pytest.mark.parametrize("sinks", [False, True])
@pytest.mark.parametrize("window", [None, 5, 60])
def test_soft_caps_sinks_and_sliding_windows_equal_the_reference(
    softcap: float | None, sinks: bool, window: int | None
) -> None:
    n, length = 300, 7
    q, k, v = tensors(6, 2, n)
    extra = Extra(softcap, torch.randn(6, dtype=q.dtype) if sinks else None)
    layout = compile_layout(Pattern("p", window or 400), anchors_of("none", n), n)
    read, spec = (sparse_attention(q, k, v, layout, impl=impl, extra=extra) for impl in (Impl.CPU, Impl.REFERENCE))
    assert torch.allclose(read, spec, atol=1e-12)
    parts = [(k[:, :99], v[:, :99]), (k[:, 99:], v[:, 99:])]
    asked = [
        global_attention(q[:, -length:], parts, impl=impl, window=window, extra=extra, probabilities=2)
        for impl in (Impl.CPU, Impl.REFERENCE)
    ]
    for ours, exact in zip(*asked, strict=True):
        assert ours is not None and exact is not None and torch.allclose(ours, exact, atol=1e-12)
    assert torch.allclose(asked[0][0], spec[-length:], atol=1e-12), "a row of a window is a question behind it"
