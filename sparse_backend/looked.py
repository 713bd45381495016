"""Looked: what each generated token looked at, in memory that stays small however long the context is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MOST = 16_384  # tokens remembered of one row where the context is longer than twice as many: its strongest


@dataclass(frozen=True, slots=True)
class Looked:
    """Attention mass of generated tokens on `n` context tokens, one of `rows` each.

    A row holds float32 [K] and the tokens that they belong to, int32 [K], None for all n of them. In contexts of more
    than 2 * MOST tokens only the MOST strongest of a row are kept; the others count as 0.
    """

    n: int
    rows: tuple[tuple[Tensor, Tensor | None], ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> Looked:
        return Looked(self.n, self.rows[part])

    @property
    def shape(self) -> tuple[int, int]:
        """(generated tokens, n)."""
        return len(self.rows), self.n

    def mean(self) -> Tensor:
        """Over the generated tokens, float32 [n]; zeros where there are none."""
        total = torch.zeros(self.n)
        for shares, places in self.rows:
            if places is None:
                total += shares
            else:
                total.index_add_(0, places, shares)
        return total / max(1, len(self.rows))

    def dense(self) -> Tensor:
        """float32 [generated tokens, n]; large for long contexts."""
        return torch.stack([self[i : i + 1].mean() for i in range(len(self))]) if self.rows else torch.zeros(0, self.n)


def row_of(mass: Tensor, skip: int = 0) -> tuple[Tensor, Tensor | None]:
    """A row of Looked on the CPU, of float32 [n] on any device; its first `skip` tokens count as 0."""
    if len(mass) <= 2 * MOST:
        kept = mass.to("cpu", copy=True)  # a view would keep the rows of drafts that proved wrong
        kept[:skip] = 0
        return kept, None
    places = mass[skip:].topk(MOST, sorted=False).indices.sort().values + skip
    return mass[places].cpu(), places.to("cpu", torch.int32)
