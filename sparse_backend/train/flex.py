"""FlexAttention over packed rows on a GPU: block masks from block states, one compilation for all layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from sparse_backend.train.blocks import BLOCK, MASKED, WHOLE, block_states
from sparse_backend.train.network import layer_with
from sparse_backend.train.packing import Row
from sparse_backend.train.visibility import Visibility


def masks_of(row: Row, device: str, states: Any = None) -> tuple[BlockMask, BlockMask]:
    """The shallow and the deep layers' masks; `states` when they were computed before."""
    found = torch.as_tensor(block_states(row) if states is None else states).to(device, non_blocking=True)
    return _mask(row, found[0], 0, device), _mask(row, found[1], 1, device)


def _mask(row: Row, states: Tensor, kind: int, device: str) -> BlockMask:
    some, some_at = _listed(states == MASKED)
    whole, whole_at = _listed(states == WHOLE)
    return BlockMask.from_kv_blocks(
        some, some_at, whole, whole_at, BLOCK_SIZE=BLOCK, mask_mod=Visibility.of(row, kind, device).rule()
    )  # fmt: skip


def _listed(wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Per row of blocks, how many are wanted (int32 [1, 1, Q]) and which, these first (int32 [1, 1, Q, K])."""
    order = torch.argsort(wanted.to(torch.int8), dim=-1, descending=True, stable=True)
    return wanted.sum(-1).to(torch.int32)[None, None], order.to(torch.int32)[None, None]


def attend_by_flex(q: Tensor, k: Tensor, v: Tensor, allowed: BlockMask, scale: float) -> Tensor:
    """See network.Attend; heads share keys in groups."""
    out = flex_attention(q[None], k[None], v[None], block_mask=allowed, scale=scale, enable_gqa=True)
    assert isinstance(out, Tensor)
    return out[0]


def attend_by_flex_repeated(q: Tensor, k: Tensor, v: Tensor, allowed: BlockMask, scale: float) -> Tensor:
    """The same with every head's keys written out, for versions whose kernel wants a power of two of heads."""
    group = len(q) // len(k)
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    out = flex_attention(q[None], k[None], v[None], block_mask=allowed, scale=scale)
    assert isinstance(out, Tensor)
    return out[0]


def compiled_layer(*, repeat: bool = False) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """The layer compiled for fixed shapes; rows of another shape compile anew."""
    torch._dynamo.config.recompile_limit = 64  # near, far, gradients or not; the default of 8 would fall back silently
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    compiled: Callable[..., tuple[Tensor, Tensor, Tensor]] = torch.compile(
        layer_with(attend_by_flex_repeated if repeat else attend_by_flex), dynamic=False
    )
    return compiled
