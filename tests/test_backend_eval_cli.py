"""The command line on a tiny model: files written, last line one JSON object, resuming, refusals in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparse_backend.eval.cli import main
from sparse_backend.eval.own import load_case, load_questions
from sparse_backend.eval.settings import ablation
from tests import tiny
from tests.fakes import model_folder


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with tiny.one_thread():
        yield


def run(tmp_path: Path, *arguments: str) -> int:
    return main([*arguments, "--model", model_folder(), "--dtype", "float32", "--out", str(tmp_path / "out"),
                 "--data-dir", str(tmp_path / "data"), "--run", "r"])  # fmt: skip


SMALL = ("--lengths", "900", "--samples", "1", "--depths", "0.5")


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_suite_is_measured_reported_and_not_done_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "needle", "--level", "fast", *SMALL) == 0
    printed = capsys.readouterr().out
    found = json.loads(printed.splitlines()[-1])
    assert list(found["settings"]) == ["dense", "fast"]
    assert found["settings"]["fast"]["worst_suite"]["name"] == "needle"
    assert "fast: worst suite needle" in printed and "worst depth" in printed
    folder = tmp_path / "out" / "r"
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert {row["setting"] for row in rows} == {"dense", "fast"} and len(rows) == found["rows"] == 4
    assert "# Evaluation" in (folder / "report.md").read_text()
    assert (folder / "heatmap-1.svg").exists()
    before = (folder / "rows.jsonl").read_bytes()
    assert run(tmp_path, "needle", "--level", "fast", *SMALL) == 0
    assert (folder / "rows.jsonl").read_bytes() == before
    assert last(capsys)["settings"] == found["settings"]


def test_faithfulness_compares_distributions_and_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "faithfulness", "needle", "--settings", "window 256", *SMALL) == 0
    figures = last(capsys)["settings"]["window 256"]
    assert figures["n"] == 2 and 0 <= figures["same_answer"] <= 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "r" / "rows.jsonl").read_text().splitlines()]
    assert all(row["kl"] > 0 and 0 < row["delta_p"] < 1 for row in rows)
    assert len(rows[0]["mass"]) == 2 and len(rows[0]["mass"][0]) == 4 and "mass" not in rows[1]
    assert rows[0]["value_drift"][0] < 1e-4 < rows[0]["value_drift"][2]
    text = (tmp_path / "out" / "r" / "faithfulness.md").read_text()
    assert "## By layer: window 256 (1 texts)" in text
    assert "| 2 | – | – | – |" in text  # the last layer's output is never computed


def test_evidence_finds_heads_and_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--lengths", "900", "--samples", "2", "--depths", "0.5", "--settings", "fast")
    assert run(tmp_path, "evidence", "needle", *flags) == 0
    found = last(capsys)["settings"]
    assert set(found) == {"fast"}
    heads = json.loads((tmp_path / "out" / "r" / "heads.json").read_text())["settings"]["fast"]
    assert heads == found["fast"]["heads"] and all(0 <= layer < 3 and 0 <= head < 4 for layer, head in heads)
    assert found["fast"]["n"] == found["fast"]["calibrated_on"] == 2
    assert found["fast"]["question_heads"] and 0 <= found["fast"]["question_precision_at_1"] <= 1
    assert found["fast"]["question_precision_at_1"] <= found["fast"]["question_proof_in_3"]


def test_a_text_of_ones_own_with_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.md").write_text("# Lease\n\nThe rent is 500 euros.\n")
    (tmp_path / "q.json").write_text(
        json.dumps([{"question": "What is the rent?", "answers": ["500"], "quote": "rent is 500"}])
    )
    document = ("--document", str(tmp_path / "mine.md"), "--questions", str(tmp_path / "q.json"))
    assert run(tmp_path, *document, "--level", "fast") == 0
    assert last(capsys)["settings"]["dense"]["n"] == 1
    case = load_case(tmp_path / "mine.md", load_questions(tmp_path / "q.json"))
    assert case.text[case.headers[0].start : case.headers[0].end] == "# Lease"
    (place,) = case.questions[0].places
    assert case.text[place.start : place.end] == "rent is 500"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("niddle",), "There is no suite “niddle”"),
        (("needle", "--level", "superb"), "There is no level “superb”"),
        (("needle", "--settings", "window 7"), "There is no setting “window 7”"),
        (("needle", "--document", "x.md"), "give both --document and --questions"),
        (("--document", "x.pdf", "--questions", "{q}"), "run python app.py eval"),
        (("--document", "x.md", "--questions", "{bad}"), "is no regular expression"),
        (("needle", "--pattern", "bigbird", "--lengths", "2000"), "No setting reads 2,000 tokens"),
        (("needle", "--lengths", "50"), "leave no room for a document"),
        (("needle", "--depths", "2"), "--depths lie between 0"),
        (("evidence", "needle", "--lengths", "900", "--samples", "1"), "needs --samples 2"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "q.json").write_text(json.dumps([{"question": "?", "answers": ["x"]}]))
    (tmp_path / "bad.json").write_text(json.dumps([{"question": "?", "answers": ["("]}]))
    files = {"{q}": str(tmp_path / "q.json"), "{bad}": str(tmp_path / "bad.json")}
    assert run(tmp_path, *(files.get(one, one) for one in arguments)) == 2
    errors = capsys.readouterr().err.splitlines()
    assert errors[-1].startswith("eval: ") and said in errors[-1]


@pytest.mark.parametrize(
    "content", ["{}", "[]", "[1]", '[{"question": "?"}]', '[{"question": "?", "answers": "x"}]', "nonsense"]
)
def test_broken_question_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    (tmp_path / "q.json").write_text(content)
    assert run(tmp_path, "--document", "x.md", "--questions", str(tmp_path / "q.json")) == 2
    assert "q.json" in capsys.readouterr().err


def test_the_list_of_repairs_has_distinct_names_and_readings() -> None:
    settings = ablation()
    assert len({setting.name for setting in settings}) == len({setting.fingerprint for setting in settings})
    assert settings[0].name == "dense"


@pytest.mark.real
def test_the_shared_questions_can_be_loaded(real: Path) -> None:
    questions = load_questions(real / "eton.questions.json")
    assert len(questions) == 30
    assert all(question.quotes and question.pages for question in questions if question.kind != "absent")
