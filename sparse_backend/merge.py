"""Log-sum-exp merging: softmaxes over several sets of keys as one softmax over all of them."""

from __future__ import annotations

import torch
from torch import Tensor


def merge(outs: Tensor, lses: Tensor) -> tuple[Tensor, Tensor]:
    """outs [S, ..., D] and their log-sum-exps lses [S, ...] -> [..., D] and [...].

    A key that stands in two sets counts twice. Who sees nothing in any set gets 0 and -inf.
    """
    both = torch.logsumexp(lses, 0)
    shares = torch.exp(lses - both).nan_to_num(0.0)  # nan: nothing was seen
    return (outs * shares[..., None]).sum(0), both


def absorb(out: Tensor, lse: Tensor, sinks: Tensor) -> tuple[Tensor, Tensor]:
    """out [Hq, L, D] and lse [Hq, L] with each head's sink [Hq] as one more score without a value: it takes a share."""
    both = torch.logaddexp(lse, sinks.float()[:, None].expand_as(lse))
    return out * torch.exp(lse - both)[..., None].to(out.dtype), both
