"""The benchmark runs and ends with one JSON object; what it measures is not asserted."""

import json
import sys

import pytest

from storage import bench


def test_the_last_line_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "SIZES", (10,))
    monkeypatch.setattr(bench, "_fsync_ms", lambda _: 0.0)
    monkeypatch.setattr(sys, "argv", ["bench", "--quick", "--postgres", "none"])
    bench.main()
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["conditions"]["quick"] is True
    results = found["results"]["sqlite"]
    assert results["messages 10"].keys() >= {"append_p50_ms", "append_p99_ms", "load_p50_ms", "load_p99_ms"}
    assert (results["crash"]["lost"], results["crash"]["twice"], results["crash"]["problems"]) == (0, 0, 0)
    assert results["32 writers, 500 conversations"]["reordered"] == 0
