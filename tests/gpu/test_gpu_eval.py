"""The harness' own passes on the GPU against the same ones on the CPU: repairs, probes, distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl
from sparse_backend.eval import budgets, forward
from sparse_backend.eval.bands import parse_bands
from sparse_backend.eval.settings import Setting, windows
from sparse_backend.layout import compile_layout
from sparse_backend.model import Decoder
from sparse_backend.pattern import Pattern
from tests.tiny import engine, llama, load, save, tokens

pytestmark = pytest.mark.gpu
N = 700
ANCHORS = (0, 20, 41, 66, 130, 400)
NARROW = windows(64, 32)
SETTINGS = [
    Setting("plain", NARROW, always=True),
    Setting("last", NARROW, last_rows=100),
    Setting("delta", NARROW, correction=16),
    Setting("means", NARROW, means=True),
    Setting("budgets", NARROW, budgets=((32, 64, 64), (64, 32, 128), (64, 64, 64))),
    parse_bands("1xdense+1x32/delta64"),
]


@pytest.fixture(scope="module")
def decoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Decoder, Decoder]:
    """The same weights on the GPU in bf16 and on the CPU in float32."""
    sizes: dict[str, Any] = {
        "num_hidden_layers": 3,
        "hidden_size": 192,
        "head_dim": 32,
        "num_attention_heads": 6,
        "max_position_embeddings": 2048,
    }
    folder = save(tmp_path_factory.mktemp("model"), llama(**sizes, num_key_value_heads=3, initializer_range=0.1))
    ours = engine(load(folder, torch.bfloat16), tmp_path_factory.mktemp("gpu"), impl=Impl.TRITON).decoder
    return ours, load(folder, torch.float32)


def off(mine: torch.Tensor, exact: torch.Tensor) -> float:
    """Relative distance."""
    return float((mine.cpu().double() - exact.double()).norm() / exact.double().norm())


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda one: one.name)
def test_repairs_read_as_on_the_cpu(decoders: tuple[Decoder, Decoder], setting: Setting) -> None:
    """As near to float32 as plain sparse reading in bf16, and nearer than another repair would be."""
    found = forward.read_repaired(decoders[0], tokens(N), ANCHORS, setting, Impl.TRITON)
    exact = forward.read_repaired(decoders[1], tokens(N), ANCHORS, setting, Impl.CPU)
    assert found.keys.device.type == "cuda"
    assert max(off(found.keys, exact.keys), off(found.values, exact.values)) < 0.03


def test_means_and_corrections_are_the_same_sums_on_both_devices() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, N, 32) for heads in (6, 3, 3))
    layout = compile_layout(Pattern("w", 96, 8, anchors=True), torch.tensor(ANCHORS), N)
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for device, dtype, impl in (("cuda", torch.bfloat16, Impl.TRITON), ("cpu", torch.float32, Impl.CPU)):
        a, b, c = (x.to(torch.bfloat16).to(device, dtype) for x in (q, k, v))
        bound = layout.on(device)
        sparse = sparse_attention(a, b, c, bound, impl=impl)
        found.append((forward.with_means(a, b, c, bound, 0, None), forward.corrected(sparse, a, b, c, 0, None, 16)))
    for mine, exact in zip(*found, strict=True):
        assert off(mine, exact) < 1e-2


def test_probes_measure_the_same_mass_and_error(decoders: tuple[Decoder, Decoder]) -> None:
    ours, exact = (
        forward.probe_layers(decoder, tokens(N), ANCHORS, NARROW, impl)
        for decoder, impl in zip(decoders, (Impl.TRITON, Impl.CPU), strict=True)
    )
    assert float((ours.mass[:-1] - exact.mass[:-1]).abs().max()) < 0.02
    assert float((ours.error[:-1] - exact.error[:-1]).abs().max()) < 0.02


def test_distances_are_told_where_the_model_computes(decoders: tuple[Decoder, Decoder]) -> None:
    setting = Setting("plain", NARROW, always=True)
    found = []
    for decoder, impl in zip(decoders, (Impl.TRITON, Impl.CPU), strict=True):
        segment = forward.read_repaired(decoder, tokens(N), ANCHORS, setting, impl)
        found.append(forward.distributions(decoder, segment, tokens(9, 5), tokens(4, 6), impl).cpu())
    assert float((found[0].exp() - found[1].exp()).abs().max()) < 0.05
    assert budgets.WINDOWS[0] == 64
