"""The one door to attention: checks its arguments, then dispatches to exactly the implementation asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend import composed, gpu
from sparse_backend.config import Impl, UnsupportedPatternError
from sparse_backend.kernels import cpu, reference
from sparse_backend.layout import Layout


def sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    layout: Layout,
    *,
    offset: int = 0,
    scale: float | None = None,
    impl: Impl,
) -> Tensor:
    """Attention under `layout` for queries at positions [offset, offset + L).

    q [Hq, L, D]; k, v [Hkv, N, D] with N >= offset + L (later keys are ignored); one dtype for all. `scale` defaults
    to D ** -0.5. Returns [L, Hq, D]. Raises ValueError for shapes or dtypes that do not fit together, and
    UnsupportedPatternError for a pattern that `impl` does not compute.
    """
    _check(q, k, v)
    total = offset + q.shape[1]
    if offset < 0 or k.shape[1] < total:
        raise ValueError(f"queries end at {total}, but there are {k.shape[1]} keys")
    scale = q.shape[2] ** -0.5 if scale is None else scale
    k, v = k[:, :total], v[:, :total]
    if impl is Impl.CPU:
        _need_cpu(q)
        if not layout.pattern.plain:
            return composed.prefill(q, k, v, layout, offset, scale)
        return cpu.prefill(q, k, v, layout.rows(offset, total), layout.globals_, offset, scale)
    if impl.device == "cuda":
        gpu.check(q, k, impl)
        return gpu.prefill(q, k, v, layout, offset, scale, impl)
    if layout.pattern.content is not None:
        raise UnsupportedPatternError(
            f"The pattern “{layout.pattern.name}” follows from the content and has no mask: choose “cpu”."
        )
    head = torch.arange(q.shape[0])[:, None, None]
    allowed = layout.allows(torch.arange(offset, total)[:, None], torch.arange(total)[None, :], head)
    return reference.attention(q, k, v, allowed, scale)[0].transpose(0, 1)


def global_attention(
    q: Tensor,
    parts: Sequence[tuple[Tensor, Tensor]],
    *,
    scale: float | None = None,
    impl: Impl,
    probabilities: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Exact causal attention of the last L positions over everything before them.

    q [Hq, L, D]; `parts`: (k, v) pairs [Hkv, n_i, D] in order, the last one ending with the queries' own L keys.
    Returns [L, Hq, D], and [Hq, L, sum n_i] where `probabilities` are asked for. Raises ValueError as above.
    """
    for k, v in parts:
        _check(q, k, v)
    length, total = q.shape[1], sum(k.shape[1] for k, _ in parts)
    if not parts or parts[-1][0].shape[1] < length:
        raise ValueError("the last part must hold the keys of the queries themselves")
    scale = q.shape[2] ** -0.5 if scale is None else scale
    if impl is Impl.CPU:
        _need_cpu(q)
        return cpu.global_rows(q, parts, scale, probabilities)
    if impl.device == "cuda":
        gpu.check(q, parts[0][0], impl)
        return gpu.global_rows(q, parts, scale, probabilities)
    k = torch.cat([part[0] for part in parts], 1)
    v = torch.cat([part[1] for part in parts], 1)
    allowed = torch.arange(total)[None, :] <= torch.arange(total - length, total)[:, None]
    out, weights = reference.attention(q, k, v, allowed, scale)
    return out.transpose(0, 1), weights if probabilities else None


def _check(q: Tensor, k: Tensor, v: Tensor) -> None:
    if q.dim() != 3 or k.dim() != 3 or k.shape != v.shape:
        raise ValueError(f"expected q [Hq, L, D] and k, v [Hkv, N, D]; got {q.shape}, {k.shape}, {v.shape}")
    if q.shape[2] != k.shape[2] or q.shape[0] % k.shape[0]:
        raise ValueError(f"{q.shape[0]} query heads of width {q.shape[2]} do not fit keys {tuple(k.shape)}")
    if not q.dtype == k.dtype == v.dtype:
        raise ValueError(f"one dtype is needed; got {q.dtype}, {k.dtype}, {v.dtype}")


def _need_cpu(q: Tensor) -> None:
    if q.device.type != "cpu":
        raise ValueError(f"impl “cpu” computes on the CPU; the tensors are on {q.device}")
