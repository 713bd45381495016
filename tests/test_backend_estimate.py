"""The cost told before reading: memory to the byte, time from the machine's own speed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sparse_backend import BackendError
from sparse_backend import estimate as module
from sparse_backend.estimate import estimate
from sparse_backend.pattern import Pattern
from tests.tiny import LIMIT, llama, load, save


def test_memory_is_what_the_engine_will_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(save(tmp_path / "model", llama()))
    decoder = load(tmp_path / "model")
    monkeypatch.setattr(module, "matmul_rate", lambda *_: 1e9)
    told = estimate(folder, 1000, 10, pattern="headers", level="fast", dtype=torch.float32)
    assert told.bytes == decoder.shape.bytes(1000) and told.limit == decoder.limit
    dense = estimate(folder, 5000, 10, pattern="dense", level="fast", dtype=torch.float32)
    sparse = estimate(folder, 5000, 10, pattern="headers", level="fast", dtype=torch.float32)
    assert 0 < sparse.seconds < dense.seconds


def test_a_text_beyond_the_trained_range_costs_what_its_windows_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No layer reads it densely, as the engine does it: twice the text takes twice as long, not four times."""
    folder = str(save(tmp_path / "model", llama()))
    monkeypatch.setattr(module, "matmul_rate", lambda *_: 1e9)
    one, two = (
        estimate(folder, n, 0, pattern="headers", level="faithful", dtype=torch.float32).seconds
        for n in (20 * LIMIT, 40 * LIMIT)
    )
    assert 1.9 < two / one < 2.2


@pytest.mark.parametrize("pattern", [Pattern("headers", 5, 2, anchors=True), Pattern("dense", None)])
def test_pairs_are_those_the_pattern_allows(pattern: Pattern) -> None:
    n, anchors = 200, torch.tensor([50, 51, 120])
    is_global = torch.zeros(n, dtype=torch.bool)
    is_global[pattern.global_tokens(anchors, n)] = True
    place = torch.arange(n)
    exact = int(pattern.allows(place[:, None], place[None], is_global[None]).sum())
    assert abs(module._pairs(pattern, n, len(anchors)) - exact) <= 0.25 * exact


def test_a_model_that_is_not_here_has_no_cost_yet() -> None:
    with pytest.raises(BackendError, match="not on this machine"):
        estimate("someone/some-model", 10, 1, pattern="headers", level="fast", dtype=torch.float32)
