"""Longformer's self-attention (Beltagy et al. 2020, arXiv:2004.05150), computed by passes over blocks.

A window on each side; global tokens see all and are seen by all. A global row reads projections of its own over every
token. Memory is O(tokens * window).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sparse_backend.encoders.padding import check_use, real_tokens, split
from sparse_backend.kernels.blocks import attend
from sparse_backend.links import DenseRows
from sparse_backend.parts import Rows
from sparse_backend.passes import compile_passes
from sparse_backend.pattern import Pattern


def forward(
    module: Any,
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    is_index_masked: Tensor | None = None,
    is_index_global_attn: Tensor | None = None,
    is_global_attn: bool | None = None,
    output_attentions: bool = False,
) -> tuple[Tensor]:
    """Stands in for the forward of Longformer's or LED's self-attention `module`: [B, n, E] -> ([B, n, E],).

    Padded rows get zeros. Raises ValueError when padding stands anywhere but at the end of a row, and
    UnsupportedModelError in training or for output_attentions.
    """
    check_use(module.training, output_attentions)
    out = torch.zeros_like(hidden_states)
    none = torch.zeros(hidden_states.shape[:2], dtype=torch.bool)
    masked = none if is_index_masked is None else is_index_masked
    global_ = none if is_index_global_attn is None else is_index_global_attn
    with torch.no_grad():
        for row, hidden in enumerate(hidden_states):
            n = real_tokens(~masked[row])
            if n:
                out[row, :n] = _row(module, hidden[:n], global_[row, :n].nonzero().flatten())
    return (out,)


def _row(module: Any, hidden: Tensor, globals_: Tensor) -> Tensor:
    heads, n = module.num_heads, len(hidden)
    scale = module.head_dim**-0.5
    pattern = Pattern("longformer", module.one_sided_attn_window_size + 1, anchors=True, causal=False)
    q, k, v = (split(project(hidden), heads) for project in (module.query, module.key, module.value))
    passes = compile_passes(pattern, globals_, n, heads)
    local = [one for one in passes if not isinstance(one.part, Rows)]  # the rows of global tokens come below
    out, _ = attend(q, k, v, local, scale)
    if len(globals_):
        rows = Pattern("global rows", 0, causal=False, links=(DenseRows(tuple(globals_.tolist())),))
        q = torch.zeros_like(k)
        q[:, globals_] = split(module.query_global(hidden[globals_]), heads)
        k, v = (split(project(hidden), heads) for project in (module.key_global, module.value_global))
        dense = attend(q, k, v, compile_passes(rows, globals_[:0], n, heads), scale)[0]
        out[globals_] = dense[globals_]
    return out.reshape(n, -1)
