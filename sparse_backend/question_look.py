"""Where a question looks: the attention of its own tokens on the context, by the heads that find the proof.

A few heads of a model look from the words of a question at the passage that answers it, whatever is answered then: also
where the answer is wrong, or says that the document is silent. They need not be the heads that copy the proof into the
answer (retrieval heads, Wu et al. 2024, arXiv:2404.15574); calibration finds them the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.extra import Extra
from sparse_backend.looked import Looked, row_of
from sparse_backend.probe import Head

SCORES = 1 << 24  # scores of one head held at a time, 64 MB in float32: rows of a long context come a few at a time


class QuestionLook:
    """The mean attention of a question's tokens on each of n context tokens, over `heads`; one of 0 heads is idle.

    `words`: the places of the question's tokens in the tail, which may be fed in several passes, each token once. The
    first `skip` context tokens are attention sinks and count as 0.
    """

    def __init__(self, n: int, words: range, skip: int, heads: Sequence[Head]) -> None:
        self.n, self.heads = n, tuple(heads)
        self._words, self._skip = words, skip
        self._of: dict[int, list[int]] = {}
        for layer, head in heads:
            self._of.setdefault(layer, []).append(head)
        self._counted = min(self._of, default=-1)  # the layer whose rows are counted, for all of them
        self._rows = 0
        self._mass: Tensor | None = None  # float32 [n], on the device of the keys

    def wanted(self, layer: int) -> bool:
        """Whether heads of this layer count."""
        return layer in self._of

    def look(
        self,
        layer: int,
        first: int,
        queries: Sequence[Tensor],
        parts: Sequence[tuple[Tensor, Tensor]],
        *,
        scale: float | None,
        window: int | None,
        extra: Extra,
        index: Tensor | None = None,
    ) -> None:
        """Adds one layer of a pass whose tokens stand at `first`, … in the tail; arguments as of global_attention.

        `index` int64 [Hkv, M]: the context tokens that the keys of the first part are, where only some are met.
        """
        length = queries[0].shape[1]
        rows = range(max(0, self._words.start - first), min(length, self._words.stop - first))
        if not self.wanted(layer) or not rows:
            return
        keys = [k for k, _ in parts]
        if self._mass is None:
            self._mass = torch.zeros(self.n, device=keys[0].device)
        if layer == self._counted:
            self._rows += len(rows)
        group = queries[0].shape[0] // keys[0].shape[0]
        scale = queries[0].shape[2] ** -0.5 if scale is None else scale
        for head in self._of[layer]:
            shared = head // group
            sink = None if extra.sinks is None else extra.sinks[head]
            mass = _row_sums(
                [q[head] for q in queries], [k[shared] for k in keys], rows, scale, window, extra.softcap, sink
            )
            if index is None:
                self._mass += mass
            else:
                self._mass.index_add_(0, index[shared], mass)

    def looked(self) -> Looked:
        """One row, float32 [n]; none where nothing was looked at."""
        if self._mass is None or not self._rows:
            return Looked(self.n)
        return Looked(self.n, (row_of(self._mass / (self._rows * len(self.heads)), self._skip),))


def _row_sums(
    queries: Sequence[Tensor],
    keys: Sequence[Tensor],
    rows: range,
    scale: float,
    window: int | None,
    softcap: float | None,
    sink: Tensor | None,
) -> Tensor:
    """float32 [all keys but the last part's]: probabilities of one head's `rows` of L, added up.

    `queries`: [L, D] for each of `keys` [n_i, D]; the last part ends with the keys of the rows themselves.
    """
    length, total = len(queries[-1]), sum(map(len, keys))
    context = total - len(keys[-1])
    sums = torch.zeros(context, device=keys[0].device)
    size = max(1, SCORES // total)
    place = torch.arange(total, device=sums.device)
    for low in range(rows.start, rows.stop, size):
        high = min(low + size, rows.stop)
        scores = torch.cat([q[low:high] @ k.T for q, k in zip(queries, keys, strict=True)], -1).float() * scale
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        own = torch.arange(total - length + low, total - length + high, device=sums.device)[:, None]
        hidden = place > own
        if window is not None:
            hidden |= own - place >= window
        scores.masked_fill_(hidden, float("-inf"))
        if sink is not None:
            scores = torch.cat([scores, sink.float().expand(high - low, 1)], -1)
        sums += torch.softmax(scores, -1)[:, :context].sum(0)
    return sums
