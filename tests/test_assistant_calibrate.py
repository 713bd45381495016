"""Calibration on a tiny model: texts through the real bots, heads and weights kept by fingerprint and used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant import calibrate as module
from assistant.calibrate import SUITES, calibrate, cells, found_in, measure
from assistant.calibration import (
    Calibration,
    calibration_file,
    calibration_of,
    from_json,
    general,
    sentence,
    shipped_calibration,
)
from assistant.citations import Citer
from assistant.errors import AssistantError
from assistant.known_answers import Cell, ask_known
from assistant.passages import passages
from assistant.service_options import ServiceOptions
from assistant.trials import Trial, weigh
from ingest import encode
from sparse_backend import Engine, EngineOptions
from sparse_backend.sampling import Choice
from tests import fakes, tiny
from tests.fakes import tokenizer
from tests.ingest_contract_cases import read_text

TEXT = "1. Fees.\nThe setup fee is 5,000 euros.\nThe yearly fee is 700 euros.\nThe closing fee is 90 euros.\n"
SOURCE = read_text(TEXT)
CITER = Citer(SOURCE, encode(SOURCE, tokenizer()))


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    with tiny.one_thread():
        yield


def trial(seed: int, value: str, *, right: bool, refused: bool = False) -> Trial:
    """An answer about one of the fees. Head 1.1 looks at the proof, head 0.0 always at the first passage, loudly.

    From the words of the question head 0.1 looks at the proof, 1.0 always at the second passage.
    """
    name = {"5,000": "setup", "700": "yearly", "90": "closing"}[value]
    place = TEXT.index(f"The {name} fee")
    index = next(i for i, each in enumerate(passages(SOURCE)) if each.start <= place < each.end)
    mass = torch.full((2, 2, len(passages(SOURCE))), 0.01)
    mass[1, 1, index] = 0.3
    mass[0, 0, 0] = 5.0
    asked = torch.full_like(mass, 0.02)
    asked[0, 1, index], asked[1, 0, 1] = (0.4, 9.0)
    other = next(each for each in ("5,000", "700", "90") if each != value)
    return Trial(
        Cell("needle", 100, 0.5, seed),
        f"What is the {name} fee?",
        "Not stated in this document." if refused else f"{value if right else other} euros",
        refused,
        refused and right,
        right,
        () if refused and right else ((place, place + 20),),
        None if refused else mass,
        (Choice(1, -0.05 if right else -1.5),),
        CITER,
        False,
        np.zeros(0, dtype=np.float32),
        asked,
    )


def trials() -> list[Trial]:
    """Right and wrong answers and refusals of two seeds."""
    return [
        trial(seed, value, right=right, refused=refused)
        for seed in (0, 1)
        for value in ("5,000", "700", "90")
        for right in (True, False)
        for refused in (False, True)
    ]


def test_the_texts_are_every_suite_in_turn_and_half_of_them_test() -> None:
    first = list(cells(24))
    assert len(first) == len(set(first)) == 24 and {cell.suite for cell in first[:6]} == set(SUITES)
    assert sum(cell.seed % 2 for cell in first) == 12
    assert list(islice(cells(80), 24)) == first and len(set(cells(80))) == 80


def test_the_head_that_looks_at_the_proof_is_found_and_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_HEADS", 1)
    found = found_in(trials())
    assert found.heads == ((1, 1),)
    assert found.measured["precision_at_1"] == 1.0 > found.measured["precision_at_1_all_heads"]
    assert found.measured["wrong_called_supported"] < found.measured["wrong_called_supported_by_rule"] == 3
    assert found.measured["held_out"] == 12 and found.measured["brier"] < found.measured["brier_of_the_mean"]


def test_the_heads_that_look_from_the_question_are_learnt_from_wrong_answers_and_refusals_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LEAST_QUESTION_HEADS", 1)
    found = found_in(trials())
    assert found.question_heads == ((0, 1),)
    assert found.measured["question_looks"] == 9  # three right, three wrong, three wrongly refused
    assert found.measured["question_precision_at_1"] == found.measured["question_proof_in_3"] == 1.0
    assert module.question_heads_of([each for each in trials() if not each.proof]) == ()
    assert from_json(json.loads(json.dumps(found.as_json()))).question_heads == ((0, 1),)
    led = weigh(trial(0, "90", right=True), (), ((0, 1),)).signals
    assert led.led == 1.0 and led.lead == pytest.approx(0.4)
    assert weigh(trial(0, "90", right=True, refused=True), (), ((0, 1),)).signals.lead == pytest.approx(0.4)
    assert weigh(trial(0, "90", right=True), ()).signals.lead is None


def test_where_all_answers_are_alike_the_general_weights_stay_and_it_is_said() -> None:
    found = found_in([each for each in trials() if each.right and not each.refused])
    assert found.heads and not found.own and found.answer == general().answer and found.refusal == general().refusal
    assert found.measured["general_weights"] == ["answer", "refusal"]
    assert "weights are those of the embedded model" in sentence(found)


def test_a_citation_counts_where_it_lies_on_the_proof() -> None:
    right, wrong = (weigh(trial(0, "700", right=flag), ((1, 1),)) for flag in (True, False))
    assert right.good and right.on_proof == (True,) and right.signals.looked == 1.0
    assert not wrong.good and wrong.on_proof == (False,)
    silent = weigh(trial(0, "700", right=True, refused=True), ())
    assert silent.good and silent.on_proof == ()
    figures = measure([right.trial, wrong.trial], ((1, 1),), general().answer, general().refusal)
    assert figures["citations"] == {"answers": 1, "given": 1, "precision": 1.0, "first_precision": 1.0, "recall": 1.0}


def test_the_real_bot_is_asked_on_parsed_texts(tmp_path: Path) -> None:
    engine = Engine(fakes.decoder(), EngineOptions(tmp_path / "segments"))
    bots = dict.fromkeys(("legal", "code", "support"), fakes.PROFILE)
    asked = list(ask_known(Cell("code", 530, 0.5, 3), engine, tokenizer(), bots, tmp_path, heads=False))
    assert len(asked) == 4
    document = asked[0].document.held.document
    assert document.spans[0].path.startswith("(")  # a map: it is read as a tree of files
    assert "_MAXIMUM = " in document.text[slice(*asked[0].proof[0])]
    assert len(asked[2].proof) == 3
    (one, other) = ask_known(Cell("needle", 450, 0.5, 3), engine, tokenizer(), bots, tmp_path)
    count = len(passages(one.document.held.document))
    assert all(each.mass is not None and each.mass.shape == (3, 4, count) for each in (one, other))
    masses = [each.asked_mass for each in (one, other)]
    assert all(mass is not None and mass.shape == (3, 4, count) and mass.sum() > 0 for mass in masses)
    assert engine.store.usage()[0] == 0  # the text was forgotten


def test_calibrating_keeps_a_file_that_is_used_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = fakes.decoder()
    monkeypatch.setattr(module, "load_decoder", lambda *_: decoder)
    monkeypatch.setattr(module, "model_source", lambda *_: ("tiny", fakes.model_folder()))
    monkeypatch.setattr(module, "ask_known", lambda *_: iter(()))
    found = replace(shipped_calibration(), heads=((1, 1),))
    monkeypatch.setattr(module, "found_in", lambda _: found)
    seen: list[tuple[int, int]] = []
    options = ServiceOptions(tmp_path, "tiny", dtype="float32")
    figures = calibrate(options, texts=12, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12) and figures["heads"] == [[1, 1]]
    kept = calibration_of(decoder.fingerprint, tmp_path / "models")
    assert kept.own and kept.heads == ((1, 1),) and kept.models == (decoder.fingerprint,)
    assert "1 heads" in sentence(kept) and "that find it from the question;" in sentence(kept)
    assert "run app.py calibrate again" in sentence(replace(kept, question_heads=()))


def test_too_few_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="needs at least 12 texts"):
        calibrate(ServiceOptions(tmp_path), texts=3)


def test_a_model_without_calibration_gets_the_general_weights_and_is_told(tmp_path: Path) -> None:
    none = calibration_of("f" * 64, tmp_path)
    assert not none.own and none.heads == () and none.answer == shipped_calibration().answer
    assert "none for this model" in sentence(none)
    shipped = shipped_calibration()
    assert calibration_of(shipped.models[0], tmp_path) == shipped and shipped.heads


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "models": []}'])
def test_a_damaged_calibration_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    path = calibration_file("abc", tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(AssistantError, match="is no calibration of this version; delete it"):
        calibration_of("abc", tmp_path)


def test_a_calibration_survives_its_file() -> None:
    known = shipped_calibration()
    assert from_json(json.loads(json.dumps(known.as_json()))) == known
    assert isinstance(known, Calibration)
