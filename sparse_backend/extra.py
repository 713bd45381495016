"""What an attention call may carry beside q, k, v and its layout: odd scores, and a bank of keys at other places."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """Scores of some families. `softcap` c turns a score s into c tanh(s / c) (Gemma 2); `sinks` [Hq] join each
    softmax as one more score without a value (GPT-OSS).
    """

    softcap: float | None = None
    sinks: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Global tokens rotated for the place right before the window, whatever their own (positions.py).

    `queries` [Hq, L, D]: the same queries, rotated to meet them; `keys`, `values` [Hkv, G, D]: those of the layout's
    first G global tokens, which must include every one before the last query.
    """

    queries: Tensor
    keys: Tensor
    values: Tensor


PLAIN = Extra()
