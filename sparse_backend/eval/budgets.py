"""Budgets: a window for each layer and key head, from how far its attention reaches, at the cost of a level's windows.

Measured once for a model on generated texts (dense reading, a few rows of each chunk) and kept beside it under its
fingerprint. The idea of unequal budgets for heads is Ada-KV's (Feng et al. 2024, arXiv:2407.11550), for windows while
reading; whether it helps a model, `python -m sparse_backend.eval budgets` tells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sparse_backend.atomic import written
from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl
from sparse_backend.eval import forward
from sparse_backend.eval.anchors import anchors
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.grid import Examiner
from sparse_backend.eval.settings import Setting, windows
from sparse_backend.eval.suites.registry import SUITES
from sparse_backend.layout import Layout
from sparse_backend.model import Decoder
from sparse_backend.presets import Schedule, dense
from sparse_backend.segment import KVBuffer

WINDOWS = (64, 128, 256, 512, 1024, 2048)
TAUGHT = 90_001  # seed of the texts that are measured; those that are asked about have others
TEXTS = (("needle", 0.5), ("code", 0.5), ("qa", 0.5))
Budget = tuple[tuple[int, ...], ...]  # window in tokens of each layer and key head


def reach(decoder: Decoder, impl: Impl, examiner: Examiner, tokens: int) -> Tensor:
    """float32 [layers, Hkv, len(WINDOWS)]: share of dense attention mass inside each window, sink and headers, means.

    The query heads of a key head count alike. The last layer, which is never computed while reading, is 1.
    """
    kept = []
    for name, depth in TEXTS:
        case = examiner.case(SUITES[name], tokens, depth, 0, TAUGHT)
        encoding = examiner.encode(case.text)
        start = len(examiner.opening)
        own = [start + one for one in anchors(case.text, case.headers, encoding, ("headers",))]
        ids = [*examiner.opening, *encoding.token_ids]
        forward.check_range(decoder, len(ids))
        kv = KVBuffer(decoder.shape, len(ids), impl.device)
        step = _ReachStep(decoder, kv, own, len(ids), impl)
        for low in range(0, len(ids), forward.CHUNK):
            chunk = ids[low : low + forward.CHUNK]
            decoder.forward(chunk, step)
            kv.advance(len(chunk))
        kept.append((step.mass / step.rows[:, None, None].clamp(min=1)).cpu())
    mass = torch.stack(kept).mean(0)  # [layers, Hq, windows]
    mass[-1] = 1.0
    return mass.view(len(mass), decoder.shape.kv_heads, -1, len(WINDOWS)).mean(2)


class _ReachStep(forward.ReadingStep):
    """Dense reading; sums up, at some rows of each chunk, what every window would have kept."""

    def __init__(self, decoder: Decoder, kv: KVBuffer, own: Sequence[int], n: int, impl: Impl) -> None:
        super().__init__(decoder, kv, impl)
        device = kv.device
        self.mass = torch.zeros(kv.shape.layers, decoder.heads, len(WINDOWS), device=device)
        self.rows = torch.zeros(kv.shape.layers, device=device)
        self._each = [forward.layouts(decoder, windows(window, window), own, n, device)[0] for window in WINDOWS]
        self._everything = Layout(dense(), torch.empty(0, dtype=torch.int64, device=device), n)

    def mix(self, layer: int, q: Tensor, keys: Tensor, values: Tensor, scale: float | None) -> Tensor:
        """See forward.ReadingStep."""
        picked = forward.picked_rows(q.shape[1]).to(q.device)
        positions = (picked + self._kv.length)[:, None]
        weights = forward.dense_rows(q[:, picked], keys, values, positions[:, 0], scale)[1].float()
        seen = torch.arange(keys.shape[1], device=q.device)[None, :]
        head = torch.zeros(1, 1, dtype=torch.int64, device=q.device)
        for index, layout in enumerate(self._each):
            allowed = layout.allows(positions, seen, head) & (seen <= positions)
            self.mass[layer, :, index] += (weights * allowed).sum((-1, -2))
        self.rows[layer] += len(picked)
        return sparse_attention(q, keys, values, self._everything, offset=self._kv.length, scale=scale, impl=self._impl)


def allocate(kept: Tensor, total: int) -> Budget:
    """Windows for `kept` [layers, Hkv, len(WINDOWS)] whose sum is at most `total` tokens: the next step goes where a
    token buys most mass. Raises EvalError where even the smallest windows cost more."""
    layers, heads, _ = kept.shape
    if total < layers * heads * WINDOWS[0]:
        raise EvalError(f"{total:,} tokens are less than {WINDOWS[0]} for each of {layers * heads} heads.")
    chosen = torch.zeros(layers, heads, dtype=torch.int64)
    left = total - layers * heads * WINDOWS[0]
    while True:
        best = (0.0, -1, -1, -1)
        for layer in range(layers - 1):  # the last layer's output is never needed
            for head in range(heads):
                now = int(chosen[layer, head])
                for step in range(now + 1, len(WINDOWS)):  # a small step that buys nothing may hide a larger one
                    cost = WINDOWS[step] - WINDOWS[now]
                    gain = float(kept[layer, head, step] - kept[layer, head, now]) / cost
                    if cost <= left and gain > best[0]:
                        best = (gain, layer, head, step)
        _, layer, head, step = best
        if layer < 0:
            return tuple(tuple(WINDOWS[int(one)] for one in row) for row in chosen)
        left -= WINDOWS[step] - WINDOWS[int(chosen[layer, head])]
        chosen[layer, head] = step


def cost(schedule: Schedule, layers: int, heads: int) -> int:
    """The sum of a schedule's windows over all layers and key heads. Raises EvalError for one with dense layers."""
    total = 0
    for layer in range(layers):
        window = schedule.of(layer, layers).window
        if window is None:
            raise EvalError("Budgets share out windows, and this level reads layers densely; choose another level.")
        total += window * heads
    return total


def budget_setting(
    level: Setting, decoder: Decoder, impl: Impl, examiner: Examiner, tokens: int, models: Path
) -> Setting:
    """`level` with a window for each head at the same cost; the reach is measured now unless it is known already."""
    shape = decoder.shape
    total = cost(level.schedule, shape.layers, shape.kv_heads)
    file = models / "budgets" / f"{decoder.fingerprint}.json"
    known: dict[str, list[list[list[float]]]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    if str(tokens) not in known:
        known[str(tokens)] = reach(decoder, impl, examiner, tokens).round(decimals=4).tolist()
        file.parent.mkdir(parents=True, exist_ok=True)
        with written(file) as partial:
            partial.write_text(json.dumps(known), "utf-8")
    return Setting(f"{level.name}, budgets", level.schedule, budgets=allocate(torch.tensor(known[str(tokens)]), total))


def spent(budgets: Sequence[Sequence[int]]) -> int:
    """The sum of all windows."""
    return sum(sum(row) for row in budgets)
