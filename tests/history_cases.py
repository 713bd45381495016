"""A service over a customer's history, each session a segment of its own, and questions to it: shared by its tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant import history as module
from assistant.bot import Finished
from assistant.reading import ReadDocument
from assistant.service import Service
from storage import AnswerRecord
from tests.fakes import ScriptedEngine, scripted
from tests.history_house import service


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Service]:
    made = service(tmp_path / "data", scripted=True)
    yield made
    made.store.close()


@pytest.fixture
def engine(house: Service) -> ScriptedEngine:
    return scripted(house.engine)


def read(house: Service, talk: str, user: str = "ann") -> ReadDocument:
    """What a conversation is about, read."""
    return house.reading(house.store.conversation(user, talk)).result()


def ask(house: Service, talk: str, question: str) -> AnswerRecord:
    """The receipt of the answer to a question."""
    document = read(house, talk)
    read_now = len(document.read.segment) - document.read.cached_tokens
    events = list(house.bot("support").chat.ask("ann", talk, question, document, read_now=read_now))
    assert [event for event in events if isinstance(event, Finished)]
    record = [message for message in house.store.messages("ann", talk) if message.answer][-1].answer
    assert record is not None
    return record


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each session a segment of its own: these tests' sessions are short."""
    monkeypatch.setattr(module, "PACK", 1)
