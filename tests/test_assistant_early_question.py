"""A question asked while a new document is read: asked when that is done, given back where it fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.service import Service
from assistant.web import reading_desk
from assistant.web.desk import Desk
from assistant.web.reading_desk import Reading
from assistant.web.view import View
from storage import NotFoundError
from tests.chat_cases import ANSWER, CONTRACT, ann, desk, engine, house
from tests.fakes import contract
from tests.waiting import until

__all__ = ["ann", "desk", "engine", "house"]  # fixtures
ASKED = "What is the yearly fee?"


@pytest.fixture
def gate(house: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Documents arrive once this is set."""
    opened, add = threading.Event(), house.reader.library.add

    def wait(*args: object, **options: object) -> object:
        assert opened.wait(20)
        return add(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(house.reader.library, "add", wait)
    yield opened
    opened.set()


def begun(desk: Desk, user: str, folder: Path, content: str | None = None) -> Reading:
    path = contract(folder, content) if content is not None else contract(folder)
    return desk.readings.start(user, "legal", [path], "contract.txt", path.parent)


def waiting(desk: Desk, user: str) -> Iterator[View]:
    """A tab that asked, as far as it shows that the document is read."""
    views = desk.ask(user, "", ASKED)
    first = next(views)
    assert ASKED in (first.transcript or "") and first.question == "" and "contract.txt" in (first.growing or "")
    return views


def test_it_is_answered_where_it_was_asked(
    desk: Desk, house: Service, ann: str, tmp_path: Path, gate: threading.Event
) -> None:
    reading = begun(desk, ann, tmp_path / "up")
    views = waiting(desk, ann)
    (again,) = desk.ask(ann, "", "And who pays it?")
    assert again.question == "And who pays it?" and "waits for contract.txt already" in (again.status or "")
    gate.set()
    last = [view.transcript for view in views if view.transcript is not None][-1]
    assert ANSWER[:8] in last and ASKED in last
    (conversation,) = house.store.conversations(ann)
    assert conversation.id == reading.conversation and conversation.title.startswith("What is the yearly fee")
    assert [each.role for each in house.store.messages(ann, conversation.id)] == ["user", "assistant"]
    assert desk.readings.html(ann) == "" and desk.settle(ann, "", reading.id).conversation is None


def test_a_closed_tab_is_answered(desk: Desk, house: Service, ann: str, tmp_path: Path, gate: threading.Event) -> None:
    reading = begun(desk, ann, tmp_path / "up")
    waiting(desk, ann).close()  # type: ignore[attr-defined]
    gate.set()
    until(lambda: reading.over)
    stored = house.store
    until(lambda: [each.status for each in stored.messages(ann, reading.conversation)] == ["complete", "complete"])
    assert desk.settle(ann, "").conversation is None, "its line stays until it is opened"
    opened = desk.settle(ann, "", reading.id, wanted=True)
    assert opened.conversation == reading.conversation and ANSWER[:8] in (opened.transcript or "")


def test_what_could_not_be_read_gives_the_question_back(
    desk: Desk, house: Service, ann: str, tmp_path: Path, gate: threading.Event
) -> None:
    begun(desk, ann, tmp_path / "up", "")
    views = waiting(desk, ann)
    gate.set()
    last = list(views)[-1]
    assert last.question == ASKED and "was not read, so your question was not asked" in (last.status or "")
    assert last.growing == "" and not house.store.conversations(ann)


def test_what_could_not_be_stored_gives_the_question_back_beside_its_document(
    desk: Desk, house: Service, ann: str, tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = begun(desk, ann, tmp_path / "up")
    views = waiting(desk, ann)

    def full(*_: object, **__: object) -> None:
        raise NotFoundError("The disk is full.")

    monkeypatch.setattr(house.store, "append", full)
    gate.set()
    shown = list(views)
    told = [view for view in shown if "The disk is full." in (view.status or "")]
    assert told and told[0].conversation == reading.conversation and told[0].question == ASKED


def test_a_costly_reading_wants_its_answer_first(
    desk: Desk, ann: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_desk, "ASK_ABOVE_S", 0.0)
    reading = begun(desk, ann, tmp_path / "up", CONTRACT + f"Asked for by {ann}.\n")  # a text not read before
    until(lambda: reading.asking)
    (view,) = desk.ask(ann, "", ASKED)
    assert "press “Read it” first" in (view.status or "") and view.question == ASKED
    desk.readings.cancel(ann, reading.id)
    until(lambda: reading.over)


def test_nobody_elses_reading_takes_it(desk: Desk, ann: str, tmp_path: Path, gate: threading.Event) -> None:
    begun(desk, ann, tmp_path / "up")
    (view,) = desk.ask("eve", "", ASKED)
    assert "Add a document first" in (view.status or "")
