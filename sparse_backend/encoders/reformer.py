"""Reformer's self-attentions (Kitaev et al. 2020, arXiv:2001.04451): LSH attention, and attention in local chunks.

Both look at whole chunks in a ring, as transformers does: without a causal mask the first chunk sees the last one.
Time and memory are O(tokens * hashes * chunk).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.models.reformer.modeling_reformer import LocalSelfAttentionOutput, LSHSelfAttentionOutput

from sparse_backend.config import UnsupportedModelError
from sparse_backend.encoders.padding import check_use, real_tokens, split
from sparse_backend.lsh import LSH, assign, attend
from sparse_backend.random_blocks import normal


def lsh_forward(
    module: Any,
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    num_hashes: int | None = None,
    buckets: Tensor | None = None,
    past_buckets_states: Any = None,
    use_cache: bool = False,
    output_attentions: bool = False,
    **_: Any,
) -> LSHSelfAttentionOutput:
    """Stands in for the forward of an LSH attention `module`: hidden_states [B, n, E] -> hidden_states [B, n, E].

    Rotations are drawn from the module's `hash_seed` as transformers draws them on a CPU, and where it has none from a
    fixed seed. `buckets` [B, heads * hashes * n], any view, replace hashing. An unset number of buckets follows from
    the length of each input. Padded rows get zeros. Raises ValueError when padding stands anywhere but at the end of a
    row, and UnsupportedModelError in training, for output_attentions, and for tokens that follow cached ones.
    """
    _check(module, past_buckets_states, output_attentions)
    hashes, given = num_hashes or module.num_hashes, None
    if buckets is not None:
        given = buckets.view(len(hidden_states), module.num_attention_heads, hashes, -1)
    out = hidden_states.new_zeros(*hidden_states.shape[:2], module.all_head_size)
    with torch.no_grad():
        for row, hidden in enumerate(hidden_states):
            real = len(hidden) if attention_mask is None else real_tokens(attention_mask[row] > 0)
            if real:
                chosen = None if given is None else given[row, :, :, :real]
                out[row, :real] = _lsh_row(module, hidden[:real], len(hidden), hashes, chosen)
    return LSHSelfAttentionOutput(hidden_states=out, attention_probs=(), buckets=None)


def local_forward(
    module: Any,
    hidden_states: Tensor,
    attention_mask: Tensor | None = None,
    past_buckets_states: Any = None,
    use_cache: bool = False,
    output_attentions: bool = False,
    **_: Any,
) -> LocalSelfAttentionOutput:
    """Stands in for the forward of a local attention `module`; shapes and errors are those of `lsh_forward`."""
    _check(module, past_buckets_states, output_attentions)
    out = hidden_states.new_zeros(*hidden_states.shape[:2], module.all_head_size)
    with torch.no_grad():
        for row, hidden in enumerate(hidden_states):
            real = len(hidden) if attention_mask is None else real_tokens(attention_mask[row] > 0)
            if real:
                out[row, :real] = _local_row(module, hidden[:real], len(hidden))
    return LocalSelfAttentionOutput(hidden_states=out, attention_probs=())


def factors(module: Any, n: int) -> tuple[int, ...]:
    """The factors of the number of buckets that `module` has, or would choose for inputs of n tokens."""
    count, chunk = module.num_buckets, module.chunk_length
    if count is None:
        power = (2 * (n // chunk)).bit_length() - 1
        most = 2 * max(int((module.max_position_embeddings // chunk) ** 0.5), chunk)
        count = 2**power if 2**power <= most else (2 ** (power // 2), 2 ** (power - power // 2))
    return (count,) if isinstance(count, int) else tuple(count)


def _lsh_row(module: Any, hidden: Tensor, n: int, hashes: int, buckets: Tensor | None) -> Tensor:
    """The real tokens of a row of n, padding included; padding takes the last places of every round."""
    heads, scale = module.num_attention_heads, module.attention_head_size**-0.5
    q, v = (split(project(hidden), heads) for project in (module.query_key, module.value))
    if n <= module.chunk_length:  # read whole, unhashed
        spec = LSH(n, 1, before=0, causal=module.is_decoder)
        buckets = _in_order(q)
    else:
        spec = LSH(
            module.chunk_length,
            hashes,
            buckets=factors(module, n),
            before=module.num_chunks_before,
            after=module.num_chunks_after,
            causal=module.is_decoder,
        )
        if buckets is None:
            buckets = assign(q, _rotations(module, spec, q), spec.buckets)
    return attend(q, None, v, spec, scale, buckets=(buckets, buckets), slots=n)[0].reshape(len(hidden), -1)


def _local_row(module: Any, hidden: Tensor, n: int) -> Tensor:
    """One round whose tokens stand in their order."""
    heads, scale = module.num_attention_heads, module.attention_head_size**-0.5
    q, k, v = (split(project(hidden), heads) for project in (module.query, module.key, module.value))
    whole = n <= module.chunk_length
    spec = LSH(
        n if whole else module.chunk_length,
        1,
        before=0 if whole else module.num_chunks_before,
        after=0 if whole else module.num_chunks_after,
        causal=module.is_decoder,
        shared=False,
        normalised=False,
    )
    return attend(q, k, v, spec, scale, buckets=(_in_order(q), _in_order(k)), slots=n)[0].reshape(len(hidden), -1)


def _rotations(module: Any, spec: LSH, q: Tensor) -> Tensor:
    shape = (q.shape[0], q.shape[2], spec.hashes, sum(spec.buckets) // 2)
    if module.hash_seed is None:
        return normal(spec.seed, *shape)
    return torch.randn(shape, generator=torch.Generator().manual_seed(module.hash_seed), dtype=q.dtype)


def _in_order(x: Tensor) -> Tensor:
    """One bucket for all: the sort is stable."""
    return torch.zeros(x.shape[0], 1, x.shape[1], dtype=torch.int64)


def _check(module: Any, past: Any, weights: object) -> None:
    check_use(module.training, weights)
    if past is not None and len(past) > module.layer_idx:
        raise UnsupportedModelError("The routed Reformer reads whole inputs and continues none: leave the cache out.")
