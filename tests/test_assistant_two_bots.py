"""Bots of different patterns share one decoder: side by side they say what each says alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from assistant.answer_options import AnswerOptions
from assistant.bot import Bot, Finished
from assistant.profiles import Profile
from assistant.reading import ReadDocument, Reader
from assistant.service import Service
from sparse_backend import Engine, EngineOptions
from sparse_backend.sampling import Sampling
from tests.api_house import service_in
from tests.fakes import CONTRACT, PROFILE, contract, decoder, tokenizer

QUESTIONS = ("Which law?", "Who pays?")
VARIED = AnswerOptions(Sampling(frequency_penalty=2.0, presence_penalty=2.0))  # the tiny model would repeat one token
PATTERNS = ("sparse-transformer-strided", "longformer")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = service_in(tmp_path_factory.mktemp("two"), real=True)
    for pattern in PATTERNS:
        made.profiles[pattern] = replace(PROFILE, name=pattern, pattern=pattern)
    yield made
    made.store.close()


def said(bot: Bot, document: ReadDocument, question: str) -> tuple[int, ...]:
    *_, last = bot.answer(document, (), question, None, VARIED)
    assert isinstance(last, Finished)
    return last.answer.token_ids


def test_all_engines_of_a_service_plan_their_passes_together(service: Service) -> None:
    engines = [service._engine_for(service.profiles[name]) for name in (*PATTERNS, "legal")]
    assert len({id(each) for each in engines}) == 3 and len({id(each.scheduler) for each in engines}) == 1
    assert service._dense_engine().scheduler is engines[0].scheduler


@pytest.mark.parametrize("together", [True, False], ids=["one scheduler", "a scheduler each"])
def test_two_bots_answer_at_once_what_they_answer_alone(service: Service, tmp_path: Path, together: bool) -> None:
    bots: list[tuple[Bot, ReadDocument]] = []
    for number, pattern in enumerate(PATTERNS):
        profile: Profile = service.profiles[pattern]
        engine = service._engine_for(profile)
        if not together:
            engine = Engine(decoder(), EngineOptions(tmp_path / pattern, pattern, "fast", chunk=64))
        text = CONTRACT * (2 if number else 1)
        held = service.library.add([contract(tmp_path / f"{number}", text)])
        document = Reader(service.library, engine, tokenizer(), profile).start(held).result()
        bots.append((Bot(engine, tokenizer(), profile), document))
    alone = [[said(bot, document, question) for question in QUESTIONS] for bot, document in bots]
    assert alone[0] != alone[1], "otherwise an answer of the wrong document would not be seen"
    ready = Barrier(len(bots))

    def converse(number: int) -> list[tuple[int, ...]]:
        ready.wait(20)
        return [said(*bots[number], question) for question in QUESTIONS]

    with ThreadPoolExecutor(len(bots)) as pool:
        for _ in range(2):
            assert list(pool.map(converse, range(len(bots)))) == alone
