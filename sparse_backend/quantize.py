"""Keys and values in 8 or 4 bits: keys per channel over groups of tokens, values per token (KIVI, Liu et al. 2024).

Every restored number is a small integer times its group's scale, exact in the model's own dtype. So quantising what
was restored gives the same numbers again, bit by bit, on any device: a segment answers alike fresh and reloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

from sparse_backend.config import SegmentStoreError, UnsupportedPatternError
from sparse_backend.segment import KVShape, Segment

_TOKENS, _CHANNELS = 2, 3  # axes of [layers, Hkv, n, D]
_ZERO = 112  # |zero| <= 127 after rounding, so that |code + zero| <= 142 is exact in bf16's 8 bits
_TRIES = 9  # scales tried from 0.8 times the smallest on, see _asymmetric


class KVFormat(StrEnum):
    """How keys and values are kept. Chosen once for a store, never changed silently."""

    EXACT = "exact"  # the model's own dtype
    INT8 = "int8"
    INT4 = "int4"

    @property
    def groups(self) -> tuple[int, int]:
        """Numbers that share a scale: tokens of a key's channel, channels of a token's value."""
        return {KVFormat.EXACT: (1, 1), KVFormat.INT8: (64, 64), KVFormat.INT4: (32, 32)}[self]


@dataclass(frozen=True, slots=True)
class Quantized:
    """One quantised tensor x [layers, Hkv, n, D].

    `codes`: int8 of x's shape, or uint8 [layers, Hkv, n, D/2] (channel i in the low half, i + D/2 in the high half of
    a byte). `scale` bfloat16 and, for int4, `zero` int8: one a group, along the axis that the groups cut.
    Restored: codes * scale, or (codes + zero) * scale; off by at most scale / 2.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None = None

    def tensors(self) -> dict[str, Tensor]:
        """The parts by name."""
        parts = {"codes": self.codes, "scale": self.scale}
        return parts if self.zero is None else {**parts, "zero": self.zero}


def parse_kv_format(name: str) -> KVFormat:
    """`name` as a KVFormat; raises UnsupportedPatternError that lists them."""
    try:
        return KVFormat(name)
    except ValueError:
        known = ", ".join(item.value for item in KVFormat)
        raise UnsupportedPatternError(
            f"There is no form of keys and values “{name}”; choose one of: {known}."
        ) from None


def quantize_keys(keys: Tensor, form: KVFormat, *, together: bool = False) -> Quantized:
    """`keys` [layers, Hkv, n, D] in groups of tokens, by channel; `together`: all layers at once, which takes memory.

    Raises SegmentStoreError unless all are finite.
    """
    return (_quantize if together else _by_layer)(keys, form, _TOKENS, form.groups[0])


def quantize_values(values: Tensor, form: KVFormat, *, together: bool = False) -> Quantized:
    """`values` [layers, Hkv, n, D] in groups of channels, token by token; otherwise as above."""
    return (_quantize if together else _by_layer)(values, form, _CHANNELS, form.groups[1])


def restore_keys(kept: Quantized, form: KVFormat, dtype: torch.dtype) -> Tensor:
    """What `quantize_keys` kept, in `dtype`, on the device where the codes are."""
    return _restore(kept, _TOKENS, form.groups[0], dtype)


def restore_values(kept: Quantized, form: KVFormat, dtype: torch.dtype) -> Tensor:
    """What `quantize_values` kept, in `dtype`, on the device where the codes are."""
    return _restore(kept, _CHANNELS, form.groups[1], dtype)


def roundtrip(segment: Segment, form: KVFormat) -> Segment:
    """`segment` as it comes back from a store of this form; applied once when a reading ends.

    A second time changes nothing, bit by bit.
    """
    if form is KVFormat.EXACT:
        return segment
    keys = restore_keys(quantize_keys(segment.keys, form), form, segment.keys.dtype)
    values = restore_values(quantize_values(segment.values, form), form, segment.values.dtype)
    return replace(segment, keys=keys, values=values)


def packed_bytes(shape: KVShape, n: int, form: KVFormat) -> int:
    """Bytes of n tokens' keys and values in this form."""
    if form is KVFormat.EXACT:
        return shape.bytes(n)
    rows, width = shape.layers * shape.kv_heads, shape.head_dim
    codes = 2 * rows * n * (width if form is KVFormat.INT8 else width // 2)
    per_group = 2 if form is KVFormat.INT8 else 3
    tokens, channels = form.groups
    return codes + per_group * rows * (-(-n // tokens) * width + n * -(-width // channels))


def _by_layer(x: Tensor, form: KVFormat, axis: int, group: int) -> Quantized:
    """One layer at a time: the float32 copies that it needs stay small beside x."""
    if form is KVFormat.EXACT:
        raise ValueError("the exact form is not quantised")
    done = [_quantize(layer[None], form, axis, group) for layer in x]
    zero = torch.cat([part.zero for part in done if part.zero is not None]) if form is KVFormat.INT4 else None
    return Quantized(torch.cat([part.codes for part in done]), torch.cat([part.scale for part in done]), zero)


def _quantize(x: Tensor, form: KVFormat, axis: int, group: int) -> Quantized:
    if form is KVFormat.INT4 and x.shape[_CHANNELS] % 2:
        raise SegmentStoreError(f"Heads of {x.shape[_CHANNELS]} channels cannot be kept as int4; choose int8 or exact.")
    if not bool(torch.isfinite(x).all()):
        raise SegmentStoreError("The model gave keys or values that are not finite numbers; they cannot be quantised.")
    members = axis + 1
    grouped = _grouped(x.float(), axis, group)  # `axis` counts groups, the one behind it their members
    if form is KVFormat.INT8:
        codes, scale = _symmetric(grouped, members, x.dtype)
        return Quantized(_ungrouped(codes, axis, x.shape[axis]).to(torch.int8), scale.squeeze(members).bfloat16())
    codes, zero, scale = _asymmetric(grouped, members, x.dtype)
    low, high = _ungrouped(codes, axis, x.shape[axis]).to(torch.uint8).chunk(2, dim=_CHANNELS)
    return Quantized(low | high << 4, scale.squeeze(members).bfloat16(), zero.squeeze(members).to(torch.int8))


def _grouped(x: Tensor, axis: int, group: int) -> Tensor:
    """x with `axis` cut into groups; the last is filled up with its last member, which changes no range."""
    if missing := -x.shape[axis] % group:
        last = x.narrow(axis, x.shape[axis] - 1, 1)
        x = torch.cat([x, last.expand(*(missing if i == axis else -1 for i in range(4)))], dim=axis)
    return x.reshape(*x.shape[:axis], -1, group, *x.shape[axis + 1 :])


def _ungrouped(x: Tensor, axis: int, n: int) -> Tensor:
    return x.flatten(axis, axis + 1).narrow(axis, 0, n)


def _symmetric(x: Tensor, members: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Codes -127 to 127 and scales that are powers of two: as good as any at 8 bits, and exact when repeated."""
    scale = _grid(x.abs().amax(members, keepdim=True) / 127, dtype, steps=1)
    return (x / scale).round_(), scale


def _asymmetric(x: Tensor, members: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Codes 0 to 15 above a whole-numbered zero; scales with 3 bits of mantissa.

    The smallest scale that covers the group is taken, unless one beside it restores the group without any error: that
    is how numbers that were restored before are recognised.
    """
    low, high = x.amin(members, keepdim=True), x.amax(members, keepdim=True)
    largest = torch.maximum(low.abs(), high.abs())
    scale = _grid(torch.maximum((high - low) / 15, largest / _ZERO), dtype, steps=8)
    few = x[:, :, :2], low[:, :, :2], scale[:, :, :2]
    if bool(_recognised(*few, members, dtype)[1].all()):  # all groups or none: a sample tells a fresh segment
        scale = _recognised(x, low, scale, members, dtype)[0]
    return *_codes(x, low, scale), scale


def _recognised(x: Tensor, low: Tensor, scale: Tensor, members: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(scales, whether they restore their group exactly), of the scales near `scale`; unchanged where none does."""
    found = torch.zeros_like(scale, dtype=torch.bool)
    best, tried = scale, scale * 0.8
    for _ in range(_TRIES):
        tried = _grid(tried * 1.01, dtype, steps=8)  # the next on the grid
        codes, zero = _codes(x, low, tried)
        same = (product(codes, zero, tried, dtype).float() == x).all(members, keepdim=True)
        same &= zero.abs() <= torch.iinfo(torch.int8).max  # a scale too small for its zero to be kept
        best, found = torch.where(same, tried, best), found | same
    return best, found


def _codes(x: Tensor, low: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    zero = (low / scale).round_()
    return (x / scale).round_().sub_(zero).clamp_(0, 15), zero


def _grid(least: Tensor, dtype: torch.dtype, steps: int) -> Tensor:
    """The smallest scales >= `least` on a grid of `steps` per octave, all of them exact in bf16.

    Never so small that a multiple would fall below the dtype's smallest number.
    """
    floor = 2.0**-21 if dtype is torch.float16 else 2.0**-126
    mantissa, exponent = torch.frexp(least.clamp_min(floor))  # mantissa in [0.5, 1)
    return torch.ldexp((mantissa * 2 * steps).ceil() / (2 * steps), exponent)


def product(codes: Tensor, zero: Tensor | None, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """(codes + zero) * scale in `dtype`; shapes broadcast."""
    whole = codes if zero is None else codes + zero
    largest = torch.finfo(dtype).max
    return (whole * scale).clamp_(-largest, largest).to(dtype)


def _restore(kept: Quantized, axis: int, group: int, dtype: torch.dtype) -> Tensor:
    width = kept.codes.shape[_CHANNELS] * (1 if kept.zero is None else 2)
    out = torch.empty((*kept.codes.shape[:_CHANNELS], width), dtype=dtype, device=kept.codes.device)
    for i in range(out.shape[0]):  # one layer at a time, see _by_layer
        out[i] = _restore_layer(_layer(kept, i), axis, group, dtype)[0]
    return out


def _layer(kept: Quantized, i: int) -> Quantized:
    zero = None if kept.zero is None else kept.zero[i : i + 1]
    return Quantized(kept.codes[i : i + 1], kept.scale[i : i + 1], zero)


def _restore_layer(kept: Quantized, axis: int, group: int, dtype: torch.dtype) -> Tensor:
    codes = kept.codes
    if kept.zero is not None:
        codes = torch.cat([codes & 15, codes >> 4], dim=_CHANNELS)
    zero = None if kept.zero is None else kept.zero.unsqueeze(axis + 1).float()
    scale = kept.scale.unsqueeze(axis + 1).float()
    restored = product(_grouped(codes.float(), axis, group), zero, scale, dtype)
    return _ungrouped(restored, axis, codes.shape[axis])


def from_tensors(parts: Mapping[str, Tensor]) -> Quantized:
    """The inverse of Quantized.tensors()."""
    return Quantized(parts["codes"], parts["scale"], parts.get("zero"))
