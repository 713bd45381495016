"""A desk on the tiny model, with a user and a conversation of the test alone: shared by the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.service import Service
from assistant.web.desk import Desk
from assistant.web.view import View
from tests.api_house import ANSWER, service_in
from tests.fakes import CONTRACT, ScriptedEngine, contract, scripted


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A whole service on the tiny model, whose engine says what it is told."""
    service = service_in(tmp_path_factory.mktemp("data"))
    yield service
    service.store.close()


@pytest.fixture
def engine(house: Service) -> ScriptedEngine:
    engine = scripted(house.engine)
    engine.says, engine.hold = ANSWER, None
    return engine


@pytest.fixture
def desk(house: Service, engine: ScriptedEngine) -> Desk:
    return Desk(house)


@pytest.fixture
def ann(request: pytest.FixtureRequest) -> str:
    """A user of this test alone."""
    return f"ann of {request.node.name}"


@pytest.fixture
def talk(desk: Desk, ann: str, tmp_path: Path) -> str:
    """A conversation of Ann's on the contract."""
    return read(desk, ann, contract(tmp_path / "up"))


def read(desk: Desk, user: str, path: Path) -> str:
    """Reads a file for a user; the conversation that opens."""
    desk.readings.start(user, "legal", [path], path.name, path.parent)
    list(desk.watch(user))
    return desk.settle(user, "").conversation or ""


def asked(desk: Desk, user: str, talk: str, question: str = "What is the yearly fee?") -> list[View]:
    return list(desk.ask(user, talk, question))


def alerts(views: list[View]) -> list[str]:
    return [view.status for view in views if view.status and "error" in view.status]


__all__ = ["ANSWER", "CONTRACT", "alerts", "ann", "asked", "desk", "engine", "house", "read", "talk"]
