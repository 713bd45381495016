"""The specification: softmax(q k^T * scale + mask) v with the mask written out pair by pair.

Any dtype, any device, O(L * N) memory: for tests and small inputs only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend.extra import PLAIN, Extra


def attention(
    q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, scale: float, extra: Extra = PLAIN
) -> tuple[Tensor, Tensor]:
    """Output [Hq, L, D] in q's dtype and probabilities [Hq, L, N], for q [Hq, L, D], k and v [Hkv, N, D].

    `allowed`: bool [L, N]. Hq is a multiple of Hkv; query head h reads key head h // (Hq / Hkv). A query that may look
    at nothing gets zeros.
    """
    return pieces([(q, k, v, allowed)], scale, extra)


def pieces(
    given: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]], scale: float, extra: Extra = PLAIN
) -> tuple[Tensor, Tensor]:
    """The same with the keys in pieces (q, k, v, allowed), each met by queries of its own rotation; one softmax."""
    group = given[0][0].shape[0] // given[0][1].shape[0]
    scores = []
    for q, k, _, allowed in given:
        raw = (q @ k.repeat_interleave(group, 0).transpose(1, 2)) * scale
        if extra.softcap is not None:
            raw = extra.softcap * torch.tanh(raw / extra.softcap)
        scores.append(raw.masked_fill(~allowed, float("-inf")))
    whole = torch.cat(scores, -1)
    if extra.sinks is not None:
        sink = extra.sinks.to(whole.dtype)[:, None, None].expand(-1, whole.shape[1], 1)
        weights = torch.softmax(torch.cat([whole, sink], -1), -1)[..., :-1]
    else:
        weights = torch.softmax(whole, -1).nan_to_num(0.0)
    values = torch.cat([v for _, _, v, _ in given], 1).repeat_interleave(group, 0)
    return weights @ values, weights
