"""Judging: signals are what they say, sentences of a longer answer are judged one by one, rules have the last word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.answer_signals import refusal_signals, signals
from assistant.bot import Bot, Finished
from assistant.calibration import general
from assistant.citations import Citer, Mass
from assistant.confidence import ABSENT, SUPPORTED, WEAK
from assistant.judging import UNSURE, Judged, doubtful
from assistant.listing import answer_json, evidence_lines, receipt_lines
from assistant.passages import passages
from assistant.quoting import said_tokens
from assistant.receipts import beside_settings, evidence, listed
from ingest import Document, encode
from sparse_backend.sampling import Choice
from storage import AnswerRecord
from tests.fakes import PROFILE, ScriptedEngine, lines, read_document, tokenizer
from tests.ingest_contract_cases import read_text

TEXT = (
    "1. Fees.\nThe setup fee of the plant is 5,000 euros.\nThe yearly fee of the plant is 700 euros.\n"
    "2. Law.\nThis Agreement is governed by the laws of Norway.\nNotices are sent to the office in Bergen.\n"
)


@pytest.fixture(scope="module")
def deed() -> Document:
    return read_text(TEXT)


def record(**changes: Any) -> AnswerRecord:
    """A receipt."""
    zeros: dict[str, Any] = dict.fromkeys(("tokens", "tokens_read", "cached_tokens", "generated_tokens", "pages"), 0)
    seconds = dict.fromkeys(("parse_s", "read_s", "first_token_s", "total_s"), 0.0)
    fixed = {"pages_unread": (), "files": 1, "files_unread": (), "citations": (), "supported": True}
    return AnswerRecord("m", "headers", "fast", "cpu", "stop", **(zeros | seconds | fixed | changes))


def looking(source: Document, words: str) -> Mass:
    """Mass by passage, most of it on the one with `words`."""
    found = [0.1] * len(passages(source))
    index = next(i for i, each in enumerate(passages(source)) if words in source.text[each.start : each.end])
    found[index] = 0.9
    return np.array(found, dtype=np.float32)


def answered(folder: Path, source: Document, says: str, question: str, looks_at: str = "") -> Finished:
    engine = ScriptedEngine(folder, says)
    document = read_document(source, engine)
    if looks_at:
        start = source.text.index(looks_at)
        first = document.prefix.start
        engine.looks_at = (
            first + document.encoded.token_at(start),
            first + document.encoded.token_at(start + len(looks_at)),
        )
    *_, finished = Bot(engine, tokenizer(), PROFILE).answer(document, [], question)
    assert isinstance(finished, Finished)
    return finished


def test_signals_are_facts_of_text_and_model(deed: Document) -> None:
    citer = Citer(deed, encode(deed, tokenizer()))
    mass, start = looking(deed, "setup fee"), deed.text.index("The setup")
    choices = [Choice(1, -0.1), Choice(2, -0.3)]
    question = "What is the setup fee of the plant?"
    found = signals(citer, "5,000 euros", question, mass, [(start, start + 5)], choices)
    assert (found.quoted, found.backed, found.looked) == (0.0, 1.0, 1.0)
    assert found.asked == 1.0 and found.rival == 0.0
    assert found.focus == pytest.approx(0.9 / float(mass.sum())) and found.mass == pytest.approx(0.9)
    assert found.likely == pytest.approx(np.exp(-0.2)) and found.weakest == pytest.approx(np.exp(-0.3))
    other = deed.text.index("The yearly")
    wrong = signals(citer, "5,000 euros", question, mass, [(other, other + 5)], [], useful=False)
    assert wrong.backed == 0.0 and wrong.rival is not None and wrong.rival > 0
    assert (wrong.focus, wrong.mass, wrong.likely) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        ("It says “governed by the laws of Norway”.", 1.0, 1.0),
        ("It says “governed by the lawes of Norway”.", 0.9, 0.995),
        ("It says “purple elephants dance on the roof”.", -1.0, -1.0),
    ],
)
def test_a_quote_counts_by_how_nearly_it_stands_there(deed: Document, answer: str, least: float, most: float) -> None:
    citer = Citer(deed, encode(deed, tokenizer()))
    quoted = signals(citer, answer, "Which law?", looking(deed, "Norway"), [], []).quoted
    assert quoted is not None and least <= quoted <= most


def test_a_refusal_is_judged_by_what_the_document_holds_of_the_question(deed: Document) -> None:
    citer = Citer(deed, encode(deed, tokenizer()))
    near = refusal_signals(citer, "What is the setup fee of the plant?", []).asked
    far = refusal_signals(citer, "Who repairs broken windows?", []).asked
    assert near == 1.0 and far == 0.0


def test_what_is_said_ends_where_the_block_quote_begins() -> None:
    words = tokenizer()
    ids = words.text("700 euros\n> The yearly fee of the plant is 700 euros.\n(1. Fees.)")
    assert words.decode(ids[: said_tokens(ids, words)]).strip() == "700 euros"
    plain = words.text("700 euros")
    assert said_tokens(plain, words) == len(plain)
    assert said_tokens(words.text("> Quoted at once."), words) == 0


def test_a_proven_answer_is_supported_and_an_unproven_one_is_not(tmp_path: Path, deed: Document) -> None:
    question = "What is the setup fee of the plant?"
    good = answered(tmp_path / "a", deed, "5,000 euros", question, "The setup fee of the plant is 5,000 euros")
    assert good.supported and good.judged is not None and good.judged.word == SUPPORTED and not good.judged.calibrated
    bad = answered(tmp_path / "b", deed, "9,000 dollars", question)
    assert not bad.supported and bad.judged is not None and bad.judged.word != SUPPORTED
    silent = answered(tmp_path / "c", deed, "Not stated in this document.", "Who repairs windows?")
    assert silent.supported and silent.judged is not None and silent.judged.word == ABSENT


def test_sentences_without_proof_are_marked_one_by_one(tmp_path: Path, deed: Document) -> None:
    says = "The setup fee of the plant is 5,000 euros. Elephants repaint 88 windows every Tuesday."
    found = answered(tmp_path, deed, says, "What is the setup fee of the plant?", "The setup fee of the plant is 5,000")
    assert found.judged is not None and found.judged.unsupported == ("Elephants repaint 88 windows every Tuesday.",)
    assert not found.supported
    one = answered(tmp_path / "b", deed, says[:42], "What is the setup fee of the plant?", "The setup fee of the plant")
    assert one.judged is not None and one.judged.unsupported == ()


def test_an_exhaustive_question_gets_everything_beside_the_answer(tmp_path: Path) -> None:
    source = lines("The fee is $5. A fine of $70 is due. The cap is $900.\n")
    found = answered(tmp_path, source, "The amounts are $5 and $70.", "List all amounts.")
    assert found.listing is not None and (found.listing.found, found.listing.named) == (3, 2)
    assert [each.kind for each in found.see_also][-3:].count("structure") >= 1
    assert found.facts[-1] in found.text and "3 of 3 different amounts" in found.text
    refused = answered(tmp_path / "b", source, "Not stated in this document.", "List all amounts.")
    assert refused.judged is not None and refused.judged.word == WEAK and not refused.supported


def test_a_rule_that_contradicts_leaves_little() -> None:
    sure = Judged(0.95, SUPPORTED, True)
    assert doubtful(sure) == replace(sure, probability=UNSURE, word=WEAK)
    assert doubtful(Judged(0.1, ABSENT, True)) == Judged(0.1, ABSENT, True)


def test_receipts_keep_and_show_it(tmp_path: Path) -> None:
    source = lines("The fee is $5. A fine of $70 is due. The cap is $900.\n")
    found = answered(tmp_path, source, "The amounts are $5 and $70.", "List all amounts.")
    kept = record(citations=(*found.citations, *found.see_also), settings=beside_settings(found))
    told = evidence(kept)
    assert found.judged is not None and told.word == found.judged.word and not told.calibrated
    assert told.probability == pytest.approx(found.judged.probability, abs=1e-4)
    whole = listed(kept)
    assert whole is not None and (whole.shown, whole.found, whole.named) == (3, 3, 2)
    shown = answer_json(found.text, kept, "c", 1.0)
    assert shown["exhaustive"]["found"] == 3 and shown["evidence"]["word"] == told.word
    text = receipt_lines(found, kept, "c")
    assert "3 of 3 different amounts, 2 named in the answer:" in text and "found by structure" in text
    assert "not calibrated for this model" in evidence_lines(kept)[0]
    judged = replace(found, judged=Judged(0.82, WEAK, True))
    chosen = record(settings=(*beside_settings(judged), ("exact", "no")))
    assert evidence_lines(chosen) == ["Weak evidence, 82% sure, by a selection of the text alone."]
    assert evidence_lines(record(settings=beside_settings(judged))) == ["Weak evidence, 82% sure."]
    assert evidence_lines(record(supported=False)) == ["No passage was found that proves this answer."]


def test_general_weights_are_shipped() -> None:
    assert not general().own and general().heads == () and general().answer.names
