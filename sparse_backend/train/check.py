"""The compiled kernel against the exact rule on a real row, for a sample of queries; and what a step spends time on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from sparse_backend.train.flex import attend_by_flex, attend_by_flex_repeated, masks_of
from sparse_backend.train.packing import Row
from sparse_backend.train.visibility import Visibility


def check_kernel(row: Row, states: Any, *, repeat: bool, sample: int = 200) -> dict[str, Any]:
    """Largest error over `sample` queries and both kinds of layers, in units of the outputs' deviation; RuntimeError
    above a tenth."""
    generator = torch.Generator("cuda").manual_seed(5)

    def draw(heads: int, n: int, size: int) -> torch.Tensor:
        return torch.randn(heads, n, size, generator=generator, device="cuda", dtype=torch.bfloat16)

    size = 128 if row.shape.selected else 64
    q, k, v = draw(9, row.shape.tokens, size), draw(3, row.shape.keys, size), draw(3, row.shape.keys, 64)
    attend = torch.compile(attend_by_flex_repeated if repeat else attend_by_flex, dynamic=False)
    masks = masks_of(row, "cuda", states)
    begin = time.monotonic()
    worst = 0.0
    used = torch.as_tensor(row.doc >= 0).nonzero().flatten()
    chosen = used[torch.randperm(len(used), generator=torch.Generator().manual_seed(1))[:sample]].cuda()
    keys = torch.arange(row.shape.keys, device="cuda")[None]
    zero = torch.zeros((), dtype=torch.int32, device="cuda")
    for kind in (0, 1):
        out = attend(q, k, v, masks[kind], 64**-0.5)
        allowed = Visibility.of(row, kind, "cuda").rule()(zero, zero, chosen[:, None], keys)
        scores = torch.einsum("hqd,hkd->hqk", q[:, chosen].float(), k.float().repeat_interleave(3, 0)) * 64**-0.5
        weights = scores.masked_fill(~allowed, float("-inf")).softmax(-1)
        wanted = torch.einsum("hqk,hkd->hqd", weights, v.float().repeat_interleave(3, 0))
        worst = max(worst, float((out[:, chosen].float() - wanted).abs().max() / wanted.std()))
    if not worst < 0.1:
        raise RuntimeError(f"the kernel differs from the rule by {worst:.3f} deviations")
    return {
        "kernel_error": round(worst, 4),
        "far": bool(row.shape.selected),
        "check_s": round(time.monotonic() - begin, 1),
    }


def costliest(step: Callable[[], Any], most: int = 16) -> list[tuple[str, float]]:
    """The kernels of one step that take longest on the GPU, as (name, milliseconds in all)."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as watched:
        step()
        torch.cuda.synchronize()
    totals = [(one.key, one.self_device_time_total / 1000) for one in watched.key_averages()]
    return sorted(totals, key=lambda pair: pair[1], reverse=True)[:most]
