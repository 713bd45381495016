"""What an asker may wish of an answer, on the tiny model itself."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.bot import Bot, Delta, Finished
from assistant.reading import ReadDocument
from sparse_backend import Engine
from sparse_backend.sampling import Sampling
from tests.fakes import PROFILE, ScriptedEngine, engine, lines, read_document, tokenizer

QUESTION = "What law governs?"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return engine(tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def deed(real: Engine) -> ReadDocument:
    return read_document(lines("This deed is governed by the law of Delaware.\n"), real)


def told(bot: Bot, deed: ReadDocument, options: AnswerOptions = PLAIN) -> tuple[list[str], Finished]:
    events = list(bot.answer(deed, [], QUESTION, None, options))
    assert isinstance(events[-1], Finished)
    return [event.text for event in events if isinstance(event, Delta)], events[-1]


def test_each_delta_is_the_start_of_the_next(real: Engine, deed: ReadDocument) -> None:
    deltas, finished = told(Bot(real, tokenizer(), PROFILE), deed, AnswerOptions(Sampling(temperature=1.0, seed=3)))
    assert len(deltas) > 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(deltas))
    assert finished.text.startswith(deltas[-1].strip())


def test_a_seed_decides_the_answer_and_the_length_bounds_it(real: Engine, deed: ReadDocument) -> None:
    bot = Bot(real, tokenizer(), PROFILE)
    options = [AnswerOptions(Sampling(temperature=1.0, seed=seed), max_new_tokens=9) for seed in (1, 1, 2)]
    one, same, other = (told(bot, deed, each)[1] for each in options)
    assert one.answer.token_ids == same.answer.token_ids != other.answer.token_ids
    assert len(one.answer.token_ids) <= 9


def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(tmp_path: Path) -> None:
    scripted = ScriptedEngine(tmp_path, "The law of Delaware governs. And more.")
    deed = read_document(lines("This deed is governed by the law of Delaware.\n"), scripted)
    deltas, finished = told(Bot(scripted, tokenizer(), PROFILE), deed, AnswerOptions(stops=("laware", "never")))
    assert finished.text == "The law of De"
    assert all("laware" not in delta for delta in deltas)
    answer = finished.answer
    assert answer.finish == "stop"
    assert len(answer.evidence) == len(answer.token_ids) < len(tokenizer().text(scripted.says))


def test_a_schema_holds_the_whole_answer(real: Engine, deed: ReadDocument) -> None:
    bot = Bot(real, tokenizer(), replace(PROFILE, checks=("lint",)))
    options = AnswerOptions(schema=json.dumps({"enum": ["Delaware", "Texas"]}), max_new_tokens=30)
    assert json.loads(told(bot, deed, options)[1].text) in ("Delaware", "Texas")


def test_what_differs_from_the_defaults_is_told_for_the_record() -> None:
    assert PLAIN.settings() == ()
    options = AnswerOptions(Sampling(temperature=0.5, seed=7, top_k=3), ("END",), 5)
    assert dict(options.settings()) == {
        "temperature": "0.5",
        "top_k": "3",
        "stops": "['END']",
        "max_new_tokens": "5",
    }
