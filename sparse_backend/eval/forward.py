"""Forward passes of the harness' own: repairs on trial, teacher-forced distributions, probes of every layer.

They are for measuring: some compute all pairs where a product would not. Only this file and `runner` know how the
backend keeps keys and values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from sparse_backend import gpu
from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.settings import MEAN_BLOCK, Setting, windows
from sparse_backend.kernels import reference
from sparse_backend.layout import Layout, compile_layout
from sparse_backend.model import Decoder, Form, KeysComplete
from sparse_backend.positions import Turns
from sparse_backend.presets import Schedule, dense
from sparse_backend.segment import Context, KVBuffer, Segment, segment_key
from sparse_backend.steps import TailStep

CHUNK = 512  # tokens of one forward pass
ROWS = 32  # rows of a chunk that probes look at


def layouts(decoder: Decoder, schedule: Schedule, anchors: Sequence[int], n: int, device: str = "cpu") -> list[Layout]:
    """One layout per layer for n tokens, with its global tokens on `device`."""
    layers = decoder.shape.layers
    indices = torch.tensor(list(anchors), dtype=torch.int64)
    patterns = [schedule.of(layer, layers) for layer in range(layers)]
    made = {pattern: compile_layout(pattern, indices, n).on(device) for pattern in set(patterns)}
    return [made[pattern] for pattern in patterns]


def read_repaired(
    decoder: Decoder, token_ids: Sequence[int], anchors: Sequence[int], setting: Setting, impl: Impl
) -> Segment:
    """Reads with the repairs of `setting`; only the quality counts, not the time. Raises EvalError without the GPU."""
    if reason := gpu.missing(impl):
        raise EvalError(reason)
    if setting.correction and CHUNK % setting.correction:
        raise EvalError(f"Corrections must come every 2, 4, … or {CHUNK} rows, not every {setting.correction}.")
    n, device = len(token_ids), impl.device
    check_range(decoder, n)
    kv = KVBuffer(decoder.shape, n, device)
    sparse = layouts(decoder, setting.schedule, anchors, n, device)
    everything = layouts(decoder, Schedule(dense(), dense()), anchors, n, device)
    last = max(0, n - setting.last_rows)
    budgets = {window for row in setting.budgets for window in row}
    apart = {window: layouts(decoder, windows(window, window), anchors, n, device)[0] for window in budgets}
    borders = sorted({*range(0, n, CHUNK), last, n} if setting.last_rows else {*range(0, n, CHUNK), n})
    for start, stop in pairwise(borders):
        chosen = everything if setting.last_rows and start >= last else sparse
        decoder.forward(token_ids[start:stop], _RepairStep(decoder, kv, chosen, setting, impl, apart))
        kv.advance(stop - start)
    key = segment_key(decoder.fingerprint, setting.fingerprint, impl.value, token_ids, anchors)
    return Segment(key, tuple(token_ids), tuple(anchors), kv.keys, kv.values)


class ReadingStep:
    """A step that reads: rotates, keeps keys and values, and leaves the attention itself to `mix`."""

    reads = True

    def __init__(self, decoder: Decoder, kv: KVBuffer, impl: Impl) -> None:
        self._decoder, self._kv, self._impl = decoder, kv, impl
        self._turns = Turns()

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """See model.Step."""
        if not form.plain or form.window is not None:
            raise EvalError(
                "Layers with soft caps, sinks or windows of their own are not measured; choose another model."
            )
        offset, rotation = self._kv.length, self._decoder.rotations[layer]
        keys, values = self._kv.write(layer, self._turns.run(rotation, k, offset), v)
        if layer == self._kv.shape.layers - 1:
            raise KeysComplete
        return self.mix(layer, self._turns.run(rotation, q, offset), keys, values, form.scale)

    def mix(self, layer: int, q: Tensor, keys: Tensor, values: Tensor, scale: float | None) -> Tensor:
        """Attention of q [Hq, L, D] over keys and values [Hkv, N, D], all rotated -> [L, Hq, D]."""
        raise NotImplementedError


class _RepairStep(ReadingStep):
    """Reads with corrections, see Setting."""

    def __init__(
        self,
        decoder: Decoder,
        kv: KVBuffer,
        chosen: Sequence[Layout],
        setting: Setting,
        impl: Impl,
        apart: Mapping[int, Layout],
    ) -> None:
        """`apart`: a layout for each window of the setting's budgets."""
        super().__init__(decoder, kv, impl)
        self._layouts, self._setting, self._apart = chosen, setting, apart

    def mix(self, layer: int, q: Tensor, keys: Tensor, values: Tensor, scale: float | None) -> Tensor:
        """See ReadingStep."""
        offset, layout = self._kv.length, self._layouts[layer]
        if self._setting.budgets:
            return self._by_head(q, keys, values, self._setting.budgets[layer], scale)
        if self._setting.means and layout.pattern.window is not None:
            return with_means(q, keys, values, layout, offset, scale)
        out = sparse_attention(q, keys, values, layout, offset=offset, scale=scale, impl=self._impl)
        if not self._setting.correction or layout.pattern.window is None:
            return out
        return corrected(out, q, keys, values, offset, scale, self._setting.correction)

    def _by_head(self, q: Tensor, keys: Tensor, values: Tensor, row: Sequence[int], scale: float | None) -> Tensor:
        """Each key head, with its query heads, under its own window; heads of one window are computed together."""
        heads, length, width = q.shape
        group = heads // len(row)
        by_key = q.view(len(row), group, length, width)
        out = torch.empty(length, len(row), group, width, dtype=q.dtype, device=q.device)
        for window in set(row):
            mine = torch.tensor([head for head, one in enumerate(row) if one == window], device=q.device)
            found = sparse_attention(
                by_key[mine].flatten(0, 1),
                keys[mine],
                values[mine],
                self._apart[window],
                offset=self._kv.length,
                scale=scale,
                impl=self._impl,
            )
            out[:, mine] = found.view(length, len(mine), group, width)
        return out.view(length, heads, width)


def corrected(
    out: Tensor, q: Tensor, keys: Tensor, values: Tensor, offset: int, scale: float | None, every: int
) -> Tensor:
    """Adds to each row of `out` [L, Hq, D] how far the dense result of the last `every`-th row was from the sparse."""
    length = q.shape[1]
    positions = torch.arange(offset, offset + length, every, device=q.device)
    exact = dense_rows(q[:, ::every], keys, values, positions, scale)[0]
    difference = exact.transpose(0, 1) - out[::every]
    return out + difference.repeat_interleave(every, 0)[:length]


def with_means(q: Tensor, keys: Tensor, values: Tensor, layout: Layout, offset: int, scale: float | None) -> Tensor:
    """Attention under `layout`; each block of MEAN_BLOCK keys before a row's window also counts as one mean key.

    Anchors inside such a block are left out of the mean, and the mean weighs as many keys as it stands for.
    """
    length, total = q.shape[1], offset + q.shape[1]
    scale = q.shape[2] ** -0.5 if scale is None else scale
    rows, head = torch.arange(offset, total, device=q.device)[:, None], _no_head(q)
    allowed = layout.allows(rows, torch.arange(total, device=q.device)[None, :], head)
    blocks = total // MEAN_BLOCK
    free = (~layout.is_global(0, blocks * MEAN_BLOCK)).view(blocks, MEAN_BLOCK)
    count = free.sum(1)
    mean_k, mean_v = (_block_means(x[:, : blocks * MEAN_BLOCK], free) for x in (keys, values))
    ends = (torch.arange(blocks, device=q.device) + 1) * MEAN_BLOCK
    outside = (ends[None, :] <= rows - (layout.pattern.window or 0) + 1) & (count > 0)
    weight = count.clamp(min=1).log().masked_fill(~outside, float("-inf"))  # [L, blocks]
    group = q.shape[0] // keys.shape[0]
    every_k, every_v = (
        torch.cat(pair, 1).float().repeat_interleave(group, 0)
        for pair in ((keys[:, :total], mean_k), (values[:, :total], mean_v))
    )
    near = torch.zeros(length, total, device=q.device).masked_fill(~allowed, float("-inf"))
    scores = q.float() @ every_k.transpose(1, 2) * scale + torch.cat([near, weight], 1)
    return (torch.softmax(scores, -1) @ every_v).transpose(0, 1).to(q.dtype)


def _block_means(x: Tensor, free: Tensor) -> Tensor:
    """[Hkv, blocks * B, D] -> [Hkv, blocks, D], over the keys that `free` [blocks, B] names."""
    blocks = x.view(x.shape[0], *free.shape, x.shape[2]).float() * free[None, :, :, None]
    return (blocks.sum(2) / free.sum(1).clamp(min=1)[None, :, None]).to(x.dtype)


def _no_head(q: Tensor) -> Tensor:
    """The head number where all heads see alike."""
    return torch.zeros(1, 1, dtype=torch.int64, device=q.device)


def dense_rows(
    q: Tensor, keys: Tensor, values: Tensor, positions: Tensor, scale: float | None
) -> tuple[Tensor, Tensor]:
    """Dense causal attention of the rows at `positions` [R]: output [Hq, R, D] and probabilities [Hq, R, N]."""
    scale = q.shape[2] ** -0.5 if scale is None else scale
    allowed = torch.arange(keys.shape[1], device=q.device)[None, :] <= positions[:, None]
    return reference.attention(q, keys, values, allowed, scale)


def distributions(
    decoder: Decoder, segment: Segment, tail_ids: Sequence[int], forced: Sequence[int], impl: Impl
) -> Tensor:
    """float32 [len(forced) + 1, vocab]: log-probabilities of each next token while `forced` is fed as the answer.

    They stay where the model computes.
    """
    check_range(decoder, len(segment) + len(tail_ids) + len(forced))
    fed = [*tail_ids, *forced]
    kv = KVBuffer(decoder.shape, len(fed), impl.device)
    keep = range(len(tail_ids) - 1, len(fed))
    logits = decoder.forward(fed, TailStep(decoder, kv, Context((segment,)), impl), keep=keep)
    if logits is None:
        raise EvalError("The model gave no next token.")
    return torch.log_softmax(logits.float(), -1)


def check_range(decoder: Decoder, tokens: int) -> None:
    """Raises EvalError beyond the trained range, where keys have no fixed places to compare."""
    if tokens > decoder.limit:
        raise EvalError(f"Layers and distributions are compared inside the trained range of {decoder.limit:,} tokens.")


@dataclass(frozen=True, slots=True)
class LayerProbe:
    """What a pattern leaves out of one dense reading. float32, means over rows.

    `mass` [layers, Hq]: share of dense attention mass inside the pattern. `error` [layers]: attention output on the
    same queries and keys, sparse against dense, ‖difference‖ / ‖dense‖. The last layer is never computed: NaN.
    """

    mass: Tensor
    error: Tensor


def probe_layers(
    decoder: Decoder, token_ids: Sequence[int], anchors: Sequence[int], schedule: Schedule, impl: Impl
) -> LayerProbe:
    """Reads densely and compares, at ROWS rows of every chunk, with what `schedule` would have seen.

    Raises EvalError for patterns that follow from the content.
    """
    n, layers = len(token_ids), decoder.shape.layers
    if any(schedule.of(layer, layers).content is not None for layer in range(layers)):
        raise EvalError("A pattern that follows from the content has no mask to measure mass in; choose another.")
    check_range(decoder, n)
    kv = KVBuffer(decoder.shape, n, impl.device)
    step = _ProbeStep(decoder, kv, layouts(decoder, schedule, anchors, n, impl.device), impl)
    for start in range(0, n, CHUNK):
        chunk = token_ids[start : start + CHUNK]
        decoder.forward(chunk, step)
        kv.advance(len(chunk))
    return step.result()


class _ProbeStep(ReadingStep):
    """Dense reading; sums up what the layouts would have left out."""

    def __init__(self, decoder: Decoder, kv: KVBuffer, sparse: Sequence[Layout], impl: Impl) -> None:
        super().__init__(decoder, kv, impl)
        self._sparse = sparse
        layers, device = kv.shape.layers, kv.device
        self._mass = torch.zeros(layers, decoder.heads, device=device)
        self._rows, self._difference, self._dense = (torch.zeros(layers, device=device) for _ in range(3))
        self._everything = Layout(dense(), torch.empty(0, dtype=torch.int64, device=device), sparse[0].n)

    def mix(self, layer: int, q: Tensor, keys: Tensor, values: Tensor, scale: float | None) -> Tensor:
        """See ReadingStep."""
        self._look(layer, q, keys, values, scale)
        return sparse_attention(q, keys, values, self._everything, offset=self._kv.length, scale=scale, impl=self._impl)

    def _look(self, layer: int, q: Tensor, keys: Tensor, values: Tensor, scale: float | None) -> None:
        picked = picked_rows(q.shape[1]).to(q.device)
        positions = picked + self._kv.length
        out, weights = dense_rows(q[:, picked], keys, values, positions, scale)
        head = torch.arange(q.shape[0], device=q.device)[:, None, None]
        seen = torch.arange(keys.shape[1], device=q.device)[None, :]
        allowed = self._sparse[layer].allows(positions[:, None], seen, head) & (seen <= positions[:, None])
        inside = (weights.float() * allowed).sum(-1)  # [Hq, R]
        kept = (weights.float() * allowed) / inside.clamp(min=1e-9)[..., None]
        sparse = kept @ values.float().repeat_interleave(q.shape[0] // values.shape[0], 0)
        self._mass[layer] += inside.sum(-1)
        self._rows[layer] += len(picked)
        self._difference[layer] += (sparse - out.float()).norm(dim=-1).sum()
        self._dense[layer] += out.float().norm(dim=-1).sum()

    def result(self) -> LayerProbe:
        """The means."""
        return LayerProbe((self._mass / self._rows[:, None]).cpu(), (self._difference / self._dense).cpu())


def picked_rows(length: int) -> Tensor:
    """int64 [ROWS or fewer]: the rows of a chunk of `length` that probes look at, evenly spread."""
    return torch.linspace(0, length - 1, min(ROWS, length)).round().long()


def drift(sparse: Segment, exact: Segment) -> tuple[Tensor, Tensor]:
    """float32 [layers] each: ‖sparse − dense‖ / ‖dense‖ of the keys and of the values two readings left behind."""
    found = []
    for mine, other in ((sparse.keys, exact.keys), (sparse.values, exact.values)):
        difference = torch.stack([(a.float() - b.float()).norm() for a, b in zip(mine, other, strict=True)])
        found.append((difference / torch.stack([b.float().norm() for b in other])).cpu())
    return found[0], found[1]
