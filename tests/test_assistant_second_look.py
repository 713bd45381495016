"""A share of answers is compared with dense attention: behind everybody else, and with nothing left over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant import second_look as module
from assistant.agreement import overlap
from assistant.answer_options import AnswerOptions
from assistant.bot import Bot, Finished
from assistant.chat import Chat
from assistant.errors import AssistantError
from assistant.observer import Observer
from assistant.reading import ReadDocument
from assistant.second_look import SecondLooks, chosen
from assistant.service_options import ServiceOptions
from sparse_backend import Engine, EngineOptions
from sparse_backend.pattern import Pattern
from sparse_backend.presets import Schedule
from sparse_backend.sampling import Sampling
from storage import Store
from storage.records_signals import AnswerFigures, SecondLook
from tests.fakes import CONTRACT, PROFILE, ScriptedBot, decoder, engine, lines, read_document, tokenizer
from tests.signal_cases import today

NARROW = Schedule(Pattern("headers", 24, sink=4, anchors=True), Pattern("headers", 8, sink=4, anchors=True))
QUESTION = "Which law?"
VARIED = AnswerOptions(Sampling(frequency_penalty=2.0, presence_penalty=2.0))  # the tiny model would repeat one token


class Told(Observer):
    def __init__(self) -> None:
        self.looks: list[tuple[str, SecondLook]] = []

    def looked_again(self, bot: str, look: SecondLook) -> None:
        self.looks.append((bot, look))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    store.accounts.create_organisation("Acme", organisation_id="acme")
    for name, role in (("kim", "agent"), ("ann", "member")):
        store.accounts.add_user("acme", name, role=role)
    yield store
    store.close()


@pytest.fixture
def sparse(tmp_path: Path) -> Engine:
    made = engine(tmp_path)
    made.schedule = NARROW
    return made


@pytest.fixture
def deed(sparse: Engine) -> ReadDocument:
    return read_document(lines(CONTRACT), sparse)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def looks(store: Store, sparse: Engine, tmp_path: Path, told: Told) -> Iterator[SecondLooks]:
    folder = tmp_path / "looks"

    def dense() -> Engine:
        options = EngineOptions(folder, "dense", chunk=64, background=True)
        return Engine(decoder(), options, None, sparse.scheduler)

    made = SecondLooks(store, tokenizer(), dense, folder, 1.0, told)
    yield made
    made.close()
    assert not folder.exists()


def ask(store: Store, bot: Bot, looks: SecondLooks, deed: ReadDocument, options: AnswerOptions = VARIED) -> str:
    talk = store.create_conversation("ann", "legal", "t").id
    *_, last = Chat(store, bot, second=looks).ask("ann", talk, QUESTION, deed, options=options)
    assert isinstance(last, Finished)
    return last.text


def figures(store: Store) -> list[AnswerFigures]:
    return store.signals.answers("kim", *today())


def test_an_answer_is_asked_again_densely_and_the_numbers_stay_with_it(
    store: Store, sparse: Engine, deed: ReadDocument, looks: SecondLooks, told: Told, tmp_path: Path
) -> None:
    bot = Bot(sparse, tokenizer(), PROFILE)
    text = ask(store, bot, looks, deed)
    looks.drain()
    (row,) = figures(store)
    assert row.look and [("legal", row.look)] == told.looks and not looks.skipped
    assert (row.look.pattern, row.look.tokens) == ("headers", len(deed.read.segment))
    reference = Engine(decoder(), EngineOptions(tmp_path / "reference", "dense", chunk=64))
    again = replace(deed, read=reference.read(deed.prefix.token_ids, deed.prefix.anchors))
    *_, dense = Bot(reference, tokenizer(), PROFILE).answer(again, (), QUESTION, None, VARIED)
    assert isinstance(dense, Finished) and dense.text != text and not row.look.same
    assert 0 < row.look.overlap == overlap(text, dense.text) < 1
    left = [path for path in (tmp_path / "looks").rglob("*") if path.suffix == ".safetensors"]
    assert left == [], "dense keys and values do not stay"


def test_what_dense_attention_says_too_counts_as_the_same(
    store: Store, sparse: Engine, deed: ReadDocument, looks: SecondLooks
) -> None:
    sparse.schedule = Schedule(Pattern("headers", 900, sink=4), Pattern("headers", 900, sink=4))
    whole = replace(deed, read=sparse.read(deed.prefix.token_ids, deed.prefix.anchors))  # sees all, by another name
    sparse.schedule = NARROW
    ask(store, Bot(sparse, tokenizer(), PROFILE), looks, whole)
    looks.drain()
    (row,) = figures(store)
    assert row.look and row.look.same and row.look.overlap == 1.0 and row.look.evidence in (1.0, None)


def test_people_go_first(store: Store, sparse: Engine, deed: ReadDocument, looks: SecondLooks) -> None:
    passes: list[bool] = []
    scheduler, started = sparse.scheduler, threading.Event()
    compute = scheduler._compute

    def noted(plan: list[tuple[Any, Any]]) -> None:
        passes.append(any(getattr(request, "background", False) for request, _ in plan))
        if passes[-1]:
            started.set()
        compute(plan)

    scheduler._compute = noted  # type: ignore[method-assign]
    bot = Bot(sparse, tokenizer(), PROFILE)
    ask(store, bot, looks, deed)
    assert started.wait(20)
    begun = len(passes)
    list(bot.answer(deed, (), "And who pays it?"))
    during = passes[begun:]
    first = during.index(False)
    last = len(during) - 1 - during[::-1].index(False)
    assert not any(during[first : last + 1]), "once somebody asks, nothing of the second look is computed"
    looks.drain()
    assert figures(store)[0].look


def test_what_cannot_be_compared_is_skipped_and_counted(
    store: Store, sparse: Engine, deed: ReadDocument, looks: SecondLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = Bot(sparse, tokenizer(), PROFILE)
    ask(store, bot, looks, deed, AnswerOptions(Sampling(temperature=0.7, seed=1)))
    assert looks.skipped == {"chance decides": 1}
    monkeypatch.setattr(module, "free_bytes", lambda _: 1000)
    ask(store, bot, looks, deed)
    looks.drain()
    assert looks.skipped["too long for dense attention here"] == 1
    sparse.schedule = Schedule(Pattern("dense", None), Pattern("dense", None))
    ask(store, bot, looks, read_document(lines(CONTRACT), sparse))
    assert looks.skipped["read densely already"] == 1
    assert [row.look for row in figures(store)] == [None] * 3


def test_an_erased_person_leaves_nothing_to_note(
    store: Store, sparse: Engine, deed: ReadDocument, looks: SecondLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    look = looks._look

    def late(sample: module.Sample) -> None:
        assert gone.wait(20)
        look(sample)

    monkeypatch.setattr(looks, "_look", late)
    ask(store, ScriptedBot(sparse, "one two"), looks, deed)
    store.privacy.erase("ann")
    gone.set()
    looks.drain()
    assert looks.skipped == {"NotFoundError": 1} and figures(store) == []


def test_the_share_is_kept_and_says_the_same_of_an_answer_each_time() -> None:
    picked = [number for number in range(20_000) if chosen(number, 0.05)]
    assert 800 < len(picked) < 1200 and picked == [number for number in range(20_000) if chosen(number, 0.05)]
    assert not any(chosen(number, 0.0) for number in range(100)) and all(chosen(number, 1.0) for number in range(100))


def test_a_wrong_share_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="from 0 to 1, not 5"):
        ServiceOptions(tmp_path, second_look=5)
