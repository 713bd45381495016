"""Keys or values that stay quantised where they are; only what a step asks for is restored."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from sparse_backend import quantize
from sparse_backend.quantize import KVFormat, Quantized


class KeptTensor:
    """Stands for a tensor [layers, Hkv, n, D] of `dtype`; `channels`: values, whose groups are channels of a token.

    A GPU keeps texts beyond the trained range so: their questions look at a selection and never need a whole layer.
    """

    __slots__ = ("channels", "dtype", "form", "kept")

    def __init__(self, kept: Quantized, form: KVFormat, dtype: torch.dtype, *, channels: bool) -> None:
        self.kept, self.form, self.dtype, self.channels = kept, form, dtype, channels

    @property
    def shape(self) -> torch.Size:
        """As if it were restored."""
        layers, heads, n, width = self.kept.codes.shape
        return torch.Size((layers, heads, n, width * (1 if self.kept.zero is None else 2)))

    @property
    def device(self) -> torch.device:
        """Where the codes are."""
        return self.kept.codes.device

    @property
    def nbytes(self) -> int:
        """Bytes that it really takes."""
        return sum(part.nbytes for part in self.kept.tensors().values())

    def to(self, device: str) -> KeptTensor:
        """The same with its codes on `device`."""
        moved = {name: part.to(device) for name, part in self.kept.tensors().items()}
        return KeptTensor(quantize.from_tensors(moved), self.form, self.dtype, channels=self.channels)

    def whole(self) -> Tensor:
        """Everything restored, [layers, Hkv, n, D]."""
        restore = quantize.restore_values if self.channels else quantize.restore_keys
        return restore(self.kept, self.form, self.dtype)

    def __getitem__(self, index: int | tuple[int, int]) -> Tensor:
        """One layer [Hkv, n, D], or one head of it [n, D], restored."""
        layer, head = (index, slice(None)) if isinstance(index, int) else (index[0], slice(index[1], index[1] + 1))
        part = {name: x[layer : layer + 1, head] for name, x in self.kept.tensors().items()}
        restore = quantize.restore_values if self.channels else quantize.restore_keys
        restored = restore(quantize.from_tensors(part), self.form, self.dtype)[0]
        return restored if isinstance(index, int) else restored[0]

    def tokens(self, layer: int, heads: Tensor, at: Tensor) -> Tensor:
        """Tokens of one layer, restored, [K, D]; int64 [K]: of which key head, and where."""
        kept, (tokens, channels) = self.kept, self.form.groups
        codes = kept.codes[layer][heads, at]
        group = at if self.channels else at // tokens
        scale = kept.scale[layer][heads, group]
        zero = None if kept.zero is None else kept.zero[layer][heads, group]
        if zero is not None:
            codes = torch.cat([codes & 15, codes >> 4], -1)
        if self.channels:
            scale, zero = _spread(scale, channels, codes), zero if zero is None else _spread(zero, channels, codes)
        return quantize.product(codes.float(), None if zero is None else zero.float(), scale.float(), self.dtype)


def stays_packed(form: KVFormat, device: str, *, rotated: bool) -> bool:
    """Whether a segment's keys and values stay quantised on the device: only where nobody needs a whole layer."""
    return form is not KVFormat.EXACT and device == "cuda" and not rotated


def standing(kept: KeptTensor) -> Tensor:
    """`kept` in the place of the tensor that it stands for; steps index it by layer, and by layer and key head."""
    return cast(Tensor, kept)


def kept_of(x: Tensor) -> KeptTensor | None:
    """What stands for x, if x is not really a tensor."""
    return found if isinstance(found := cast(object, x), KeptTensor) else None


def tokens_of(x: Tensor, layer: int, heads: Tensor, at: Tensor) -> Tensor:
    """Tokens [K, D] of one layer of x [layers, Hkv, n, D]; int64 [K]: of which key head, and where."""
    kept = kept_of(x)
    return kept.tokens(layer, heads, at) if kept else x[layer][heads, at]


def _spread(per_group: Tensor, channels: int, like: Tensor) -> Tensor:
    """One number a channel group -> one a channel."""
    return per_group.repeat_interleave(channels, -1)[..., : like.shape[-1]]
