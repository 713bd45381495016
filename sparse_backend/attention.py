"""The one door to attention: checks its arguments, then dispatches to exactly the implementation asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sparse_backend import composed, gpu
from sparse_backend.config import Impl, UnsupportedPatternError
from sparse_backend.extra import PLAIN, Bank, Extra
from sparse_backend.kernels import cpu, reference
from sparse_backend.layout import Layout


def sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    layout: Layout,
    *,
    offset: int = 0,
    base: int = 0,
    scale: float | None = None,
    impl: Impl,
    extra: Extra = PLAIN,
    bank: Bank | None = None,
) -> Tensor:
    """Attention under `layout` for queries at positions [offset, offset + L).

    q [Hq, L, D]; k, v [Hkv, N, D], keys from position `base` on to at least offset + L (later ones are ignored); one
    dtype for all. `scale` defaults to D ** -0.5. With a `bank`, the global tokens outside a query's window are met
    there, at other places than their own; without one, `base` must be 0. Returns [L, Hq, D]. Raises ValueError for
    shapes or dtypes that do not fit together, and UnsupportedPatternError for what `impl` does not compute.
    """
    _check(q, k, v)
    total = offset + q.shape[1]
    if offset < 0 or base + k.shape[1] < total:
        raise ValueError(f"queries end at {total}, but there are {base + k.shape[1]} keys")
    if base and (bank is None or offset - (layout.pattern.window or total) + 1 < base):
        raise ValueError(f"the keys before {base} are needed")
    if bank is not None and bank.queries.shape != q.shape:
        raise ValueError(f"the bank's queries have shape {tuple(bank.queries.shape)}, not {tuple(q.shape)}")
    scale = q.shape[2] ** -0.5 if scale is None else scale
    k, v = k[:, : total - base], v[:, : total - base]
    if not layout.pattern.plain and (bank is not None or extra != PLAIN):
        raise UnsupportedPatternError(
            f"The pattern “{layout.pattern.name}” is not computed with soft caps, sinks or moved positions; choose "
            f"“headers” or “dense”."
        )
    if impl is Impl.CPU:
        _need_cpu(q)
        if not layout.pattern.plain:
            return composed.prefill(q, k, v, layout, offset, scale)
        if bank is not None:
            return cpu.apart(q, k, v, layout, offset, base, scale, extra, bank)
        return cpu.prefill(q, k, v, layout.rows(offset, total), layout.globals_, offset, scale, extra)
    if impl.device == "cuda":
        gpu.check(q, k, impl)
        return gpu.prefill(q, k, v, layout, offset, scale, impl, extra, bank, base)
    if layout.pattern.content is not None:
        raise UnsupportedPatternError(
            f"The pattern “{layout.pattern.name}” follows from the content and has no mask: choose “cpu”."
        )
    head = torch.arange(q.shape[0])[:, None, None]
    allowed = layout.allows(torch.arange(offset, total)[:, None], torch.arange(total)[None, :], head)
    if bank is None:
        return reference.attention(q, k, v, allowed, scale, extra)[0].transpose(0, 1)
    distance = torch.arange(offset, total)[:, None] - torch.arange(base, total)[None, :]
    near = (distance >= 0) & (distance < (layout.pattern.window or total))
    pieces = [(bank.queries, bank.keys, bank.values, layout.far(offset, total, bank.keys.shape[1])), (q, k, v, near)]
    return reference.pieces(pieces, scale, extra)[0].transpose(0, 1)


def global_attention(
    q: Tensor | Sequence[Tensor],
    parts: Sequence[tuple[Tensor, Tensor]],
    *,
    scale: float | None = None,
    impl: Impl,
    probabilities: int = 0,
    window: int | None = None,
    extra: Extra = PLAIN,
) -> tuple[Tensor, Tensor | None]:
    """Exact causal attention of the last L positions over everything before them.

    q [Hq, L, D], or one such tensor for each part, rotated for its keys; `parts`: (k, v) pairs [Hkv, n_i, D] in order,
    the last one ending with the queries' own L keys. `window`: a sliding window of the model's own. Returns
    [L, Hq, D], and [Hq, R, sum n_i] where the `probabilities` of the last R queries are asked for. Raises ValueError
    as above.
    """
    for k, v in parts:
        _check(q if isinstance(q, Tensor) else q[0], k, v)
    queries = [q] * len(parts) if isinstance(q, Tensor) else list(q)
    if not parts or len(queries) != len(parts) or parts[-1][0].shape[1] < queries[-1].shape[1]:
        raise ValueError("the last part must hold the keys of the queries themselves")
    scale = queries[0].shape[2] ** -0.5 if scale is None else scale
    if impl is Impl.CPU:
        _need_cpu(queries[0])
        return cpu.global_rows(queries, parts, scale, probabilities, window, extra)
    if impl.device == "cuda":
        gpu.check(queries[0], parts[0][0], impl)
        return gpu.global_rows(queries, parts, scale, probabilities, window, extra)
    total, length, low, pieces = sum(k.shape[1] for k, _ in parts), queries[0].shape[1], 0, []
    place = torch.arange(total - length, total)[:, None]
    for one, (k, v) in zip(queries, parts, strict=True):
        key = torch.arange(low, low + k.shape[1])[None, :]
        pieces.append((one, k, v, (key <= place) & (place - key < (window or total))))
        low += k.shape[1]
    out, weights = reference.pieces(pieces, scale, extra)
    return out.transpose(0, 1), weights[:, -probabilities:] if probabilities else None


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
