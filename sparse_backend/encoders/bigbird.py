"""BigBird's block-sparse self-attention (Zaheer et al. 2020, arXiv:2007.14062), computed by passes over blocks.

Three blocks of window; the first and the last block are global. Outside training transformers puts its first block
where random blocks would be, so that rows between the global ones count that block again: the same is done here.
Inputs too short for sparse attention are read densely, as there. Memory is O(tokens * block).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sparse_backend.encoders.padding import check_use, real_tokens, split
from sparse_backend.kernels.blocks import attend
from sparse_backend.links import Blocks, BlockWindow
from sparse_backend.merge import merge
from sparse_backend.passes import compile_passes
from sparse_backend.pattern import Pattern


def sparse_pattern(block: int) -> Pattern:
    """BigBird without random blocks; its global blocks are the anchors (see `global_blocks`)."""
    return Pattern("bigbird", 0, anchors=True, causal=False, links=(BlockWindow(block, 1, 1),))


def global_blocks(n: int, block: int) -> Tensor:
    """The positions in the first and the last block of n tokens, a multiple of `block`."""
    return torch.unique(torch.cat([torch.arange(block), torch.arange(n - block, n)]))  # type: ignore[no-any-return]


def forward(
    module: Any,
    hidden_states: Tensor,
    band_mask: Tensor | None = None,
    from_mask: Tensor | None = None,
    to_mask: Tensor | None = None,
    from_blocked_mask: Tensor | None = None,
    to_blocked_mask: Tensor | None = None,
    output_attentions: bool = False,
    global_attention_mask: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Stands in for the forward of a BigBird `module`: hidden_states [B, n, E] -> ([B, n, E], None).

    `global_attention_mask` [B, n or less], which transformers hands on from the model's call and has no use for: tokens
    that are global beside the two blocks. Padded rows get zeros. Raises ValueError when padding stands anywhere but at
    the end, and UnsupportedModelError in training or for output_attentions.
    """
    check_use(module.training, output_attentions)
    out = torch.zeros_like(hidden_states)
    extra = torch.empty(0, dtype=torch.int64)
    with torch.no_grad():
        for row, hidden in enumerate(hidden_states):
            real = len(hidden) if to_mask is None else real_tokens(to_mask[row].flatten() > 0)
            if global_attention_mask is not None:
                extra = global_attention_mask[row, :real].nonzero().flatten()
            if real:
                out[row, :real] = _row(module, hidden[:real], len(hidden), extra)
    return out, None


def _row(module: Any, hidden: Tensor, n: int, extra: Tensor) -> Tensor:
    """The real tokens of a row of n, padding included: the last block is global even if it holds padding alone."""
    heads, block, repeats = module.num_attention_heads, module.block_size, module.num_random_blocks
    scale = module.attention_head_size**-0.5
    q, k, v = (split(project(hidden), heads) for project in (module.query, module.key, module.value))
    if n <= (5 + 2 * repeats) * block:  # transformers reads these densely
        return attend(q, k, v, compile_passes(Pattern("dense", None, causal=False), extra[:0], n, heads), scale)[
            0
        ].flatten(1)
    global_ = torch.unique(torch.cat([global_blocks(n, block), extra]))
    out, lse = attend(q, k, v, compile_passes(sparse_pattern(block), global_, n, heads), scale)
    if repeats:
        again, their = attend(q, k, v, compile_passes(_first_block(n, block), extra[:0], n, heads), scale)
        their[:, extra[extra < len(hidden)]] = -math.inf  # added global rows see everything once
        outs = torch.stack([out, again]).transpose(1, 2)
        out = merge(outs, torch.stack([lse, their + math.log(repeats)]).to(outs.dtype))[0].transpose(0, 1)
    return out.reshape(len(hidden), -1)


def _first_block(n: int, block: int) -> Pattern:
    blocks = n // block
    between: tuple[tuple[int, ...], ...] = ((0,),) * (blocks - 2)
    return Pattern("first block", 0, causal=False, links=(Blocks(block, (((), *between, ()),)),))
