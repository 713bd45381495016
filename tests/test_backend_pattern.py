"""Pattern: who sees whom, written out once more by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_backend.config import EngineOptions, Impl, UnsupportedPatternError, parse_impl
from sparse_backend.pattern import Pattern
from sparse_backend.presets import LEVELS, PATTERNS, SINK, TRAINED, Schedule, preset
from sparse_backend.train import packing


@given(
    n=st.integers(1, 40),
    window=st.one_of(st.none(), st.integers(1, 50)),
    sink=st.integers(0, 50),
    anchored=st.booleans(),
    data=st.data(),
)
def test_allows_is_the_sentence_of_its_docstring(
    n: int, window: int | None, sink: int, anchored: bool, data: st.DataObject
) -> None:
    anchors = data.draw(st.sets(st.integers(0, n - 1)))
    pattern = Pattern("p", window, sink, anchored)
    flags = torch.zeros(n, dtype=torch.bool)
    flags[pattern.global_tokens(torch.tensor(sorted(anchors), dtype=torch.int64), n)] = True
    position = torch.arange(n)
    allowed = pattern.allows(position[:, None], position[None, :], flags[None, :]).tolist()
    for i in range(n):
        for j in range(n):
            near = window is None or i - j < window or j < sink or (anchored and j in anchors)
            assert allowed[i][j] == (j <= i and near), (i, j)


def test_global_tokens_are_sorted_and_named_once() -> None:
    pattern = Pattern("p", 5, sink=3, anchors=True)
    assert pattern.global_tokens(torch.tensor([9, 1, 9, 4]), 20).tolist() == [0, 1, 2, 4, 9]
    assert pattern.global_tokens(torch.tensor([], dtype=torch.int64), 2).tolist() == [0, 1]


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_preset_can_be_built(name: str, level: str) -> None:
    schedule = preset(name, level)
    if name in ("dense", "headers"):
        windows = (None, None) if name == "dense" else (LEVELS[level].shallow, LEVELS[level].deep)
        assert (schedule.shallow.window, schedule.deep.window) == windows
    if name != "dense":
        assert (schedule.deep.sink, schedule.deep.anchors) == (SINK, True)


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(UnsupportedPatternError, match="headers, dense"):
        preset("longfrmer", "balanced")
    with pytest.raises(UnsupportedPatternError, match="faithful, balanced, fast"):
        preset("headers", "best")
    with pytest.raises(UnsupportedPatternError, match="reference, cpu"):
        parse_impl("gpu")
    assert parse_impl("cpu") is Impl.CPU


@pytest.mark.parametrize("layers, shallow", [(1, 1), (2, 1), (3, 2), (30, 15)])
def test_the_first_half_of_the_layers_is_shallow(layers: int, shallow: int) -> None:
    schedule = preset("headers", "balanced", trained=True)
    assert [schedule.of(layer, layers) is schedule.shallow for layer in range(layers)] == (
        [True] * shallow + [False] * (layers - shallow)
    )


@pytest.mark.parametrize("level, shallow", [("faithful", 18), ("balanced", 16), ("fast", 14)])
def test_a_share_of_the_layers_is_dense(level: str, shallow: int) -> None:
    """The shares that were measured on 24 layers: docs/quality.md."""
    schedule = preset("headers", level)
    windows = [schedule.of(layer, 24).window for layer in range(24)]
    assert windows == [None] * shallow + [1024] * (24 - shallow)
    assert schedule.fingerprint != Schedule(schedule.shallow, schedule.deep).fingerprint


def test_the_reader_reads_as_it_was_trained() -> None:
    """The levels of other models may change; this follows the training alone."""
    trained = preset("headers", "balanced", trained=True)
    assert (trained.shallow.window, trained.deep.window) == packing.WINDOWS and trained.share == (1, 2)
    assert trained.fingerprint == ("headers:window=1024:sink=64:anchors=1|headers:window=256:sink=64:anchors=1"), (
        "segments on disk are found by it"
    )
    assert preset("headers", "faithful", trained=True) == preset("headers", "faithful")
    assert preset("longformer", "fast", trained=True) == preset("longformer", "fast")


def test_fingerprints_differ_wherever_keys_and_values_would() -> None:
    patterns = [
        Pattern("a", 5),
        Pattern("a", 6),
        Pattern("a", None),
        Pattern("a", 5, sink=1),
        Pattern("a", 5, anchors=True),
        Pattern("b", 5),
    ]
    assert len({pattern.fingerprint for pattern in patterns}) == len(patterns)
    schedules = {preset("headers", level, trained=of).fingerprint for level in LEVELS for of in (False, True)}
    assert len(schedules) == len(LEVELS) + len(TRAINED)


def test_impossible_options_are_refused(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(ValueError, match="window"):
        Pattern("p", 0)
    with pytest.raises(ValueError, match="sink"):
        Pattern("p", 4, sink=-1)
    with pytest.raises(ValueError, match="chunk"):
        EngineOptions(Path("x"), chunk=0)
    with pytest.raises(ValueError, match="live_tails"):
        EngineOptions(Path("x"), live_tails=0)
    with pytest.raises(ValueError, match="resident_segments"):
        EngineOptions(Path("x"), resident_segments=0)
