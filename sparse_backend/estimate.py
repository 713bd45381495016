"""What reading a document will cost, told before a model is loaded: memory exactly, time from a probe of this machine.

Time = (floating point operations of the linear layers + ATTENTION_COST x those of attention) / measured matmul rate.
ATTENTION_COST was fitted to readings of 2K to 8K tokens (docs/log.md): masks, softmax and copies are slower.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import AutoConfig

from sparse_backend.config import ModelNotFoundError
from sparse_backend.crossover import narrowed, reading
from sparse_backend.model import reads_under_headers, trained_range, windows_of
from sparse_backend.pattern import Pattern
from sparse_backend.presets import preset
from sparse_backend.segment import KVShape

ATTENTION_COST = 3.2
PROBES = 12


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` to read, `bytes` of memory for keys and values; `limit`: tokens the model was trained to hold."""

    seconds: float
    bytes: int
    limit: int


def estimate(
    folder: str,
    tokens: int,
    anchors: int,
    *,
    pattern: str,
    level: str,
    dtype: torch.dtype,
    rate: float | None = None,
) -> Estimate:
    """The cost of one reading by the model in a local `folder`; ModelNotFoundError where it is not on this machine.

    `rate`: what an earlier probe gave, in floating point operations a second; without it this CPU is probed now.
    """
    files = sorted(Path(folder).glob("*.safetensors")) if Path(folder).is_dir() else []
    if not files:
        raise ModelNotFoundError(f"The weights of “{folder}” are not on this machine, so its cost is not known yet.")
    config = AutoConfig.from_pretrained(folder).get_text_config()
    heads = config.num_attention_heads
    shape = KVShape(
        layers=config.num_hidden_layers,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        dtype=dtype,
    )
    limit = trained_range(config)
    schedule = reading(preset(pattern, level, trained=reads_under_headers(config)), tokens, limit, "cpu")
    patterns = (narrowed(schedule.of(layer, shape.layers), own) for layer, own in enumerate(windows_of(config)))
    pairs = sum(_pairs(one, tokens, anchors) for one in patterns)
    linear = 2 * _linear_weights(files) * tokens
    attention = 4 * heads * shape.head_dim * pairs
    seconds = (linear + ATTENTION_COST * attention) / (rate or matmul_rate(dtype, config.hidden_size))
    return Estimate(seconds, shape.bytes(tokens), limit)


def matmul_rate(dtype: torch.dtype, width: int = 576, rows: int = 2048, device: str = "cpu") -> float:
    """What a device gives for matmuls [rows, width] x [width, 3 width], in floating point operations a second."""
    a, b = torch.randn(rows, width).to(device, dtype), torch.randn(width, 3 * width).to(device, dtype)
    best = math.inf
    for _ in range(PROBES):
        start = time.perf_counter()
        torch.mm(a, b)
        if a.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * rows * width * 3 * width / best


def _pairs(pattern: Pattern, tokens: int, anchors: int) -> int:
    """Query-key pairs of one layer."""
    if pattern.window is None or pattern.window >= tokens:
        return tokens * (tokens + 1) // 2
    near = tokens * pattern.window - pattern.window * (pattern.window - 1) // 2
    seen = pattern.sink + (anchors if pattern.anchors else 0)
    return near + (tokens - pattern.window) * seen // 2


def _linear_weights(files: list[Path]) -> int:
    """Weights a token is multiplied with: all matrices but the embeddings, which are looked up."""
    total = 0
    for file in files:
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # not a dict
                shape = tensors.get_slice(name).get_shape()
                if len(shape) == 2 and "embed" not in name and "lm_head" not in name:
                    total += shape[0] * shape[1]
    return total
