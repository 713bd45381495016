"""What the model looked at while it answered: attention mass over the context, per generated token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.looked import Looked, row_of

Head = tuple[int, int]  # layer, query head


class Evidence:
    """Collects, for each generated token, how much attention each of the first n context tokens received.

    `heads`: those that proved useful for the model (retrieval heads, Wu et al. 2024, arXiv:2404.15574); their mean
    counts, and layers without one cost nothing. Without any, the strongest head of each layer counts for each token,
    summed over the upper two thirds of the layers. The first `skip` tokens are attention sinks and say nothing, so
    they are left out.
    """

    def __init__(self, layers: int, n: int, skip: int, heads: Sequence[Head] = ()) -> None:
        self.n = n
        self.heads = tuple(heads)
        self._of: dict[int, list[int]] = {}
        for layer, head in heads:
            self._of.setdefault(layer, []).append(head)
        self._first_layer = layers // 3
        self._skip = skip
        self._expected = 1
        self._now: Tensor | None = None  # float32 [expected, n], made where the first layer's weights are
        self._rows: list[tuple[Tensor, Tensor | None]] = []

    def expect(self, rows: int) -> None:
        """The last `rows` queries of the next pass count; those of a pass that was not kept are dropped."""
        self._expected, self._now = rows, None

    def wanted(self, layer: int) -> int:
        """Of how many queries, counted from the last, this layer's probabilities count."""
        counts = layer in self._of if self._of else layer >= self._first_layer
        return self._expected if counts else 0

    def heads_of(self, layer: int) -> tuple[int, ...]:
        """The named heads of a layer."""
        return tuple(self._of.get(layer, ()))

    def pooled(self, layer: int, weights: Tensor) -> Tensor:
        """Probabilities [Hq, …] of one layer as the share that it adds, without the first dimension."""
        if not self._of:
            return weights.amax(0)
        total = torch.stack([weights[head] for head in self._of[layer]]).sum(0)  # views: a CUDA graph records them
        return total / len(self.heads)

    def add(self, layer: int, weights: Tensor, index: Tensor | None = None) -> None:
        """`weights` [Hq, R or more, N]: the probabilities of one layer, of which the first n keys count.

        `index` int64 [Hkv, M]: the context tokens that the first M keys of each key head are, where not all were met.
        """
        if not self.wanted(layer):
            return
        count = self._expected
        if self._now is None:
            self._now = torch.zeros(count, self.n, device=weights.device)
        if index is None:
            self._now += self.pooled(layer, weights[:, -count:, : self.n].float())
            return
        kv_heads, met = index.shape
        seen = weights[:, -count:, :met].float()
        if self._of:
            group = len(weights) // kv_heads
            for head in self._of[layer]:
                place = index[head // group].expand(count, -1)
                self._now.scatter_add_(1, place, seen[head] / len(self.heads))
            return
        best = seen.view(kv_heads, -1, count, met).amax(1)  # [Hkv, rows, M]
        spread = torch.zeros_like(self._now)
        for head in range(kv_heads):
            spread.scatter_reduce_(1, index[head].expand(count, -1), best[head], "amax")
        self._now += spread

    def take(self, rows: Tensor) -> None:
        """Takes float32 [R, n] that were added up elsewhere for the pass that `expect` announced."""
        self._now = rows

    def keep(self, rows: int) -> None:
        """Closes the first `rows` of the rows whose layers were just added."""
        kept = torch.zeros(rows, self.n) if self._now is None else self._now[:rows]
        self._rows += [row_of(row, self._skip) for row in kept]
        self._expected, self._now = 1, None

    def looked(self) -> Looked:
        """What was kept."""
        return Looked(self.n, tuple(self._rows))
