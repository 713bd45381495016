"""Budgets of windows for heads: shared out by what they buy, at the level's cost, and read as said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparse_backend import Decoder, Impl
from sparse_backend.eval.budgets import WINDOWS, allocate, budget_setting, cost, reach, spent
from sparse_backend.eval.case import EvalError
from sparse_backend.eval.forward import read_repaired
from sparse_backend.eval.grid import Examiner
from sparse_backend.eval.runner import EngineBackend
from sparse_backend.eval.settings import Setting, level_setting, windows
from tests import fakes, tiny
from tests.eval_backend import chat


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with tiny.one_thread():
        yield


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return fakes.decoder()


def test_the_next_window_goes_where_a_token_buys_most() -> None:
    kept = torch.zeros(3, 2, len(WINDOWS))
    kept[0, 0] = torch.tensor([0.2, 0.3, 0.4, 0.9, 0.95, 1.0])  # far
    kept[0, 1] = torch.tensor([0.99, 0.99, 0.99, 0.99, 1.0, 1.0])  # near
    kept[1, 0] = torch.tensor([0.2, 0.2, 0.2, 0.2, 0.9, 0.9])  # a step that buys nothing hides one that does
    kept[2] = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])  # the last layer's output is never needed
    found = allocate(kept, 64 * 6 + 448 + 960)
    assert found == ((512, 64), (1024, 64), (64, 64))
    assert spent(found) == 64 * 6 + 448 + 960
    with pytest.raises(EvalError, match="less than 64 for each of 6 heads"):
        allocate(kept, 100)


def test_the_cost_is_that_of_the_level() -> None:
    assert cost(level_setting("headers", "balanced", trained=True).schedule, 30, 3) == 15 * 3 * (1024 + 256)
    with pytest.raises(EvalError, match="reads layers densely"):
        cost(level_setting("headers", "faithful").schedule, 30, 3)


def test_equal_budgets_read_as_one_window_does(decoder: Decoder) -> None:
    ids = [index * 7 % 200 for index in range(300)]
    plain = windows(64, 64)
    rows = ((64, 64),) * decoder.shape.layers
    same = read_repaired(decoder, ids, [0, 90, 91], Setting("b", plain, budgets=rows), Impl.CPU)
    base = read_repaired(decoder, ids, [0, 90, 91], Setting("p", plain, correction=0), Impl.CPU)
    assert torch.allclose(same.keys, base.keys, atol=1e-5) and torch.allclose(same.values, base.values, atol=1e-5)
    wide = read_repaired(decoder, ids, [0, 90, 91], Setting("w", plain, budgets=((512, 64), *rows[1:])), Impl.CPU)
    assert not torch.allclose(wide.keys[1], base.keys[1], atol=1e-3)


def test_found_once_for_a_model_and_kept(decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    examiner = Examiner(EngineBackend(decoder, tmp_path / "segments", Impl.CPU), chat())
    kept = reach(decoder, Impl.CPU, examiner, 900)
    assert kept.shape == (3, decoder.shape.kv_heads, len(WINDOWS))
    assert bool((kept[:-1].diff(dim=-1) >= -1e-6).all()) and bool((kept > 0).all() and (kept <= 1 + 1e-6).all())
    level = Setting("small", windows(128, 64))
    found = budget_setting(level, decoder, Impl.CPU, examiner, 900, tmp_path)
    total = cost(level.schedule, 3, decoder.shape.kv_heads)
    assert found.repaired and spent(found.budgets) <= total
    assert list(json.loads((tmp_path / "budgets" / f"{decoder.fingerprint}.json").read_text())) == ["900"]
    monkeypatch.setattr("sparse_backend.eval.budgets.reach", None)  # measured once
    assert budget_setting(level, decoder, Impl.CPU, examiner, 900, tmp_path) == found
