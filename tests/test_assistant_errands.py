"""A question whose document is still being read is asked even if its tab is closed, and not at all if it is stopped."""

from __future__ import annotations

import threading

import pytest

from assistant.reading import ReadJob, ReadState
from assistant.service import Service
from assistant.web.desk import Desk
from assistant.web.view import View
from tests.chat_cases import ANSWER, alerts, ann, asked, desk, engine, house, talk
from tests.waiting import until

__all__ = ["ann", "desk", "engine", "house", "talk"]  # fixtures


@pytest.fixture
def slow(house: Service, talk: str, ann: str, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The document counts as read once this is set."""
    done = threading.Event()
    real = house.reading(house.store.conversation(ann, talk))
    real.wait()

    class Reading(ReadJob):
        def __init__(self) -> None:
            self._state = ReadState("reading", 3, 9, None)

        def wait(self, seconds: float | None = None) -> bool:
            return done.wait(seconds)

        def result(self, watch: object = None) -> object:  # type: ignore[override]
            return real.result()

    monkeypatch.setattr(house, "reading", lambda conversation, before=None: Reading())
    return done


def begun(desk: Desk, user: str, talk: str) -> object:
    """A question of a tab that has told how far the reading is."""
    views = desk.ask(user, talk, "What is the yearly fee?")
    while "3 of 9 tokens" not in (next(views).growing or ""):
        pass
    return views


def test_a_closed_tab_is_answered(desk: Desk, house: Service, ann: str, talk: str, slow: threading.Event) -> None:
    views = begun(desk, ann, talk)
    views.close()  # type: ignore[attr-defined]
    follower = desk.follow(ann, talk)
    assert next(follower) == View() and next(follower).busy == "answering"
    slow.set()
    assert ANSWER[:8] in (list(follower)[-1].transcript or "")
    until(lambda: [each.status for each in house.store.messages(ann, talk)] == ["complete", "complete"])


def test_stop_takes_a_question_back(desk: Desk, house: Service, ann: str, talk: str, slow: threading.Event) -> None:
    views = begun(desk, ann, talk)
    second = asked(desk, ann, talk, "And the term?")
    assert "waits for its document" in alerts(second)[0] and second[-1].question == "And the term?"
    assert second[-1].busy is None and second[-1].growing is None
    desk.stop(ann, talk)
    last = list(views)[-1]  # type: ignore[call-overload]
    assert "Stopped before" in last.status and last.question == "What is the yearly fee?" and last.busy == ""
    slow.set()
    assert house.store.messages(ann, talk) == []


def test_a_server_that_ends_takes_no_new_question(
    desk: Desk, house: Service, ann: str, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "closing", True)
    views = asked(desk, ann, talk)
    assert "about to end" in alerts(views)[0] and views[-1].question == "What is the yearly fee?"
    assert house.store.messages(ann, talk) == []
