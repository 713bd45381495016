"""The kinds of forward pass: reading a text sparsely, and asking with rows that look at everything.

A `PackStep` lets one pass carry pieces of many texts; nothing but attention mixes tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from sparse_backend.attention import global_attention, sparse_attention
from sparse_backend.config import Impl
from sparse_backend.extra import PLAIN, Bank, Extra
from sparse_backend.layout import Layout
from sparse_backend.model import Decoder, Form, KeysComplete, Step
from sparse_backend.positions import Rotation, Turns
from sparse_backend.probe import Evidence
from sparse_backend.question_look import QuestionLook
from sparse_backend.segment import Context, KVBuffer, KVShape

EMPTY = Context(())


class Taking(Protocol):
    """Where a long reading's keys and values go: a KVBuffer, or a PackingBuffer, which packs them as it goes."""

    length: int
    shape: KVShape

    def write(self, layer: int, k: Tensor, v: Tensor, base: int = 0) -> tuple[Tensor, Tensor]:
        """See KVBuffer.write."""

    def advance(self, n: int) -> None:
        """See KVBuffer.advance."""


class ReadStep:
    """One chunk of a text inside the trained range: each token attends as its layer's layout says.

    `layouts`: one per layer. Keys, rotated for their place, and values go to `kv`. The last layer's output is never
    needed, so the pass ends once its keys are stored.
    """

    reads = True

    def __init__(self, decoder: Decoder, kv: KVBuffer, layouts: Sequence[Layout], impl: Impl) -> None:
        self._decoder, self._kv, self._layouts, self._impl = decoder, kv, layouts, impl
        self._turns = Turns()

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        offset, rotation = self._kv.length, self._decoder.rotations[layer]
        keys, values = self._kv.write(layer, self._turns.run(rotation, k, offset), v)
        if layer == self._kv.shape.layers - 1:
            raise KeysComplete
        turned = self._turns.run(rotation, q, offset)
        return sparse_attention(
            turned,
            keys,
            values,
            self._layouts[layer],
            offset=offset,
            scale=form.scale,
            impl=self._impl,
            extra=extra_of(form),
        )


class LongReadStep:
    """One chunk of a text beyond the trained range: true distances in the window, anchors ranked right before it.

    A query with m global tokens before its window of w meets that of rank r at distance w + (m - r) * step, step <= 1
    so that no distance leaves the trained range. Keys go to `kv` unrotated; `banks`: buffers [layers, Hkv, G, D] of the
    global tokens, whose keys are rotated for their ranks, filled as the reading goes on.
    """

    reads = True

    def __init__(
        self, decoder: Decoder, kv: Taking, layouts: Sequence[Layout], impl: Impl, banks: tuple[Tensor, Tensor]
    ) -> None:
        self._decoder, self._kv, self._layouts, self._impl = decoder, kv, layouts, impl
        self._keys, self._values = banks
        self._turns = Turns()
        self._plans: dict[tuple[int, int], _Plan] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        start, layout, rotation = self._kv.length, self._layouts[layer], self._decoder.rotations[layer]
        window = layout.pattern.window or layout.n
        base = max(0, start - window + 1)
        keys, values = self._kv.write(layer, k, v, base)
        if layer == self._kv.shape.layers - 1:
            raise KeysComplete
        plan = self._plan(layout, rotation, start, start + q.shape[1], window)
        bank_k, bank_v = self._keys[layer, :, : plan.high], self._values[layer, :, : plan.high]
        met = k[:, plan.places]
        bank_k[:, plan.low :] = met if plan.ranks is None else rotation.apply(met, *plan.ranks)
        bank_v[:, plan.low :] = v[:, plan.places]
        return sparse_attention(
            self._turns.run(rotation, q, start),
            self._turns.run(rotation, keys, base),
            values,
            layout,
            offset=start,
            base=base,
            scale=form.scale,
            impl=self._impl,
            extra=extra_of(form),
            bank=Bank(q if plan.away is None else rotation.apply(q, *plan.away), bank_k, bank_v),
        )

    def _plan(self, layout: Layout, rotation: Rotation, start: int, stop: int, window: int) -> _Plan:
        """The same for every layer of this pass with this rotation and layout."""
        key = (id(rotation), id(layout))
        if key not in self._plans:
            device = layout.globals_.device
            ends = torch.tensor([start, stop], device=device)
            low, high = torch.searchsorted(layout.globals_, ends).tolist()
            places = layout.globals_[low:high] - start
            if not len(rotation.frequencies):
                self._plans[key] = _Plan(low, high, places, None, None)
            else:
                step = rank_step(window, len(layout.globals_), self._decoder.limit)
                ranks = rotation.angles(torch.arange(low, high) * step, device)
                away = rotation.angles(window + layout.ahead_of_window(start, stop) * step, device)
                self._plans[key] = _Plan(low, high, places, ranks, away)
        return self._plans[key]


class _Plan(NamedTuple):
    """A chunk's global tokens [low, high), their places in it; angles of their ranks, and of the queries for them."""

    low: int
    high: int
    places: Tensor
    ranks: tuple[Tensor, Tensor] | None
    away: tuple[Tensor, Tensor] | None


class TailStep:
    """Tokens behind a context: question and answer so far; each looks at everything before it, exactly.

    Segments stand where they are: the queries are rotated for their distance from each segment's start.
    """

    reads = False

    def __init__(
        self,
        decoder: Decoder,
        kv: KVBuffer,
        context: Context = EMPTY,
        impl: Impl = Impl.CPU,
        evidence: Evidence | None = None,
        asked: QuestionLook | None = None,
    ) -> None:
        self._decoder, self._kv, self._context, self._impl = decoder, kv, context, impl
        self._evidence, self._asked = evidence, asked
        total = len(context)
        self._ahead = [total - start for start in context.starts] if context.segments else []
        self._turns = Turns()

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        start, rotation, run = self._kv.length, self._decoder.rotations[layer], self._turns.run
        queries = [run(rotation, q, start + ahead) for ahead in self._ahead]
        parts = [(segment.keys[layer], segment.values[layer]) for segment in self._context.segments]
        queries.append(run(rotation, q, start))
        parts.append(self._kv.write(layer, run(rotation, k, start), v))
        wanted = self._evidence.wanted(layer) if self._evidence else 0
        window, extra = window_of(self._decoder, layer, form), extra_of(form)
        out, weights = global_attention(
            queries, parts, scale=form.scale, impl=self._impl, probabilities=wanted, window=window, extra=extra
        )
        if self._asked is not None:
            self._asked.look(layer, start, queries, parts, scale=form.scale, window=window, extra=extra)
        if self._evidence is not None and weights is not None:
            self._evidence.add(layer, weights)
        return out


class PackStep:
    """Several steps side by side in one pass: `pieces` of (tokens, step), in the order of the tokens fed."""

    def __init__(self, layers: int, pieces: Sequence[tuple[int, Step]]) -> None:
        self._last = layers - 1
        self._pieces = pieces
        self._reads = all(getattr(step, "reads", False) for _, step in pieces)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        if len(self._pieces) == 1:
            return self._pieces[0][1].attend(layer, q, k, v, form)
        outs, low = [], 0
        for length, step in self._pieces:
            share = slice(low, low + length)
            low += length
            try:
                outs.append(step.attend(layer, q[:, share], k[:, share], v[:, share], form))
            except KeysComplete:  # the others still need the rest of the pass
                outs.append(torch.zeros_like(q[:, share]).transpose(0, 1))
        if self._reads and layer == self._last:
            raise KeysComplete
        return torch.cat(outs)


def extra_of(form: Form) -> Extra:
    """What the kernels must know of a layer's form."""
    return PLAIN if form.plain else Extra(form.softcap, form.sinks)


def window_of(decoder: Decoder, layer: int, form: Form) -> int | None:
    """The sliding window of the model's own, if this layer has one."""
    return decoder.windows[layer] if form.window is None else form.window


def rank_step(window: int, globals_: int, limit: int) -> float:
    """The distance between two neighbouring ranks: 1, or less where the ranks would leave the trained range."""
    return min(1.0, max(limit - 1 - window, 1) / max(globals_, 1))
