"""Patterns beyond a window with global tokens, computed on a CPU: passes over blocks, chosen blocks, LSH rounds.

What the content chooses is computed beside what the pattern names; a pair counts once, and all is merged by
log-sum-exp.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sparse_backend import lsh
from sparse_backend.config import UnsupportedPatternError
from sparse_backend.dynamic import Dynamic, choose
from sparse_backend.kernels import blocks
from sparse_backend.layout import BLOCK, Layout
from sparse_backend.merge import merge
from sparse_backend.passes import compile_passes, listed_pass
from sparse_backend.routes import Frame


def prefill(q: Tensor, k: Tensor, v: Tensor, layout: Layout, offset: int, scale: float) -> Tensor:
    """Attention of the queries at [offset, offset + L): q [Hq, L, D]; k, v [Hkv, N, D] from 0 on -> [L, Hq, D].

    A pattern that looks ahead, or that hashes, needs the whole text at once; others may come chunk by chunk, those
    with dynamic blocks at multiples of their block. Raises UnsupportedPatternError otherwise.
    """
    pattern, n, heads = layout.pattern, layout.n, q.shape[0]
    if pattern.whole and (q.shape[1] < n or k.shape[1] < n):
        raise UnsupportedPatternError(f"The pattern “{pattern.name}” needs the whole text of {n:,} tokens at once.")
    passes = compile_passes(pattern, layout.globals_, n, heads)
    content = pattern.content
    if isinstance(content, Dynamic):
        chosen = choose(q, k, content, Frame(n, pattern.causal), scale, offset=offset)
        passes = (*passes, listed_pass(pattern, layout.globals_, n, heads, chosen, BLOCK))
    out, lse = blocks.attend(q, k, v, passes, scale, offset=offset)
    if not isinstance(content, lsh.LSH):
        return out
    group = heads // k.shape[0]
    keys, values = (x.repeat_interleave(group, 0) for x in (k, v))
    hashed, sums = lsh.attend(q, None if content.shared else keys, values, content, scale, skip=layout.allows)
    both = torch.stack([out.transpose(0, 1).to(lse.dtype), hashed.transpose(0, 1).to(lse.dtype)])
    return merge(both, torch.stack([lse, sums]))[0].transpose(0, 1).to(q.dtype)
