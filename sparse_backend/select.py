"""Selection: what the rows behind a context look at when it does not fit the trained range.

Each layer and key head chooses blocks of the context by the model's own scores: the softmax of the latest queries over
all keys, both unrotated, summed over a block (as InfLLM, arXiv:2402.04617, and Quest, arXiv:2406.10774, choose theirs).
The first block and the last ones always count, blocks whose headers score best come first, then the best of the rest.
What was chosen is laid side by side, in order, from position 0; the tail follows. The choice is renewed while decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sparse_backend.attention import global_attention
from sparse_backend.config import Impl, SelectOptions
from sparse_backend.kept import kept_of, tokens_of
from sparse_backend.model import Decoder, Form
from sparse_backend.positions import Rotation, Turns
from sparse_backend.probe import Evidence
from sparse_backend.question_look import QuestionLook
from sparse_backend.segment import Context, KVBuffer, Segment
from sparse_backend.steps import extra_of, window_of

if TYPE_CHECKING:
    from sparse_backend.kernels.triton_mass import Kept

HEADERS = 4  # one in so many of the chosen blocks is chosen by its headers alone


@dataclass(slots=True)
class Chosen:
    """One layer's choice: keys rotated from 0 on and values [Hkv, M, D], and which tokens they are [Hkv, M].

    The tensors stay where they are when the choice is renewed: a CUDA graph may hold on to them.
    """

    keys: Tensor
    values: Tensor
    index: Tensor


class Selection:
    """The choices of one answer, for all layers."""

    def __init__(self, decoder: Decoder, context: Context, options: SelectOptions) -> None:
        self._decoder, self._context, self._options = decoder, context, options
        self._chosen: dict[int, Chosen] = {}
        self._fresh: set[int] = set()  # layers whose choice is not old yet
        self.queries: dict[int, Tensor] = {}  # of each layer, the latest, unrotated [Hq, some, D]
        self.ends: dict[int, int] = {}  # the place in the tail behind each layer's latest query
        self._angles: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._slots = Turns()
        self._age = 0
        self._n = len(context)
        device = context.segments[0].keys.device
        starts = context.starts
        anchors = [a + s for segment, s in zip(context.segments, starts, strict=True) for a in segment.anchors]
        self._anchors = torch.tensor(anchors, dtype=torch.int64, device=device)

    @property
    def tokens(self) -> int:
        """How many tokens of the context each step looks at, per layer and key head."""
        full, rest = divmod(self._n, self._options.block)
        return min(self._options.budget // self._options.block, full) * self._options.block + rest

    @property
    def settled(self) -> list[Chosen] | None:
        """Every layer's choice, while none is old and each layer has as many queries as choose; else None."""
        layers, rows = self._decoder.shape.layers, self._options.rows
        if len(self._fresh) < layers or any(queries.shape[1] < rows for queries in self.queries.values()):
            return None
        return [self._chosen[layer] for layer in range(layers)]

    def advance(self, n: int, end: int) -> None:
        """Notes that n tokens were generated, and that the tail has `end` now: what was drafted beyond is forgotten."""
        for layer in self.queries:
            self._trim(layer, end)
        self._age += n
        if self._age >= self._options.refresh:
            self._age = 0
            self._fresh.clear()

    def of(self, layer: int, q: Tensor, form: Form, start: int, *, renew: bool = False) -> Chosen:
        """The choice of `layer` for the unrotated queries q [Hq, L, D] of the tail's tokens from `start` on.

        Made anew for `renew` or when it is old.
        """
        most = 2 * self._options.rows  # so that enough are left where drafts prove wrong
        self._trim(layer, start)  # a pass that failed may have come so far
        before, new = self.queries.get(layer), q[:, -most:]  # copied: a view would keep all of a long question's
        self.queries[layer] = new.clone() if before is None else torch.cat([before, new], 1)[:, -most:]
        self.ends[layer] = start + q.shape[1]
        if renew or layer not in self._fresh:
            self._choose(layer, form)
            self._fresh.add(layer)
        return self._chosen[layer]

    def latest(self, layer: int) -> Tensor:
        """The queries of a layer that choose, [Hq, rows or fewer, D]."""
        return self.queries[layer][:, -self._options.rows :]

    def _trim(self, layer: int, end: int) -> None:
        """Forgets the queries of the tail's places from `end` on."""
        over = self.ends.get(layer, end) - end
        if over > 0:
            self.queries[layer] = self.queries[layer][:, : max(0, self.queries[layer].shape[1] - over)]
            self.ends[layer] = end

    def _choose(self, layer: int, form: Form) -> None:
        window = window_of(self._decoder, layer, form)
        kv_heads, device = self._decoder.shape.kv_heads, self._anchors.device
        if window is not None:  # the layer looks no further by its own design
            index = torch.arange(max(0, self._n - window + 1), self._n, device=device).expand(kv_heads, -1)
        else:
            index = self._best(layer, form)
        keys, values = self._gathered(layer, index)
        keys, old = self._slots.run(self._decoder.rotations[layer], keys, 0), self._chosen.get(layer)
        if old is None:
            self._chosen[layer] = Chosen(keys, values, index.contiguous())
        else:
            old.keys.copy_(keys)
            old.values.copy_(values)
            old.index.copy_(index)

    def _best(self, layer: int, form: Form) -> Tensor:
        """Token indices [Hkv, M] of the chosen blocks and of what follows the last whole block."""
        block = self._options.block
        full = self._n // block
        count = min(self._options.budget // block, full)
        mass = self._mass(layer, form)
        headers = torch.zeros_like(mass)
        headers[:, self._anchors] = mass[:, self._anchors]
        sums, marked = (x[:, : full * block].view(len(x), full, block).sum(-1) for x in (mass, headers))
        first = marked.topk(max(1, count // HEADERS), -1) if full >= max(1, count // HEADERS) else None
        rank = sums.clone()
        if first is not None:
            rank.scatter_add_(1, first.indices, torch.where(first.values > 0, 1e6, 0.0).to(rank.dtype))
        rank[:, 0] = float("inf")
        rank[:, -self._options.recent :] = float("inf")
        blocks = rank.topk(count, -1).indices.sort(-1).values
        within = (blocks[:, :, None] * block + torch.arange(block, device=blocks.device)).flatten(1)
        rest = torch.arange(full * block, self._n, device=blocks.device).expand(len(within), -1)
        return torch.cat([within, rest], 1)

    def _mass(self, layer: int, form: Form) -> Tensor:
        """float32 [Hkv, n]: attention of the latest queries of a key head's group on every token, places left out."""
        queries, kv_heads = self.latest(layer), self._decoder.shape.kv_heads
        scale = queries.shape[2] ** -0.5 if form.scale is None else form.scale
        rows = queries.reshape(kv_heads, -1, queries.shape[2])
        if queries.is_cuda:
            from sparse_backend.kernels.triton_mass import masses  # there is no Triton where there is no GPU

            return masses(rows.contiguous(), [self._kept(segment, layer) for segment in self._context.segments], scale)
        found = []
        for head in range(kv_heads):  # one at a time: its scores may take a gigabyte
            scores = torch.cat([(rows[head] * scale) @ keys.T for keys in self._raw(layer, head)], 1)
            found.append(torch.softmax(scores.float(), -1).sum(0))
        return torch.stack(found)

    def _kept(self, segment: Segment, layer: int) -> Kept:
        """A layer's unrotated keys for the kernel."""
        from sparse_backend.kernels.triton_mass import Kept

        if kept := kept_of(segment.keys):
            one, zero = kept.kept, kept.kept.zero
            return Kept(one.codes[layer], one.scale[layer], None if zero is None else zero[layer], kept.form.groups[0])
        return Kept(self._unrotated(segment, self._decoder.rotations[layer], segment.keys[layer]))

    def _raw(self, layer: int, head: int) -> list[Tensor]:
        """The unrotated keys [n_i, D] of one key head, for each segment."""
        rotation, segments = self._decoder.rotations[layer], self._context.segments
        return [self._unrotated(segment, rotation, segment.keys[layer, head][None])[0] for segment in segments]

    def _unrotated(self, segment: Segment, rotation: Rotation, keys: Tensor, at: Tensor | None = None) -> Tensor:
        """Keys [H, n, D] of all the segment's tokens, or of those `at`, as they were before they were rotated."""
        if not segment.rotated or not len(rotation.frequencies):
            return keys
        cos, sin = self._backwards(rotation, len(segment))
        return rotation.apply(keys, cos, sin) if at is None else rotation.apply(keys, cos[at], sin[at])

    def _backwards(self, rotation: Rotation, n: int) -> tuple[Tensor, Tensor]:
        """The angles that undo the rotation of n tokens from 0 on; the same for all layers and heads."""
        key = (id(rotation), n)
        if key not in self._angles:
            cos, sin = rotation.angles(torch.arange(n), self._anchors.device)
            self._angles[key] = cos / rotation.scale**2, -sin / rotation.scale**2
        return self._angles[key]

    def _gathered(self, layer: int, index: Tensor) -> tuple[Tensor, Tensor]:
        """Unrotated keys and values [Hkv, M, D] of the tokens `index` [Hkv, M]."""
        rotation, shape = self._decoder.rotations[layer], self._decoder.shape
        flat = index.reshape(-1)
        heads = torch.arange(len(index), device=index.device).repeat_interleave(index.shape[1])
        keys, values = (flat.new_empty(len(flat), shape.head_dim, dtype=shape.dtype) for _ in range(2))
        for segment, start in zip(self._context.segments, self._context.starts, strict=True):
            here = (flat >= start) & (flat < start + len(segment))
            which = torch.nonzero(here)[:, 0] if len(self._context.segments) > 1 else slice(None)
            head, at = heads[which], flat[which] - start
            keys[which] = self._unrotated(segment, rotation, tokens_of(segment.keys, layer, head, at)[None], at)[0]
            values[which] = tokens_of(segment.values, layer, head, at)
        sizes = *index.shape, shape.head_dim
        return keys.view(sizes), values.view(sizes)


class SelectStep:
    """Tokens behind a context beyond the trained range: each looks at the selection and at the whole tail."""

    reads = False

    def __init__(
        self,
        decoder: Decoder,
        kv: KVBuffer,
        selection: Selection,
        impl: Impl,
        evidence: Evidence | None = None,
        *,
        renew: bool = True,
        asked: QuestionLook | None = None,
    ) -> None:
        self._renew, self._asked = renew, asked
        self._decoder, self._kv, self._selection, self._impl = decoder, kv, selection, impl
        self._evidence = evidence
        self._turns = Turns()

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        start, rotation, run = self._kv.length, self._decoder.rotations[layer], self._turns.run
        chosen = self._selection.of(layer, q, form, start, renew=self._renew)
        tail = self._kv.write(layer, run(rotation, k, start), v)
        queries = [run(rotation, q, chosen.index.shape[1] + start), run(rotation, q, start)]
        parts = [(chosen.keys, chosen.values), tail]
        wanted = self._evidence.wanted(layer) if self._evidence else 0
        window, extra = window_of(self._decoder, layer, form), extra_of(form)
        out, weights = global_attention(
            queries, parts, scale=form.scale, impl=self._impl, probabilities=wanted, window=window, extra=extra
        )
        if self._asked is not None:
            self._asked.look(
                layer, start, queries, parts, scale=form.scale, window=window, extra=extra, index=chosen.index
            )
        if self._evidence is not None and weights is not None:
            self._evidence.add(layer, weights, chosen.index)
        return out
