"""Keys and values in 8 and 4 bits: how far off at most, and the same again however often they are kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from sparse_backend.config import SegmentStoreError, UnsupportedPatternError
from sparse_backend.quantize import (
    KVFormat,
    Quantized,
    from_tensors,
    packed_bytes,
    parse_kv_format,
    quantize_keys,
    quantize_values,
    restore_keys,
    restore_values,
    roundtrip,
)
from sparse_backend.segment import KVShape, Segment

LOSSY = [KVFormat.INT8, KVFormat.INT4]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
SHAPES = st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 70), st.sampled_from([2, 6, 32, 66]))


def numbers(shape: tuple[int, ...], seed: int, spread: float, offset: float, dtype: torch.dtype) -> Tensor:
    """Random, with channels that stand far from zero as real keys do, and channels that are constant."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * spread
    x = x + offset * torch.randn((*shape[:2], 1, shape[3]), generator=generator, dtype=torch.float64)
    x[..., 0] = offset
    return x.clamp(-6e4, 6e4).to(dtype)


def oracle(kept: Quantized, axis: int, group: int) -> tuple[Tensor, Tensor]:
    """(restored numbers, their scales) in float64, number by number, from the definition."""
    codes = kept.codes
    if kept.zero is not None:
        codes = torch.cat([codes & 15, codes >> 4], dim=3)
    index = torch.arange(codes.shape[axis]) // group
    scale = kept.scale.double().index_select(axis, index)
    zero = torch.zeros_like(scale) if kept.zero is None else kept.zero.double().index_select(axis, index)
    return (codes.double() + zero) * scale, scale


@settings(deadline=None, max_examples=60)
@given(
    shape=SHAPES,
    seed=st.integers(0, 99),
    spread=st.sampled_from([0.0, 1e-6, 1.0, 300.0]),
    offset=st.sampled_from([0.0, 1.0, -50.0, 3000.0]),
    dtype=st.sampled_from(DTYPES),
    form=st.sampled_from(LOSSY),
)
@example((1, 2, 42, 2), 77, 1.0, 3000.0, torch.bfloat16, KVFormat.INT4)  # two neighbours in bf16, far from zero
def test_off_by_half_a_scale_at_most_and_the_same_again(
    shape: tuple[int, int, int, int], seed: int, spread: float, offset: float, dtype: torch.dtype, form: KVFormat
) -> None:
    x = numbers(shape, seed, spread, offset, dtype)
    for axis, quantize, restore in ((2, quantize_keys, restore_keys), (3, quantize_values, restore_values)):
        group = form.groups[axis - 2]
        kept = quantize(x, form)
        exact, scale = oracle(kept, axis, group)
        assert ((exact - x.double()).abs() <= scale / 2).all()
        restored = restore(kept, form, dtype)
        assert restored.dtype == dtype and restored.is_contiguous()
        assert torch.equal(restored, exact.clamp(-torch.finfo(dtype).max, torch.finfo(dtype).max).to(dtype))
        again = restore(quantize(restored, form), form, dtype)
        assert torch.equal(again, restored)


@pytest.mark.parametrize("form, levels", [(KVFormat.INT8, 127), (KVFormat.INT4, 15)])
def test_scales_are_no_larger_than_needed(form: KVFormat, levels: int) -> None:
    """A power of two above the largest number for int8; within an eighth of the range for int4."""
    x = numbers((1, 2, 64, 32), 1, 1.0, 0.5, torch.float32)
    for axis, kept in ((2, quantize_keys(x, form)), (3, quantize_values(x, form))):
        groups = x.unflatten(axis, (-1, min(form.groups[axis - 2], x.shape[axis])))  # type: ignore[no-untyped-call]
        spread = groups.abs().amax(axis + 1) if form is KVFormat.INT8 else groups.amax(axis + 1) - groups.amin(axis + 1)
        least = torch.maximum(spread / levels, groups.abs().amax(axis + 1) / 127)
        slack = 2.0 if form is KVFormat.INT8 else 1.125 * 127 / 112
        assert (kept.scale.float() <= slack * least + 1e-30).all()


@pytest.mark.parametrize("form", LOSSY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_segment_comes_back_as_often_as_one_likes(form: KVFormat, dtype: torch.dtype) -> None:
    segment = Segment(
        "k", (1, 2), (0,), numbers((2, 2, 99, 16), 0, 1, 9, dtype), numbers((2, 2, 99, 16), 1, 1, 0, dtype)
    )
    once = roundtrip(segment, form)
    twice = roundtrip(once, form)
    assert torch.equal(once.keys, twice.keys) and torch.equal(once.values, twice.values)
    assert not torch.equal(once.keys, segment.keys) and not torch.equal(once.values, segment.values)
    assert (once.key, once.token_ids, once.anchors) == (segment.key, segment.token_ids, segment.anchors)
    assert roundtrip(segment, KVFormat.EXACT) is segment


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_and_smallest_numbers_stay_finite(dtype: torch.dtype) -> None:
    limits = torch.finfo(dtype)
    x = torch.tensor([limits.max, limits.min, 0.0, limits.tiny, -limits.tiny, 1.0], dtype=dtype)
    x = x.repeat(6).reshape(1, 1, 6, 6)
    for form in LOSSY:
        for low in (x, x[:, :, :, 3:5]):
            restored = restore_keys(quantize_keys(low, form), form, dtype)
            assert torch.isfinite(restored).all()
            assert torch.equal(restore_keys(quantize_keys(restored, form), form, dtype), restored)


@pytest.mark.parametrize("form", LOSSY)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(form: KVFormat, bad: float) -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 2, 1] = bad
    for quantize in (quantize_keys, quantize_values):
        with pytest.raises(SegmentStoreError, match="not finite"):
            quantize(x, form)


def test_odd_heads_are_refused_as_int4_only() -> None:
    with pytest.raises(SegmentStoreError, match="choose int8"):
        quantize_keys(torch.zeros(1, 1, 4, 3), KVFormat.INT4)
    assert quantize_keys(torch.zeros(1, 1, 4, 3), KVFormat.INT8).codes.shape == (1, 1, 4, 3)
    with pytest.raises(ValueError, match="exact"):
        quantize_keys(torch.zeros(1, 1, 4, 4), KVFormat.EXACT)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("form", list(KVFormat))
def test_bytes_are_known_before(form: KVFormat, n: int) -> None:
    x = torch.randn(3, 2, n, 70).bfloat16()
    if form is KVFormat.EXACT:
        size = 2 * x.nbytes
    else:
        parts = [*quantize_keys(x, form).tensors().values(), *quantize_values(x, form).tensors().values()]
        size = sum(part.nbytes for part in parts)
    assert packed_bytes(KVShape(3, 2, 70, torch.bfloat16), n, form) == size


def test_an_unknown_form_lists_those_there_are() -> None:
    assert parse_kv_format("int8") is KVFormat.INT8
    with pytest.raises(UnsupportedPatternError, match="exact, int8, int4"):
        parse_kv_format("fp3")


@pytest.mark.gpu
@pytest.mark.parametrize("form", LOSSY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gpu_restores_the_same_bits(form: KVFormat, dtype: torch.dtype) -> None:
    x = numbers((2, 2, 99, 16), 0, 1, 9, dtype)
    for quantize, restore in ((quantize_keys, restore_keys), (quantize_values, restore_values)):
        here = quantize(x, form)
        there = from_tensors({name: part.cuda() for name, part in here.tensors().items()})
        assert torch.equal(restore(there, form, dtype).cpu(), restore(here, form, dtype))
