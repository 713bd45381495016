"""What the model looked at while it answered: attention mass over the document, per generated token."""

from __future__ import annotations

import torch
from torch import Tensor


class Evidence:
    """Collects, for each generated token, how much attention each of the first n context tokens received.

    Per layer the strongest head counts for each token, over the upper two thirds of the layers, where retrieval
    happens; the first `skip` tokens are attention sinks and say nothing, so they are left out.
    """

    def __init__(self, layers: int, n: int, skip: int) -> None:
        self.n = n
        self._first_layer = layers // 3
        self._skip = min(skip, n)
        self._row = torch.zeros(n)
        self._rows: list[Tensor] = []

    def add(self, layer: int, weights: Tensor) -> None:
        """`weights` [Hq, L, N]: the probabilities of one layer; only the last query and the first n keys count."""
        if layer >= self._first_layer:
            self._row = self._row.to(weights.device)
            self._row += weights[:, -1, : self.n].amax(0).float()

    def next_token(self) -> None:
        """Closes the row of the token whose layers were just added."""
        row = self._row.cpu()
        row[: self._skip] = 0
        self._rows.append(row)
        self._row = torch.zeros(self.n)

    def rows(self) -> Tensor:
        """float32 [generated tokens, n]."""
        return torch.stack(self._rows) if self._rows else torch.zeros(0, self.n)
