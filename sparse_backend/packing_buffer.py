"""Keys and values of a long reading, quantised while it goes on: exact are only the tokens that windows still need."""

from __future__ import annotations

import torch
from torch import Tensor

from sparse_backend import quantize
from sparse_backend.kept import KeptTensor
from sparse_backend.quantize import KVFormat, Quantized
from sparse_backend.segment import KVShape

_TOGETHER = 4  # layers quantised at a time: their float32 copies stay small


class PackingBuffer:
    """Takes `n` tokens chunk by chunk, in the place of a KVBuffer; no query looks back further than `window` tokens.

    The codes are those that quantising everything at the end would give: groups are cut at the same places.
    """

    def __init__(self, shape: KVShape, n: int, device: str, form: KVFormat, *, window: int, chunk: int) -> None:
        self.shape, self.device, self.length = shape, device, 0
        self._n, self._form = n, form
        self._group = form.groups[0]
        self._window = _reach(form, window)
        rows = shape.layers, shape.kv_heads
        room = near_tokens(n, form, window, chunk)
        self._near = [torch.empty(*rows, room, shape.head_dim, dtype=shape.dtype, device=device) for _ in range(2)]
        self._origin, self._packed = 0, 0  # positions of the first token that is near, and of the first not packed
        groups, parts = -(-n // self._group), -(-shape.head_dim // form.groups[1])
        self._keys = self._room(n, groups, shape.head_dim)
        self._values = self._room(n, n, parts)

    def write(self, layer: int, k: Tensor, v: Tensor, base: int = 0) -> tuple[Tensor, Tensor]:
        """See KVBuffer.write; raises ValueError for a `base` whose tokens are packed already."""
        low, stop = self.length - self._origin, self.length - self._origin + k.shape[1]
        if base < self._origin:
            raise ValueError(f"tokens before {self._origin} are packed; those from {base} on were asked for")
        for near, new in zip(self._near, (k, v), strict=True):
            near[layer, :, low:stop] = new
        keys, values = (near[layer, :, base - self._origin : stop] for near in self._near)
        return keys, values

    def advance(self, n: int) -> None:
        """See KVBuffer.advance; packs what is complete and lets go of what no window reaches."""
        self.length += n
        cut = self._n if self.length == self._n else self.length // self._group * self._group
        for first in range(0, self.shape.layers if cut > self._packed else 0, _TOGETHER):
            self._pack(slice(first, first + _TOGETHER), self._packed, cut)
        self._packed = max(cut, self._packed)
        origin = max(self._origin, min(cut, self.length - self._window) // self._group * self._group)
        if origin > self._origin:
            for near in (layer for both in self._near for layer in both):  # one by one: the copies stay small
                kept = near[:, origin - self._origin : self.length - self._origin].clone()
                near[:, : kept.shape[1]] = kept
            self._origin = origin

    def packed(self) -> tuple[KeptTensor, KeptTensor]:
        """Keys and values, once all n tokens are there."""
        if self.length != self._n:
            raise ValueError(f"{self.length} of {self._n} tokens are there")
        form, dtype = self._form, self.shape.dtype
        keys = KeptTensor(self._keys, form, dtype, channels=False)
        return keys, KeptTensor(self._values, form, dtype, channels=True)

    def _room(self, n: int, groups: int, parts: int) -> Quantized:
        rows, width = (self.shape.layers, self.shape.kv_heads), self.shape.head_dim
        four = self._form is KVFormat.INT4
        codes = torch.empty(
            *rows, n, width // 2 if four else width, dtype=torch.uint8 if four else torch.int8, device=self.device
        )
        scale = torch.empty(*rows, groups, parts, dtype=torch.bfloat16, device=self.device)
        return Quantized(codes, scale, torch.empty_like(scale, dtype=torch.int8) if four else None)

    def _pack(self, layers: slice, low: int, high: int) -> None:
        near = slice(low - self._origin, high - self._origin)
        keys, values = (x[layers, :, near] for x in self._near)
        group = self._group
        _fill(self._keys, quantize.quantize_keys(keys, self._form, together=True), layers, low, high, group)
        _fill(self._values, quantize.quantize_values(values, self._form, together=True), layers, low, high, 1)


def near_tokens(n: int, form: KVFormat, window: int, chunk: int) -> int:
    """How many of n tokens a PackingBuffer has room for as they are, beside all of them packed."""
    return min(n, _reach(form, window) + form.groups[0] + chunk)


def _reach(form: KVFormat, window: int) -> int:
    """`window` in whole groups, and one more: tokens further back are needed by nobody."""
    group = form.groups[0]
    return -(-window // group) * group + group


def _fill(room: Quantized, part: Quantized, layers: slice, low: int, high: int, group: int) -> None:
    room.codes[layers, :, low:high] = part.codes
    groups = slice(low // group, -(-high // group))
    room.scale[layers, :, groups] = part.scale
    if room.zero is not None and part.zero is not None:
        room.zero[layers, :, groups] = part.zero
