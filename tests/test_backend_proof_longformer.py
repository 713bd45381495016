"""Our bidirectional Pattern gives what transformers' own Longformer self-attention gives, for the same weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LongformerConfig
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from sparse_backend.encoders.padding import split
from sparse_backend.kernels import blocks, reference
from sparse_backend.passes import compile_passes
from sparse_backend.pattern import Pattern
from tests.tiny import one_thread

HEADS, DIM = 3, 8
EXACT = 1e-12  # float64 on both sides


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def float64_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers takes the softmax in float32 whatever the inputs; this lets it stay in float64."""
    real = torch.nn.functional.softmax
    monkeypatch.setattr(torch.nn.functional, "softmax", lambda x, dim, dtype=None: real(x, dim))


def _module(window: int, seed: int) -> Any:
    torch.manual_seed(seed)
    config = LongformerConfig(hidden_size=HEADS * DIM, num_attention_heads=HEADS, attention_window=[2 * window])
    module = LongformerSelfAttention(config, 0).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)
    return module


def _theirs(module: Any, hidden: Tensor, globals_: Tensor, real: int) -> Tensor:
    mask = torch.zeros(1, len(hidden), dtype=hidden.dtype)
    mask[0, globals_] = 10000.0
    mask[0, real:] = -10000.0
    with torch.no_grad():
        out = module(hidden[None], mask, mask < 0, mask > 0, bool((mask > 0).any()))[0]
    return out[0, :real]  # type: ignore[no-any-return]


def _ours(module: Any, hidden: Tensor, pattern: Pattern, globals_: Tensor, by_blocks: bool) -> Tensor:
    """The pattern under the local projections, and under the global ones for the rows of global tokens."""
    outs = []
    for names in (("query", "key", "value"), ("query_global", "key_global", "value_global")):
        with torch.no_grad():
            q, k, v = (split(getattr(module, name)(hidden), HEADS) for name in names)
        outs.append(_attention(q, k, v, pattern, globals_, by_blocks).flatten(1))
    out = outs[0].clone()
    out[globals_] = outs[1][globals_]
    return out


def _attention(q: Tensor, k: Tensor, v: Tensor, pattern: Pattern, globals_: Tensor, by_blocks: bool) -> Tensor:
    n = q.shape[1]
    if by_blocks:
        return blocks.attend(q, k, v, compile_passes(pattern, globals_, n, HEADS, 8), DIM**-0.5)[0]
    index = torch.arange(n)
    is_global = torch.isin(index, globals_)
    allowed = pattern.allows(index[:, None], index, is_global, from_global=is_global[:, None])
    return reference.attention(q, k, v, allowed, DIM**-0.5)[0].transpose(0, 1)


CASES = [  # window on each side, tokens, real tokens, global tokens
    (4, 64, 64, [0]),
    (4, 64, 53, [0, 1, 2, 17, 40]),
    (3, 78, 71, [5, 33, 70]),
    (8, 48, 48, []),
    (2, 40, 1, [0]),
    (16, 96, 67, list(range(0, 60, 7))),
]


@pytest.mark.parametrize("by_blocks", [True, False], ids=["blocks", "reference"])
@pytest.mark.parametrize(("window", "n", "real", "globals_"), CASES)
@pytest.mark.usefixtures("float64_softmax")
def test_same_output(window: int, n: int, real: int, globals_: list[int], by_blocks: bool) -> None:
    module = _module(window, seed=n + real)
    hidden = torch.randn(n, HEADS * DIM, dtype=torch.float64)
    chosen = torch.tensor(globals_, dtype=torch.int64)
    pattern = Pattern("longformer", window + 1, anchors=True, causal=False)
    theirs = _theirs(module, hidden, chosen, real)
    ours = _ours(module, hidden[:real], pattern, chosen, by_blocks)
    assert float((ours - theirs).abs().max()) < EXACT


def test_same_output_with_their_float32_softmax() -> None:
    """Unaltered, transformers rounds each probability to float32: an error of at most eps32 times the values' size."""
    module = _module(4, seed=1)
    hidden = torch.randn(64, HEADS * DIM, dtype=torch.float64)
    globals_ = torch.tensor([0, 9])
    pattern = Pattern("longformer", 5, anchors=True, causal=False)
    difference = (_theirs(module, hidden, globals_, 64) - _ours(module, hidden, pattern, globals_, True)).abs().max()
    with torch.no_grad():
        largest = max(float(project(hidden).abs().max()) for project in (module.value, module.value_global))
        scores = float((module.query_global(hidden) @ module.key_global(hidden).T).abs().max())
    assert float(difference) < 4 * torch.finfo(torch.float32).eps * largest * max(1.0, scores)


@pytest.mark.parametrize("change", [{"window": 4}, {"window": 6}, {"anchors": False}])
@pytest.mark.usefixtures("float64_softmax")
def test_another_pattern_differs(change: dict[str, Any]) -> None:
    module = _module(4, seed=2)
    hidden = torch.randn(64, HEADS * DIM, dtype=torch.float64)
    globals_ = torch.tensor([0, 9])
    pattern = Pattern(**{"name": "other", "window": 5, "anchors": True, "causal": False, **change})
    difference = _theirs(module, hidden, globals_, 64) - _ours(module, hidden, pattern, globals_, True)
    assert float(difference.abs().max()) > 1e-3
