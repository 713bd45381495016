"""Decoding on a GPU as one CUDA graph: some 1,700 launches for a token of a 32-layer model become one.

A graph is recorded for one answer: its context's segments and its tail stay where they are, and the place of the next
token is read on the GPU. It is recorded anew when the tail moved to a larger buffer. Nothing of it is used on CPUs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sparse_backend.merge import absorb
from sparse_backend.model import Decoder, Form
from sparse_backend.positions import Rotation
from sparse_backend.probe import Evidence
from sparse_backend.segment import Context, KVBuffer
from sparse_backend.steps import extra_of


class DecodeGraph:
    """The next token's logits for one exact answer; K, V of the token are written behind the tail."""

    def __init__(self, decoder: Decoder, context: Context, kv: KVBuffer, evidence: Evidence) -> None:
        self._decoder, self._context, self._kv, self._evidence = decoder, context, kv, evidence
        self._graph: torch.cuda.CUDAGraph | None = None
        self._buffer = 0
        self._ids = torch.zeros(1, 1, dtype=torch.int64, device=kv.device)
        self._step: _PlacedStep | None = None
        self._logits = torch.empty(0)

    def run(self, token: int) -> Tensor:
        """Logits [1, vocabulary] after `token`, which stands right behind the tail; also the evidence of this pass."""
        if self._graph is None or self._buffer != self._kv.keys.data_ptr():
            self._record()
        assert self._graph is not None and self._step is not None
        self._ids.fill_(token)
        self._step.place.fill_(self._kv.length)
        self._graph.replay()
        self._evidence.take(self._step.mass.clone())
        return self._logits

    def _record(self) -> None:
        self._buffer = self._kv.keys.data_ptr()
        self._step = _PlacedStep(self._decoder, self._context, self._kv, self._evidence)
        self._step.place.fill_(self._kv.length)
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries make their handles and workspaces before recording
            self._compute()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._logits = self._compute()

    def _compute(self) -> Tensor:
        assert self._step is not None
        self._step.mass.zero_()
        seen = torch.ones(1, 1, 1, 1, device=self._ids.device)  # a ready mask: none is made, and steps ignore it
        places = torch.zeros_like(self._ids)
        return self._decoder.compute(self._ids, self._step, attention_mask=seen, position_ids=places, logits_to_keep=1)


class _PlacedStep:
    """One token behind a context and a tail; its place in the tail is the number in `place`, on the GPU.

    `mass` [1, n] adds up its attention on the context as Evidence does.
    """

    reads = False

    def __init__(self, decoder: Decoder, context: Context, kv: KVBuffer, evidence: Evidence) -> None:
        self._decoder, self._context, self._kv, self._evidence = decoder, context, kv, evidence
        self.place = torch.zeros(1, dtype=torch.int64, device=kv.device)
        self.mass = torch.zeros(1, len(context), device=kv.device)
        total = len(context)
        self._ahead = [total - start for start in context.starts] + [0]
        self._tables: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        capacity = kv.keys.shape[2]
        for rotation in decoder.rotations:  # made before recording: their making copies from the host
            for ahead in self._ahead:
                key = (id(rotation), ahead)
                if key not in self._tables and len(rotation.frequencies):
                    self._tables[key] = rotation.angles(torch.arange(ahead, ahead + capacity), self.place.device)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        from sparse_backend.kernels.triton_rows import Piece, pieces

        rotation = self._decoder.rotations[layer]
        keys, values = self._kv.keys[layer], self._kv.values[layer]
        keys.index_copy_(1, self.place, self._turn(rotation, k, 0))
        values.index_copy_(1, self.place, v)
        given = []
        for segment, ahead in zip(self._context.segments, self._ahead[:-1], strict=True):
            n = len(segment)
            turned = self._turn(rotation, q, ahead)
            given.append(Piece(turned[None], segment.keys[layer][None], segment.values[layer][None], n))
        given.append(Piece(self._turn(rotation, q, 0)[None], keys[None], values[None], 0, place=self.place))
        scale = q.shape[2] ** -0.5 if form.scale is None else form.scale
        extra = extra_of(form)
        out, lse = pieces(given, scale, softcap=extra.softcap or 0.0)
        mixed, whole = out[0], lse[0]
        if extra.sinks is not None:
            mixed, whole = absorb(mixed, whole, extra.sinks)
        if self._evidence.wanted(layer):
            self._add(layer, given[:-1], scale, extra.softcap, whole)
        return mixed.transpose(0, 1)

    def _turn(self, rotation: Rotation, x: Tensor, ahead: int) -> Tensor:
        if not len(rotation.frequencies):
            return x
        cos, sin = self._tables[id(rotation), ahead]
        return rotation.apply(x, cos.index_select(0, self.place), sin.index_select(0, self.place))

    def _add(
        self,
        layer: int,
        given: list,  # type: ignore[type-arg]
        scale: float,
        softcap: float | None,
        whole: Tensor,
    ) -> None:
        """The probability of every context token, as Evidence pools it over heads."""
        low = 0
        for one in given:
            kv_heads, n = one.k.shape[1], one.k.shape[2]
            packed = one.q[0].reshape(kv_heads, -1, one.q.shape[3])
            raw = torch.bmm(packed, one.k[0].transpose(1, 2)).float().view(-1, n) * scale
            if softcap is not None:
                raw = softcap * torch.tanh(raw / softcap)
            self.mass[0, low : low + n] += self._evidence.pooled(layer, torch.exp(raw - whole))
            low += n
