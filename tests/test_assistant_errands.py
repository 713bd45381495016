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


UNANSWERED = "This question was not answered."


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


def test_a_stopped_question_stays_and_can_be_asked_again(
    desk: Desk, house: Service, ann: str, talk: str, slow: threading.Event
) -> None:
    views = begun(desk, ann, talk)
    second = asked(desk, ann, talk, "And the term?")
    assert "waits for its document" in alerts(second)[0] and second[-1].question == "And the term?"
    assert second[-1].busy is None and second[-1].growing is None
    desk.stop(ann, talk)
    last = list(views)[-1]  # type: ignore[call-overload]
    assert last.status and "Stopped before" in last.status and last.question is None and last.busy == ""
    assert UNANSWERED in (last.transcript or "")
    slow.set()
    [kept] = house.store.messages(ann, talk)
    assert kept.content == "What is the yearly fee?" and not house.chat.job(talk)
    again = list(desk.anew(ann, talk, kept.seq))[-1]
    assert ANSWER[:8] in (again.transcript or "") and UNANSWERED not in (again.transcript or "")
    assert [each.role for each in house.store.messages(ann, talk)] == ["user", "assistant"], "no second wording of it"


def test_a_question_whose_server_was_killed_while_it_read_is_still_there(
    desk: Desk, house: Service, ann: str, talk: str, slow: threading.Event
) -> None:
    views = begun(desk, ann, talk)
    assert UNANSWERED not in (desk.open(ann, talk).transcript or ""), "it waits"
    after = Desk(house)  # a server that knows only what is stored
    shown = after.open(ann, talk).transcript or ""
    assert "What is the yearly fee?" in shown and UNANSWERED in shown and 'data-do="retry"' in shown
    desk.stop(ann, talk)
    list(views)  # type: ignore[call-overload]


def test_a_server_that_ends_takes_no_new_question(
    desk: Desk, house: Service, ann: str, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house, "closing", True)
    views = asked(desk, ann, talk)
    assert "about to end" in alerts(views)[0] and views[-1].question == "What is the yearly fee?"
    assert house.store.messages(ann, talk) == []
