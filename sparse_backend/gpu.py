"""GPU implementations behind `attention`: what each can do, and how a layout is handed to them.

Nothing here is imported on machines without a GPU: Triton comes with the CUDA build of torch only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from sparse_backend.config import Impl, UnsupportedPatternError, parse_impl
from sparse_backend.extra import PLAIN, Bank, Extra
from sparse_backend.layout import Layout
from sparse_backend.merge import absorb

DTYPES = (torch.bfloat16, torch.float16)
DIMS = (16, 256)
MAX_GROUP = 16


def chosen(name: str) -> Impl:
    """The implementation called `name`; “auto” is Triton's where this machine can run it, else the CPU's.

    Raises UnsupportedPatternError that lists the choices.
    """
    if name == "auto":
        return Impl.CPU if missing(Impl.TRITON) else Impl.TRITON
    return parse_impl(name)


def free_bytes(device: str) -> int:
    """Memory that is free where an implementation keeps keys and values."""
    return int(torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available)


@lru_cache(maxsize=len(Impl))
def missing(impl: Impl) -> str:
    """Why this machine cannot run `impl`, as one sentence; empty where it can."""
    if impl.device != "cuda":
        return ""
    if not torch.cuda.is_available():
        return f"The implementation “{impl.value}” needs an NVIDIA GPU, and torch finds none; choose “cpu”."
    if find_spec("triton") is None:
        return f"The implementation “{impl.value}” needs Triton, which torch brings on Linux; choose “cpu”."
    major, minor = torch.cuda.get_device_capability()
    if major < 8:
        return f"The implementation “{impl.value}” needs compute capability 8.0; this GPU has {major}.{minor}."
    return ""


def check(q: Tensor, k: Tensor, impl: Impl) -> None:
    """Raises UnsupportedPatternError with the reason where `impl` cannot compute these tensors."""
    dim, group = q.shape[-1], q.shape[0] // k.shape[0]
    reason = missing(impl)
    if not reason and q.device.type != "cuda":
        reason = f"The implementation “{impl.value}” computes on the GPU; the tensors are on {q.device}."
    if not reason and q.dtype not in DTYPES:
        reason = f"The implementation “{impl.value}” computes bfloat16 and float16, not {q.dtype}."
    if not reason and not DIMS[0] <= dim <= DIMS[1]:
        reason = f"The implementation “{impl.value}” takes heads of {DIMS[0]} to {DIMS[1]} numbers, not {dim}."
    if not reason and group > MAX_GROUP:
        reason = f"The implementation “{impl.value}” takes at most {MAX_GROUP} query heads a key head, not {group}."
    if reason:
        raise UnsupportedPatternError(reason)


def prefill(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    layout: Layout,
    offset: int,
    scale: float,
    impl: Impl,
    extra: Extra = PLAIN,
    bank: Bank | None = None,
    base: int = 0,
) -> Tensor:
    """Arguments as `attention.sparse_attention`, on the GPU; returns [L, Hq, D]."""
    if not layout.pattern.plain:
        raise UnsupportedPatternError(
            f"The pattern “{layout.pattern.name}” is computed on the CPU only; choose the implementation “cpu”."
        )
    q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
    window = layout.pattern.window
    if window is None and not offset and impl is Impl.TRITON and extra == PLAIN and bank is None:
        return _dense(q, k, v, scale)
    if impl is Impl.FLEX:
        if extra != PLAIN or bank is not None:
            raise UnsupportedPatternError("The implementation “flex” computes no soft caps, sinks or moved positions.")
        from sparse_backend.kernels import flex

        planned = flex.plan(layout.globals_.to(q.device), window, q.shape[1], offset)
        return flex.prefill(q[None], k[None], v[None], planned, scale)[0].transpose(0, 1)
    from sparse_backend.kernels import triton

    group, dim = q.shape[0] // k.shape[0], q.shape[2]
    apart = None if bank is None else tuple(x.contiguous()[None] for x in (bank.queries, bank.keys, bank.values))
    fast = triton.can_use_tma(k, v) and (apart is None or triton.can_use_tma(*apart[1:]))
    known = None if bank is None else bank.keys.shape[1]
    planned = _plan(layout, str(q.device), q.shape[1], offset, group, dim, fast, base, known)
    return triton.prefill(
        q[None],
        k[None],
        v[None],
        planned.places,
        window,
        scale,
        softcap=extra.softcap or 0.0,
        sinks=extra.sinks,
        planned=planned,
        apart=apart,
    )[0][0]


def _dense(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Dense causal attention by the fastest kernel that torch has for this GPU, cuDNN's on Hopper."""
    best = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION]
    with sdpa_kernel(best, set_priority=True):
        out = scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True, scale=scale, enable_gqa=True)
    return out[0].transpose(0, 1)


@lru_cache(maxsize=8)
def _plan(
    layout: Layout,
    device: str,
    length: int,
    offset: int,
    group: int,
    dim: int,
    tma: bool,
    base: int = 0,
    known: int | None = None,
) -> Any:
    """The Triton kernel's plan for one chunk, which all layers of one layout share.

    Positions count from `base`; only the first `known` global tokens are there yet.
    """
    from sparse_backend.kernels import triton

    begin, count = (torch.tensor([number], dtype=torch.int32, device=device) for number in (offset - base, length))
    tile = triton.tile_of(dim, length, tma)
    places = layout.globals_.to(device)[:known] - base
    return triton.plan(places, layout.pattern.window, length, begin, count, group, tile)


def global_rows(
    queries: Sequence[Tensor],
    parts: Sequence[tuple[Tensor, Tensor]],
    scale: float,
    probabilities: int,
    window: int | None = None,
    extra: Extra = PLAIN,
) -> tuple[Tensor, Tensor | None]:
    """Arguments and results as `attention.global_attention`: split-KV over all parts, merged once."""
    from sparse_backend.kernels.triton_rows import Piece, pieces

    length, low, given = queries[0].shape[1], 0, []
    total = sum(k.shape[1] for k, _ in parts)
    for index, (q, (k, v)) in enumerate(zip(queries, parts, strict=True)):
        first = k.shape[1] - length if index == len(parts) - 1 else k.shape[1]
        given.append(Piece(q[None], k[None], v[None], first, total - length - low))
        low += k.shape[1]
    out, lse = pieces(given, scale, softcap=extra.softcap or 0.0, window=window)
    mixed, whole = out[0], lse[0]
    if extra.sinks is not None:
        mixed, whole = absorb(mixed, whole, extra.sinks)
    weights = None
    if probabilities:
        last = [q[:, -probabilities:] for q in queries]
        weights = _probabilities(last, parts, scale, window, extra, whole[:, -probabilities:])
    return mixed.transpose(0, 1), weights


def _probabilities(
    queries: Sequence[Tensor],
    parts: Sequence[tuple[Tensor, Tensor]],
    scale: float,
    window: int | None,
    extra: Extra,
    whole: Tensor,
) -> Tensor:
    """float32 [Hq, L, sum n_i] of rows whose log-sum-exps are `whole` [Hq, L]."""
    heads, length, dim = queries[0].shape
    group = heads // parts[0][0].shape[0]
    scores = []
    for q, (k, _) in zip(queries, parts, strict=True):
        packed = q.reshape(-1, group * length, dim)
        scores.append((packed @ k.transpose(1, 2)).view(heads, length, -1).float() * scale)
    raw = torch.cat(scores, -1)
    if extra.softcap is not None:
        raw = extra.softcap * torch.tanh(raw / extra.softcap)
    weights = torch.exp(raw - whole[..., None])
    if length == 1 and window is None:
        return weights
    total = weights.shape[-1]
    distance = torch.arange(total - length, total, device=raw.device)[:, None] - torch.arange(total, device=raw.device)
    seen = distance >= 0 if window is None else (distance >= 0) & (distance < window)
    return weights * seen
