"""Decoding on a GPU as one CUDA graph: some 1,700 launches for a token of a 32-layer model become one.

A graph is recorded for one answer: what it looks at and its tail stay where they are, and the place of the next token
is read on the GPU. It is recorded anew when the tail moved to a larger buffer. Nothing of it is used on CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.merge import absorb
from sparse_backend.model import Decoder, Form
from sparse_backend.positions import Rotation
from sparse_backend.probe import Evidence
from sparse_backend.segment import Context, KVBuffer
from sparse_backend.select import Selection
from sparse_backend.steps import extra_of


class DecodeGraph:
    """The next token's logits for one answer; K, V of the token are written behind the tail.

    With a `selection` the graph looks at what is selected, and can be used while the selection is settled; the pass
    that renews it is an ordinary one.
    """

    def __init__(
        self, decoder: Decoder, context: Context, kv: KVBuffer, evidence: Evidence, selection: Selection | None = None
    ) -> None:
        self._decoder, self._context, self._kv, self._evidence = decoder, context, kv, evidence
        self._selection = selection
        self._graph: torch.cuda.CUDAGraph | None = None
        self._capacity = 0
        self._ids = torch.zeros(1, 1, dtype=torch.int64, device=kv.device)
        self._step: _PlacedStep | None = None
        self._logits = torch.empty(0)

    @property
    def ready(self) -> bool:
        """Whether the next token may be computed by it."""
        return self._selection is None or self._selection.settled is not None

    def run(self, token: int) -> Tensor:
        """Logits [1, vocabulary] after `token`, which stands right behind the tail; also the evidence of this pass."""
        if self._graph is None or self._capacity != self._kv.keys.shape[2]:
            self._record()
        assert self._graph is not None and self._step is not None
        self._ids.fill_(token)
        self._step.place.fill_(self._kv.length)
        self._step.watch(self._kv.length)
        self._graph.replay()
        self._evidence.take(self._step.mass.clone())
        return self._logits

    def _record(self) -> None:
        self._capacity = self._kv.keys.shape[2]  # a tail that moved has more; its address may have been another's
        self._step = _PlacedStep(self._decoder, self._context, self._kv, self._evidence, self._selection)
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

    def __init__(
        self, decoder: Decoder, context: Context, kv: KVBuffer, evidence: Evidence, selection: Selection | None
    ) -> None:
        self._decoder, self._kv, self._evidence, self._selection = decoder, kv, evidence, selection
        self.place = torch.zeros(1, dtype=torch.int64, device=kv.device)
        self.mass = torch.zeros(1, len(context), device=kv.device)
        self._spread = torch.zeros(len(context), device=kv.device)
        layers = range(decoder.shape.layers)
        settled = selection.settled if selection else None
        if settled is None:
            total = len(context)
            ahead = [total - start for start in context.starts]
            self._parts = [[(one.keys[layer], one.values[layer]) for one in context.segments] for layer in layers]
        else:
            ahead = [settled[0].index.shape[1]]
            self._parts = [[(one.keys, one.values)] for one in settled]
        self._index = [one.index.reshape(-1) for one in settled or ()]
        self._latest = {layer: selection.latest(layer).clone() for layer in layers} if selection else {}
        self._ahead = [*ahead, 0]
        self._tables: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        capacity = kv.keys.shape[2]
        for rotation in decoder.rotations:  # made before recording: their making copies from the host
            for one in self._ahead:
                key = (id(rotation), one)
                if key not in self._tables and len(rotation.frequencies):
                    self._tables[key] = rotation.angles(torch.arange(one, one + capacity), self.place.device)

    def watch(self, start: int) -> None:
        """Brings the latest queries to where the graph adds that of place `start`; they choose when it is renewed."""
        for layer, mine in self._latest.items():
            assert self._selection is not None
            if self._selection.queries[layer] is not mine:  # an ordinary pass, or the recording, was in between
                mine.copy_(self._selection.latest(layer))
                self._selection.queries[layer] = mine
            self._selection.ends[layer] = start + 1

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        from sparse_backend.kernels.triton_rows import Piece, pieces

        rotation = self._decoder.rotations[layer]
        keys, values = self._kv.keys[layer], self._kv.values[layer]
        keys.index_copy_(1, self.place, self._turn(rotation, k, 0))
        values.index_copy_(1, self.place, v)
        if self._latest:
            latest = self._latest[layer]
            latest.copy_(torch.cat([latest[:, 1:], q], 1))
        given = []
        for (theirs, what), ahead in zip(self._parts[layer], self._ahead[:-1], strict=True):
            turned = self._turn(rotation, q, ahead)
            given.append(Piece(turned[None], theirs[None], what[None], theirs.shape[1]))
        given.append(Piece(self._turn(rotation, q, 0)[None], keys[None], values[None], 0, place=self.place))
        scale = q.shape[2] ** -0.5 if form.scale is None else form.scale
        extra = extra_of(form)
        out, lse = pieces(given, scale, softcap=extra.softcap or 0.0)
        mixed, whole = out[0], lse[0]
        if extra.sinks is not None:
            mixed, whole = absorb(mixed, whole, extra.sinks)
        if self._evidence.wanted(layer):
            masses = [_probabilities(one, scale, extra.softcap, whole) for one in given[:-1]]
            self._add(layer, masses)
        return mixed.transpose(0, 1)

    def _turn(self, rotation: Rotation, x: Tensor, ahead: int) -> Tensor:
        if not len(rotation.frequencies):
            return x
        cos, sin = self._tables[id(rotation), ahead]
        return rotation.apply(x, cos.index_select(0, self.place), sin.index_select(0, self.place))

    def _add(self, layer: int, masses: Sequence[Tensor]) -> None:
        """The probability of every context token that was met, as Evidence pools heads; `masses`: [Hkv, group, n_i]."""
        if self._index and self._evidence.heads:
            kv_heads, group, _ = masses[0].shape
            index = self._index[layer].view(kv_heads, -1)
            for head in self._evidence.heads_of(layer):
                share = masses[0][head // group, head % group] / len(self._evidence.heads)
                self.mass[0].scatter_add_(0, index[head // group], share)
            return
        if self._index:
            best = masses[0].amax(1).reshape(-1)
            self.mass[0] += self._spread.zero_().scatter_reduce_(0, self._index[layer], best, "amax")
            return
        low = 0
        for one in masses:
            self.mass[0, low : low + one.shape[2]] += self._evidence.pooled(layer, one.flatten(0, 1))
            low += one.shape[2]


def _probabilities(one, scale: float, softcap: float | None, whole: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    """[Hkv, group, n] of one piece's keys, for one query row; `whole` [Hq, 1]: the log-sum-exp over all pieces."""
    kv_heads, n = one.k.shape[1], one.k.shape[2]
    packed = one.q[0].reshape(kv_heads, -1, one.q.shape[3])
    raw = torch.bmm(packed, one.k[0].transpose(1, 2)).float() * scale
    if softcap is not None:
        raw = softcap * torch.tanh(raw / softcap)
    return torch.exp(raw - whole.view(kv_heads, -1, 1)).view(kv_heads, -1, n)
