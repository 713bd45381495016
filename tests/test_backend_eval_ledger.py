"""A run's ledger: continued under the same settings, refused under others, torn lines and half cells done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_backend.eval.case import EvalError
from sparse_backend.eval.ledger import Ledger

IDENTITY = {"model": "m", "lengths": (1, 2)}


def test_the_same_settings_continue_the_same_run(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, IDENTITY, {})
    ledger.append("a", [{"score": 1.0}, {"score": 0.0}])
    again = Ledger.open(tmp_path, IDENTITY, {"threads": 2})
    assert again.folder == ledger.folder
    assert again.finished("a") and not again.finished("b")
    assert [row["score"] for row in again.rows] == [1.0, 0.0]


def test_other_settings_are_another_run(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path, IDENTITY, {})
    other = Ledger.open(tmp_path, IDENTITY | {"model": "n"}, {})
    assert first.folder != other.folder


def test_a_named_run_of_other_settings_is_refused(tmp_path: Path) -> None:
    Ledger.open(tmp_path, IDENTITY, {}, "mine")
    with pytest.raises(EvalError, match="made with another model;"):
        Ledger.open(tmp_path, IDENTITY | {"model": "n"}, {}, "mine")


def test_a_torn_line_and_a_half_cell_are_dropped_from_memory_and_disk(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, IDENTITY, {})
    ledger.append("whole", [{"score": 1.0}])
    ledger.append("half", [{"score": 1.0}, {"score": 1.0}])
    file = ledger.folder / "rows.jsonl"
    file.write_text(file.read_text()[:-9])
    again = Ledger.open(tmp_path, IDENTITY, {})
    assert again.finished("whole") and not again.finished("half")
    assert len(file.read_text().splitlines()) == 1
    again.append("half", [{"score": 0.0}, {"score": 0.5}])
    assert [row["score"] for row in Ledger.open(tmp_path, IDENTITY, {}).rows] == [1.0, 0.0, 0.5]
