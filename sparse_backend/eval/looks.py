"""Where each head of a model looked while an answer was generated, by passage."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.config import Impl
from sparse_backend.eval.forward import check_range
from sparse_backend.model import Decoder
from sparse_backend.probe import Evidence
from sparse_backend.segment import Context, KVBuffer, Segment
from sparse_backend.steps import TailStep


class HeadLook(Evidence):
    """Sums, for each layer and head, the attention that generated tokens pay to passages of a segment of n tokens.

    `bounds` int64 [passages, 2]: their token ranges. `mass` [layers, Hq, passages], divided by the square root of a
    passage's length, so that neither a long nor a very short one wins by its size.
    """

    def __init__(self, layers: int, heads: int, n: int, bounds: Tensor) -> None:
        super().__init__(layers, n, 0)
        self._low, self._high = bounds[:, 0], bounds[:, 1]
        self.mass = torch.zeros(layers, heads, len(bounds))
        self._count = 1

    def expect(self, rows: int) -> None:
        """See Evidence."""
        self._count = rows

    def wanted(self, layer: int) -> int:
        """See Evidence."""
        return self._count

    def add(self, layer: int, weights: Tensor, index: Tensor | None = None) -> None:
        """See Evidence."""
        row = weights[:, -self._count :, : self.n].double().sum(1).cpu()
        sums = torch.cat([torch.zeros(len(row), 1, dtype=torch.float64), row.cumsum(-1)], -1)
        length = (self._high - self._low).clamp(min=1).sqrt()
        self.mass[layer] += ((sums[:, self._high] - sums[:, self._low]) / length).float()


def head_mass(
    decoder: Decoder, segment: Segment, tail_ids: Sequence[int], answer: Sequence[int], bounds: Tensor, impl: Impl
) -> Tensor:
    """float32 [layers, Hq, passages]: where each head looked, per token, while `answer` was generated; see HeadLook."""
    return _mass(decoder, segment, [*tail_ids, *answer[:-1]], max(1, len(answer)), bounds, impl)


def question_mass(
    decoder: Decoder, segment: Segment, tail_ids: Sequence[int], words: range, bounds: Tensor, impl: Impl
) -> Tensor:
    """float32 [layers, Hq, passages]: where each head looked from the tail's tokens `words`, per token."""
    return _mass(decoder, segment, tail_ids[: words.stop], len(words), bounds, impl)


def _mass(decoder: Decoder, segment: Segment, fed: Sequence[int], rows: int, bounds: Tensor, impl: Impl) -> Tensor:
    """Of the last `rows` of the tokens `fed` behind the segment."""
    check_range(decoder, len(segment) + len(fed))
    look = HeadLook(decoder.shape.layers, decoder.heads, len(segment), bounds)
    look.expect(rows)
    kv = KVBuffer(decoder.shape, len(fed), impl.device)
    decoder.forward(fed, TailStep(decoder, kv, Context((segment,)), impl, look))
    return look.mass / rows
