"""`eval` on a document: answers, citations and refusals scored through the real bot, beside the rival, resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from assistant import evaluate as module
from assistant.evaluate import EvalCommand, Examination, evaluate, picked
from assistant.scores import markdown, summary
from assistant.service_options import ServiceOptions
from ingest import encode
from sparse_backend import BackendError, Engine, EngineOptions
from sparse_backend.eval.own import OwnQuestion
from sparse_backend.kvstore import StoreOptions
from sparse_backend.model import Decoder
from tests import fakes, tiny

LAW = OwnQuestion("law", "What law governs?", (r"\bDelaware\b",), "lookup", ("laws of the State of Delaware",), (1,))
COURT = OwnQuestion("court", "Which court decides?", (r"\bnot stated\b",), "absent", (), ())


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with tiny.one_thread():
        yield


class FirstChunks:
    """An embedder that finds all texts alike."""

    def parts(self, text: str) -> list[str]:
        """Each text whole."""
        return [text]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Ones."""
        return torch.ones(len(texts), 1)


def examination(folder: Path, monkeypatch: pytest.MonkeyPatch, says: str, looks_at: str = "") -> Examination:
    """An examination whose engines say `says` while they look at the words `looks_at`."""
    source = fakes.document(fakes.CONTRACT, "Nothing of note happened here.\n" * 30)
    exam = Examination(source, fakes.decoder(), fakes.tokenizer(), fakes.PROFILE, folder / "segments", "cpu")
    engine = fakes.ScriptedEngine(folder, says)
    if looks_at:
        encoded = encode(source, fakes.tokenizer())
        start = source.text.index(looks_at)
        shift = fakes.read_document(source, engine).prefix.start
        engine.looks_at = (
            shift + encoded.token_at(start),
            shift + encoded.token_at(start + len(looks_at)),
        )
    monkeypatch.setattr(exam, "_engine", lambda pattern, level: engine)
    return exam


def test_a_right_answer_with_a_citation_on_the_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = examination(tmp_path, monkeypatch, "The laws of the State of Delaware.", "governed by the laws of the State")
    (row,) = exam.ask("headers", "fast", [LAW])
    assert (row["score"], row["citation_right"], row["refused"]) == (1.0, True, False)
    assert row["citations"] >= 1 and row["kind"] == "lookup"


def test_a_citation_elsewhere_is_not_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = examination(tmp_path, monkeypatch, "Delaware, a yearly fee of $120,000 by Acme Robotics.", "a yearly fee of")
    elsewhere = replace(LAW, quotes=("starts on 1 March 2021",))
    (row,) = exam.ask("headers", "fast", [elsewhere])
    assert row["score"] == 1.0 and row["citations"] >= 1 and not row["citation_right"]


def test_a_refusal_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = examination(tmp_path, monkeypatch, "Not stated in this document.")
    law, court = exam.ask("headers", "fast", [LAW, COURT])
    assert (law["score"], law["refused"], court["score"], court["refused"]) == (0.0, True, 1.0, True)
    figures = summary([{"setting": "fast", **row} for row in (law, court)])["fast"]
    assert figures["refused_absent"] == 1.0 and figures["refused_wrongly"] == 1.0 and figures["right"] == 0.5
    assert figures["worst_kind"] == "lookup"


def test_a_refusal_that_shows_where_the_question_leads_shows_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = examination(tmp_path, monkeypatch, "Not stated in this document.", "governed by the laws of the State")
    monkeypatch.setattr(exam._engine("", ""), "question_looks_at", exam._engine("", "").looks_at)  # type: ignore[attr-defined]
    (row,) = exam.ask("headers", "fast", [LAW])
    assert row["refused"] and row["proof_shown"] and not row["citation_right"]
    assert summary([{"setting": "fast", **row}])["fast"]["proof_shown"] == 1.0


def test_the_rival_reads_its_chunks_only_and_cites_the_whole_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = examination(tmp_path, monkeypatch, "The laws of the State of Delaware.")
    (row,) = exam.ask_rival(FirstChunks(), 1, [LAW])
    assert row["score"] == 1.0 and row["context"] < exam.tokens


def test_picked_tokens_keep_their_places_and_gaps_have_none() -> None:
    source = fakes.document(fakes.CONTRACT, titles=("2. Term.",))
    encoded = encode(source, fakes.tokenizer())
    gap = fakes.tokenizer().text("\n\n")
    wanted = [*range(3, 9), *range(encoded.anchors[0], encoded.anchors[0] + 5)]
    some = picked(encoded, wanted, gap)
    assert len(some.token_ids) == len(wanted) + len(gap)
    assert [some.offsets[index] for index in range(6)] == [encoded.offsets[index] for index in range(3, 9)]
    assert some.anchors[0] == 6 + len(gap)
    assert some.offsets[6][0] == some.offsets[6][1] == encoded.offsets[8][1]
    assert list(some.offsets.ends) == sorted(some.offsets.ends)


def options(folder: Path) -> ServiceOptions:
    return ServiceOptions(data_dir=folder / "data", model=fakes.model_folder(), dtype="float32", impl="cpu")


def command(folder: Path, **changes: Any) -> EvalCommand:
    document = fakes.contract(folder, fakes.CONTRACT[:400])
    questions = folder / "questions.json"
    entries = [{"id": "a", "question": "What is the fee?", "answers": ["120"], "quote": 'The "Fee" is the sum'}]
    entries.append({"id": "b", "question": "Who sings?", "answers": ["not stated"], "kind": "absent", "quote": ""})
    questions.write_text(json.dumps(entries))
    values: dict[str, Any] = {
        "paths": [document],
        "questions": questions,
        "levels": ("fast",),
        "out": folder / "out",
        "run": "r",
    }
    return EvalCommand(**(values | changes))


def test_a_run_is_written_down_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(fakes.PROFILE, max_new_tokens=3)
    monkeypatch.setattr(module, "profile_named", lambda *_: short)
    first = evaluate(command(tmp_path), options(tmp_path))
    assert list(first["settings"]) == ["dense", "fast"]
    rows = tmp_path / "out" / "r" / "rows.jsonl"
    before = rows.read_bytes()
    assert len(before.splitlines()) == 4
    more = evaluate(command(tmp_path, rivals=("dense", "retrieval")), options(tmp_path), embedder=FirstChunks())
    assert list(more["settings"]) == ["dense", "fast", "retrieval"]
    assert rows.read_bytes().startswith(before) and len(rows.read_bytes().splitlines()) == 6
    assert "| retrieval (n = 2) |" in (tmp_path / "out" / "r" / "report.md").read_text()


def test_the_weights_asked_for_are_the_weights_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(fakes.PROFILE, max_new_tokens=1)
    monkeypatch.setattr(module, "profile_named", lambda *_: short)
    found = evaluate(command(tmp_path, rivals=()), replace(options(tmp_path), weights="int8"))
    exact = evaluate(command(tmp_path, rivals=(), run="exact"), options(tmp_path))
    assert (found["weights"], exact["weights"]) == ("int8", "exact")
    with pytest.raises(BackendError, match="int3"):
        evaluate(command(tmp_path, rivals=()), replace(options(tmp_path), weights="int3"))


def test_the_form_of_keys_asked_for_is_the_one_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(fakes.PROFILE, max_new_tokens=1)
    monkeypatch.setattr(module, "profile_named", lambda *_: short)
    forms: list[str] = []

    class Noted(Engine):
        def __init__(self, decoder: Decoder, options: EngineOptions, store: StoreOptions | None = None) -> None:
            super().__init__(decoder, options, store)
            forms.append(self.store.options.kv_format.value)

    monkeypatch.setattr(module, "Engine", Noted)
    found = evaluate(command(tmp_path, rivals=()), replace(options(tmp_path), kv="int8"))
    assert found["kv"] == "int8" and set(forms) == {"int8"}
    with pytest.raises(BackendError, match="int3"):
        evaluate(command(tmp_path, rivals=()), replace(options(tmp_path), kv="int3"))


def test_dense_reading_beyond_the_models_range_is_named_and_the_rest_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "profile_named", lambda *_: replace(fakes.PROFILE, max_new_tokens=1))

    class Short(Engine):
        def reads(self, tokens: int) -> bool:
            return self.options.pattern != "dense" and super().reads(tokens)

    monkeypatch.setattr(module, "Engine", Short)
    found = evaluate(command(tmp_path), options(tmp_path))
    assert list(found["settings"]) == ["fast"]
    assert "dense: This needs" in found["not measured"] and found["not measured"] in found["report"]


def test_wrong_levels_are_refused_before_anything_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="There is no level “superb”"):
        evaluate(command(tmp_path, levels=("superb",)), options(tmp_path))
    assert not (tmp_path / "data").exists()


def test_the_report_names_the_worst_kind_and_where_settings_differ() -> None:
    base = {"suite": "document", "context": 10, "read_s": 1.0, "first_token_s": 0.1, "citation_right": True}
    base |= {"refused": False, "citations": 1}
    rows = [
        {**base, "setting": "dense", "id": "a", "kind": "lookup", "score": 1.0},
        {**base, "setting": "dense", "id": "b", "kind": "multi", "score": 0.0},
        {**base, "setting": "fast", "id": "a", "kind": "lookup", "score": 0.0},
        {**base, "setting": "fast", "id": "b", "kind": "multi", "score": 0.0},
    ]
    text = markdown(rows, {"model": "tiny"})
    assert "multi 0.0%" in text
    assert "| a | lookup | right | wrong |" in text and "| b |" not in text
    assert summary(rows)["dense"]["right_and_cited"] == 0.5
    assert summary(rows)["dense"]["citation_right_when_right"] == 1.0
    assert summary(rows)["fast"]["citation_right_when_right"] is None
    assert summary(rows)["dense"]["refused_absent"] is None
