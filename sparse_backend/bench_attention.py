"""`bench attention`: one layer's attention, this backend's kernels beside dense attention, on a GPU or on this CPU.

Every kernel is first compared with float64 on the same inputs; a kernel that fails reports no time. Times are medians.
"Useful" work counts the pairs that the pattern allows, 4·Hq·D operations each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as dense_attention

from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl
from sparse_backend.kernels import reference
from sparse_backend.layout import Layout, compile_layout
from sparse_backend.pattern import Pattern

GPU_LENGTHS = (4096, 8192, 32_768, 131_072, 524_288, 1_048_576)
CPU_LENGTHS = (8192, 16_384, 32_768, 65_536)
GPU_SHAPE = (32, 8, 128)  # query heads, key heads, width: a layer of Llama-3.1-8B
CPU_SHAPE = (9, 3, 64)  # a layer of SmolLM2-135M
CPU_HEADERS = 128  # at every length, so that the growth of time with tokens shows
Run = Callable[[], Tensor]


def header_anchors(n: int, spacing: int = 64) -> Tensor:
    """A header each `spacing` tokens, at most 2,048 of them up to 128K tokens and 8,192 above, spread evenly."""
    most = 2048 if n <= 131_072 else 8192
    return torch.arange(0, n, max(spacing, n // most))


def useful_pairs(layout: Layout, n: int) -> int:
    """How many (query, key) pairs the pattern allows."""
    query = torch.arange(n)
    window = layout.pattern.window or n
    behind = torch.searchsorted(layout.globals_, query - window, right=True)
    return int((query + 1).clamp(max=window).sum() + behind.sum())


def inputs(shape: tuple[int, int, int], n: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """q [Hq, n, D], k and v [Hkv, n, D], bf16, normal."""
    make = torch.Generator(device).manual_seed(n)
    return tuple(  # type: ignore[return-value]  # three of them
        torch.randn(heads, n, shape[2], generator=make, device=device, dtype=torch.bfloat16)
        for heads in (shape[0], shape[1], shape[1])
    )


def error(q: Tensor, k: Tensor, v: Tensor, layout: Layout, out: Tensor) -> float:
    """Relative error of `out` [n, Hq, D] on 64 rows against float64; NaN where out has any NaN."""
    n = q.shape[1]
    rows = torch.unique(torch.cat([torch.arange(8), torch.randint(n, (48,)), torch.arange(n - 8, n)]).clamp(0, n - 1))
    allowed = layout.pattern.allows(rows[:, None], torch.arange(n)[None], layout.is_global(0, n)[None]).to(q.device)
    group, worst, scale = q.shape[0] // k.shape[0], 0.0, 0.0
    at = rows.to(q.device)
    for head in range(k.shape[0]):
        queries = q[head * group : (head + 1) * group, at].double()
        keys, values = (x[head : head + 1].double() for x in (k, v))
        exact = reference.attention(queries, keys, values, allowed, q.shape[2] ** -0.5)[0]
        ours = out[at, head * group : (head + 1) * group].transpose(0, 1).double()
        worst, scale = worst + float((ours - exact).square().sum()), scale + float(exact.square().sum())
    return math.sqrt(worst / scale)


def run(device: str, lengths: list[int] | None, window: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    """All rows of the table, and the matmul ceiling of the same run."""
    gpu = device == "cuda"
    torch.manual_seed(0)
    shape = GPU_SHAPE if gpu else CPU_SHAPE
    ceiling = _ceiling(device)
    say(f"bf16 matmul {ceiling:.1f} TFLOP/s")
    rows = []
    for n in lengths or (GPU_LENGTHS if gpu else CPU_LENGTHS):
        rows.append(_row(shape, n, window or (2048 if gpu else 1024), device, ceiling))
        say("  ".join(f"{name} {value}" for name, value in rows[-1].items()))
    name = torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU threads"
    result: dict[str, Any] = {
        "device": name,
        "torch": torch.__version__,
        "shape": shape,
        "matmul_tflops": round(ceiling, 2),
        "attention": rows,
    }
    if not gpu and len(rows) > 1:
        first, last = rows[0], rows[-1]
        growth = math.log(last["cpu_ms"] / first["cpu_ms"]) / math.log(last["tokens"] / first["tokens"])
        result["growth_exponent"] = round(growth, 3)
    return result


def _row(shape: tuple[int, int, int], n: int, window: int, device: str, ceiling: float) -> dict[str, Any]:
    q, k, v = inputs(shape, n, device)
    pattern = Pattern("headers", window, 64, anchors=True)
    anchors = header_anchors(n) if device == "cuda" else torch.arange(0, n, n // CPU_HEADERS)
    layout = compile_layout(pattern, anchors, n)
    useful = 4 * shape[0] * shape[2] * useful_pairs(layout, n)
    row: dict[str, Any] = {"tokens": n, "window": window, "globals": len(layout.globals_)}
    for name, make, times in _peers(q, k, v, layout, device):
        try:
            call = make()
            wrong = error(q, k, v, layout if name in ("cpu", "triton", "flex") else _dense(n), call())
        except (RuntimeError, ValueError) as problem:  # a peer that this machine cannot run is reported, not hidden
            row[f"{name}_ms"] = None
            row[f"{name}_why"] = str(problem).splitlines()[0][:120]
            continue
        row[f"{name}_error"] = float(f"{wrong:.1e}")
        if not wrong < 1e-2:
            row[f"{name}_ms"] = None
            continue
        milliseconds = _median(call, device, times)
        row[f"{name}_ms"] = round(milliseconds, 3)
        if name in ("cpu", "triton", "flex"):
            row[f"{name}_useful_tflops"] = round(useful / milliseconds / 1e9, 2)
            row[f"{name}_of_ceiling"] = round(useful / milliseconds / 1e9 / ceiling, 3)
    return row


def _dense(n: int) -> Layout:
    return compile_layout(Pattern("dense", None), torch.empty(0, dtype=torch.int64), n)


def _peers(q: Tensor, k: Tensor, v: Tensor, layout: Layout, device: str) -> list[tuple[str, Callable[[], Run], int]]:
    """Name, a maker of the call (its preparation is not timed), repetitions."""
    n = q.shape[1]

    def ours(impl: Impl) -> Callable[[], Run]:
        ready = layout.on(device)
        return lambda: lambda: sparse_attention(q, k, v, ready, impl=impl)

    if device == "cpu":
        return [("cpu", ours(Impl.CPU), 3), ("sdpa", lambda: _sdpa(q, k, v, None), 3 if n <= 16_384 else 1)]
    found: list[tuple[str, Callable[[], Run], int]] = [("triton", ours(Impl.TRITON), 20)]
    found.append(("flex", lambda: _flex(q, k, v, layout), 20))
    if n <= 131_072:
        found.append(("cudnn", lambda: _sdpa(q, k, v, "CUDNN_ATTENTION"), 5))
    if n <= 524_288:
        found.append(("flash", lambda: _sdpa(q, k, v, "FLASH_ATTENTION"), 5 if n <= 131_072 else 1))
    return found


def _flex(q: Tensor, k: Tensor, v: Tensor, layout: Layout) -> Run:
    from sparse_backend.kernels import flex

    planned = flex.plan(layout.globals_.to(q.device), layout.pattern.window, q.shape[1], 0)
    return lambda: flex.prefill(q[None], k[None], v[None], planned, q.shape[2] ** -0.5)[0].transpose(0, 1)


def _sdpa(q: Tensor, k: Tensor, v: Tensor, backend: str | None) -> Run:
    def call() -> Tensor:
        out = dense_attention(q[None], k[None], v[None], is_causal=True, enable_gqa=True)
        return out[0].transpose(0, 1)

    if backend is None:
        return call
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def pinned() -> Tensor:
        with sdpa_kernel(getattr(SDPBackend, backend)):
            return call()

    return pinned


def _ceiling(device: str) -> float:
    size = 8192 if device == "cuda" else 2048
    a, b = torch.randn(2, size, size, device=device).bfloat16()
    return 2 * size**3 / _median(lambda: a @ b, device, 20) / 1e9


def _median(call: Callable[[], Any], device: str, times: int) -> float:
    """Milliseconds: the middle of `times` runs after one run to warm up (the check was another one)."""
    call()
    if device == "cuda":
        return _median_on_gpu(call, times)
    taken: list[float] = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begin))
    return sorted(taken)[times // 2]


def _median_on_gpu(call: Callable[[], Any], times: int) -> float:
    """Calls are queued without waiting, as layers of a model are, so that the GPU's time is measured, not Python's."""
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(times)]  # type: ignore[no-untyped-call]
    for start, stop in events:
        start.record()
        call()
        stop.record()
    torch.cuda.synchronize()
    return sorted(float(start.elapsed_time(stop)) for start, stop in events)[times // 2]
