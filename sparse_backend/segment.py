"""Segment: a text that the model has read once; Context: segments side by side; Tail: what was said about them since.

Keys and values are kept per layer as [Hkv, n, D]. Keys stand rotated for their position in their own segment, so a
segment can stand at any place in any context: rotary scores depend on distances only, and the queries that meet it are
rotated for their distance from its start. A segment longer than the trained range keeps its keys unrotated, since each
use gives them other places. A segment is never written after it was read; each conversation adds its own tail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

FORMAT = 2  # raise it when saved segments of older versions must not be used


@dataclass(frozen=True, slots=True)
class KVShape:
    """The sizes of one model's cache."""

    layers: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype

    def bytes(self, n: int) -> int:
        """Bytes of keys and values for n tokens."""
        return 2 * self.layers * self.kv_heads * self.head_dim * n * self.dtype.itemsize


class KVBuffer:
    """Growable keys and values, `keys` and `values` [layers, Hkv, capacity, D]; `length` tokens are valid."""

    def __init__(self, shape: KVShape, capacity: int, device: str = "cpu") -> None:
        self.shape = shape
        self.device = device
        self.length = 0
        self.keys = self._empty(capacity)
        self.values = self._empty(capacity)

    def reserve(self, n: int) -> None:
        """Makes room for n more tokens, doubling so that appending stays linear."""
        need = self.length + n
        if need <= self.keys.shape[2]:
            return
        capacity = max(need, 2 * self.keys.shape[2])
        self.keys, self.values = self._moved(self.keys, capacity), self._moved(self.values, capacity)

    def write(self, layer: int, k: Tensor, v: Tensor, base: int = 0) -> tuple[Tensor, Tensor]:
        """Stores k, v [Hkv, L, D] behind the valid tokens; returns this layer's keys and values from `base` to them."""
        stop = self.length + k.shape[1]
        self.keys[layer, :, self.length : stop] = k
        self.values[layer, :, self.length : stop] = v
        return self.keys[layer, :, base:stop], self.values[layer, :, base:stop]

    def advance(self, n: int) -> None:
        """Makes the n tokens written last valid, once every layer has written them."""
        self.length += n

    def crop(self, n: int) -> None:
        """Forgets all but the first n tokens."""
        self.length = min(self.length, n)

    def copy(self, n: int) -> KVBuffer:
        """A new buffer with the first n tokens."""
        other = KVBuffer(self.shape, max(n, 1), self.device)
        other.keys[:, :, :n], other.values[:, :, :n] = self.keys[:, :, :n], self.values[:, :, :n]
        other.length = n
        return other

    def _empty(self, capacity: int) -> Tensor:
        shape = self.shape
        sizes = shape.layers, shape.kv_heads, capacity, shape.head_dim
        return torch.empty(sizes, dtype=shape.dtype, device=self.device)

    def _moved(self, old: Tensor, capacity: int) -> Tensor:
        new = self._empty(capacity)
        new[:, :, : self.length] = old[:, :, : self.length]
        return new


@dataclass(frozen=True, slots=True)
class Segment:
    """A prefilled text. `keys` and `values`: [layers, Hkv, n, D]; `token_ids` and `anchors` as they were read.

    Where they stay quantised a KeptTensor stands for each (kept.kept_of tells).

    `rotated`: whether the keys stand rotated for their positions 0 … n - 1.
    """

    key: str
    token_ids: tuple[int, ...]
    anchors: tuple[int, ...]
    keys: Tensor
    values: Tensor
    rotated: bool = True

    def __len__(self) -> int:
        return len(self.token_ids)

    def on(self, device: str) -> Segment:
        """The same segment with its keys and values on `device`."""
        if self.keys.device.type == device:
            return self
        return replace(self, keys=self.keys.to(device), values=self.values.to(device))


@dataclass(frozen=True, slots=True)
class Context:
    """Segments side by side, in order: what a question stands behind."""

    segments: tuple[Segment, ...]

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)

    @property
    def key(self) -> str:
        """Names the context by the segments in it and their order."""
        return "+".join(segment.key for segment in self.segments)

    @property
    def starts(self) -> list[int]:
        """The place of each segment's first token in the context."""
        return list(accumulate((len(segment) for segment in self.segments[:-1]), initial=0))


@dataclass(slots=True)
class Tail:
    """The tokens of one conversation behind its context, and their keys and values, rotated from 0 on."""

    context_key: str
    token_ids: list[int]
    kv: KVBuffer

    def holds(self, segment_key: str) -> bool:
        """Whether the segment is in the tail's context."""
        return segment_key in self.context_key.split("+")

    def shared(self, token_ids: Sequence[int]) -> int:
        """How many leading tokens this tail has in common with `token_ids`."""
        same = 0
        for mine, other in zip(self.token_ids, token_ids, strict=False):
            if mine != other:
                break
            same += 1
        return same


def segment_key(model: str, pattern: str, impl: str, token_ids: Sequence[int], anchors: Sequence[int]) -> str:
    """Hex SHA-256 of everything that changes a segment's keys and values.

    `model`: fingerprint of weights and dtype; `pattern`: the pattern's fingerprint.
    """
    digest = hashlib.sha256()
    for part in (f"format={FORMAT}", model, pattern, impl):
        digest.update(part.encode() + b"\0")
    for numbers in (token_ids, anchors):
        digest.update(f"{len(numbers)}:".encode())  # without it, a first anchor could pass for a last token
        digest.update(torch.tensor(numbers, dtype=torch.int64).numpy().tobytes())
    return digest.hexdigest()
