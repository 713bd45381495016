"""ReadPlan: how one text will be read: who sees whom in each layer, where keys and values go, each chunk's step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sparse_backend.config import EngineOptions
from sparse_backend.crossover import chunk_size, narrowed
from sparse_backend.kept import standing, stays_packed
from sparse_backend.layout import Layout, compile_layout
from sparse_backend.model import Decoder, Step
from sparse_backend.packing_buffer import PackingBuffer, near_tokens
from sparse_backend.presets import Schedule
from sparse_backend.quantize import KVFormat, packed_bytes
from sparse_backend.segment import KVBuffer, Segment
from sparse_backend.steps import LongReadStep, ReadStep


class ReadPlan:
    """The reading of `token_ids` with headers at `anchors` under `schedule`; `begin` takes the memory for it."""

    def __init__(
        self,
        decoder: Decoder,
        options: EngineOptions,
        schedule: Schedule,
        form: KVFormat,
        token_ids: Sequence[int],
        anchors: Sequence[int],
    ) -> None:
        self._decoder, self._options, self._schedule = decoder, options, schedule
        self._ids, self._anchors = tuple(token_ids), tuple(anchors)
        self._n, device = len(token_ids), options.impl.device
        self._rotated = self._n <= decoder.limit
        self._layouts = self._compiled()
        self.size = chunk_size(schedule, self._n, device, options.chunk)
        self._packs = stays_packed(form, device, rotated=self._rotated)
        self._form = form
        self._widest = max(layout.pattern.window or self._n for layout in self._layouts)
        self._globals = 0 if self._rotated else max(len(layout.globals_) for layout in self._layouts)

    @property
    def bytes(self) -> int:
        """Bytes on the device that `begin` takes: keys and values, and what a long reading needs beside them."""
        shape = self._decoder.shape
        beside = self._globals
        if self._packs:
            beside += near_tokens(self._n, self._form, self._widest, self.size)
        return packed_bytes(shape, self._n, self._form if self._packs else KVFormat.EXACT) + shape.bytes(beside)

    def begin(self) -> KVBuffer | PackingBuffer:
        """Makes the room that keys and values go to, and returns it."""
        shape, device = self._decoder.shape, self._options.impl.device
        self._kv: KVBuffer | PackingBuffer
        if self._packs:
            self._kv = PackingBuffer(shape, self._n, device, self._form, window=self._widest, chunk=self.size)
        else:
            self._kv = KVBuffer(shape, self._n, device)
        sizes = shape.layers, shape.kv_heads, self._globals, shape.head_dim
        self._banks = tuple(torch.empty(sizes, dtype=shape.dtype, device=device) for _ in range(2))
        return self._kv

    @property
    def at_once(self) -> bool:
        """Whether the pattern needs all tokens in one piece."""
        return self.size == self._n

    def step(self) -> Step:
        """The next chunk's."""
        impl = self._options.impl
        if isinstance(self._kv, KVBuffer) and self._rotated:
            return ReadStep(self._decoder, self._kv, self._layouts, impl)
        return LongReadStep(self._decoder, self._kv, self._layouts, impl, (self._banks[0], self._banks[1]))

    def segment(self, key: str) -> Segment:
        """What was read, once all of it was."""
        kv = self._kv
        keys, values = (kv.keys, kv.values) if isinstance(kv, KVBuffer) else map(standing, kv.packed())
        return Segment(key, self._ids, self._anchors, keys, values, self._rotated)

    def _compiled(self) -> list[Layout]:
        """One layout per layer; layers with the same pattern share theirs."""
        layers, windows, device = self._decoder.shape.layers, self._decoder.windows, self._options.impl.device
        patterns = [narrowed(self._schedule.of(layer, layers), windows[layer]) for layer in range(layers)]
        indices = torch.tensor(self._anchors, dtype=torch.int64)
        compiled = {pattern: compile_layout(pattern, indices, self._n).on(device) for pattern in set(patterns)}
        return [compiled[pattern] for pattern in patterns]
