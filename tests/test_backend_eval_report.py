"""Reports: means by task, the worst task and depth always named, ratios to dense on the same cells, pictures."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from sparse_backend.eval.heatmap import draw
from sparse_backend.eval.report import bucket, markdown, settings_table, summarise


def row(setting: str, suite: str, score: float, **more: Any) -> dict[str, Any]:
    base = {"setting": setting, "suite": suite, "score": score, "tokens": 4096, "asked_depth": 0.5, "sample": 0}
    return base | {"question": 1, "at": 0.5, "kind": "lookup", "read_s": 2.0} | more


ROWS = [
    row("dense", "needle", 1.0),
    row("dense", "needle", 1.0, question=2, at=0.9),
    row("dense", "qa", 0.5),
    row("dense", "words", 1.0, at=None),
    row("fast", "needle", 1.0, read_s=1.0),
    row("fast", "needle", 0.0, question=2, at=0.9, read_s=1.0),
    row("fast", "qa", 0.5, read_s=1.0),
    row("fast", "words", 0.25, at=None, read_s=1.0),
]


def test_the_mean_counts_every_task_alike_and_the_worst_are_named() -> None:
    dense, fast = summarise(ROWS)
    assert dense.mean == pytest.approx((1 + 0.5 + 1) / 3)
    assert fast.mean == pytest.approx((0.5 + 0.5 + 0.25) / 3)
    assert (fast.worst_suite.name, fast.worst_suite.score, fast.worst_suite.n) == ("words", 0.25, 1)
    assert fast.worst_depth is not None
    assert (fast.worst_depth.name, fast.worst_depth.score) == ("80–100%", 0.0)
    assert fast.first == pytest.approx(1.75 / 3) and fast.later == 0.0
    assert fast.read_s == {4096: 1.0}


def test_ratios_are_to_dense_on_the_cells_that_both_have() -> None:
    _, fast = summarise(ROWS)
    assert fast.ratio == pytest.approx(0.5)
    assert fast.worst_ratio is not None
    assert (fast.worst_ratio.name, fast.worst_ratio.score) == ("words", 0.25)
    _, partial = summarise([*ROWS[:4], ROWS[4]])
    assert partial.ratio == 1.0
    (alone,) = summarise(ROWS[4:])
    assert alone.ratio is None and alone.worst_ratio is None


def test_a_task_that_dense_fails_entirely_has_no_ratio() -> None:
    _, fast = summarise([row("dense", "a", 0.0), row("dense", "b", 1.0), row("fast", "a", 0.0), row("fast", "b", 0.5)])
    assert fast.worst_ratio is not None and fast.worst_ratio.name == "b"


def test_the_printed_table_always_names_worst_task_and_depth() -> None:
    table = settings_table(summarise(ROWS))
    assert "| worst suite |" in table and "| worst depth |" in table
    assert "words 25.0% (n = 1)" in table
    assert "80–100% 0.0% (n = 1)" in table


def test_the_report_holds_conditions_tables_and_pictures() -> None:
    text = markdown(ROWS, {"model": "tiny"}, ["heatmap-0.svg"])
    assert "- model: tiny" in text
    assert "| fast | 50.0% | 50.0% | 25.0% |" in text
    assert "](heatmap-0.svg)" in text
    assert "Nothing was measured" in markdown([], {})


@pytest.mark.parametrize(("at", "name"), [(0.0, "0–20%"), (0.199, "0–20%"), (0.2, "20–40%"), (1.0, "80–100%")])
def test_depth_classes(at: float, name: str) -> None:
    assert bucket(at) == name


def test_heat_maps_are_valid_pictures_with_a_score_in_every_measured_cell() -> None:
    root = ElementTree.fromstring(draw([*ROWS[4:], row("fast", "<odd>", 1.0)], "fast & tiny"))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "fast & tiny" in texts and "<odd>" in texts and "4,096" in texts
    assert texts.count("100") == 2 and texts.count("0") == 1 and texts.count("25") == 1 and texts.count("50") == 1
