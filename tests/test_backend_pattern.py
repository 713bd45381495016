"""Pattern: who sees whom, written out once more by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_backend.config import EngineOptions, Impl, UnsupportedPatternError, parse_impl
from sparse_backend.pattern import Pattern
from sparse_backend.presets import LEVELS, PATTERNS, SINK, preset


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
        windows = (None, None) if name == "dense" else LEVELS[level]
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
    schedule = preset("headers", "balanced")
    assert [schedule.of(layer, layers) is schedule.shallow for layer in range(layers)] == (
        [True] * shallow + [False] * (layers - shallow)
    )


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
    schedules = {preset(name, level).fingerprint for name in ("headers",) for level in LEVELS}
    assert len(schedules) == len(LEVELS)


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
