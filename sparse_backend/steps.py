"""The two kinds of forward pass: reading a document sparsely, and asking with global rows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sparse_backend.attention import global_attention, sparse_attention
from sparse_backend.config import Impl
from sparse_backend.layout import Layout
from sparse_backend.model import KeysComplete
from sparse_backend.probe import Evidence
from sparse_backend.segment import KVBuffer, Segment


class ReadStep:
    """One chunk of a document: each token attends as its layer's layout says; keys and values go to `kv`.

    `layouts`: one per layer. The last layer's output is never needed here, so the pass ends once its keys are stored.
    """

    def __init__(self, kv: KVBuffer, layouts: Sequence[Layout], impl: Impl) -> None:
        self._kv, self._layouts, self._impl = kv, layouts, impl

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        """See model.Step."""
        keys, values = self._kv.write(layer, k, v)
        if layer == self._kv.shape.layers - 1:
            raise KeysComplete
        offset = self._kv.length
        layout = self._layouts[layer]
        return sparse_attention(q, keys, values, layout, offset=offset, scale=scale, impl=self._impl)


class AskStep:
    """Tokens behind a segment: the question, the answer so far; each looks at everything before it, exactly."""

    def __init__(self, segment: Segment, kv: KVBuffer, impl: Impl, evidence: Evidence | None) -> None:
        self._segment, self._kv, self._impl, self._evidence = segment, kv, impl, evidence

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        """See model.Step."""
        parts = [(self._segment.keys[layer], self._segment.values[layer]), self._kv.write(layer, k, v)]
        out, weights = global_attention(
            q, parts, scale=scale, impl=self._impl, probabilities=self._evidence is not None
        )
        if self._evidence is not None and weights is not None:
            self._evidence.add(layer, weights)
        return out
