"""The specification: softmax(q k^T * scale + mask) v with the mask written out pair by pair.

Any dtype, any device, O(L * N) memory: for tests and small inputs only.
"""

from __future__ import annotations

import torch
from torch import Tensor


def attention(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Output [Hq, L, D] in q's dtype and probabilities [Hq, L, N], for q [Hq, L, D], k and v [Hkv, N, D].

    `allowed`: bool [L, N]. Hq is a multiple of Hkv; query head h reads key head h // (Hq / Hkv). A query that may look
    at nothing gets zeros.
    """
    group = q.shape[0] // k.shape[0]
    keys = k.repeat_interleave(group, 0)
    values = v.repeat_interleave(group, 0)
    scores = (q @ keys.transpose(1, 2)) * scale
    scores = scores.masked_fill(~allowed, float("-inf"))
    weights = torch.softmax(scores, -1).nan_to_num(0.0)
    return weights @ values, weights
