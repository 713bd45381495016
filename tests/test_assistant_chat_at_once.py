"""Answers in the background: one at a time in a conversation, many beside each other, stopped without a loss."""

from __future__ import annotations

import threading

import pytest

from assistant.chat import Chat
from assistant.errors import BusyError
from assistant.reading import ReadDocument
from sparse_backend import BackendError
from storage import Store
from tests.fakes import ScriptedBot, ScriptedEngine
from tests.talk_cases import deed, said, scripted, store, talk
from tests.waiting import until

__all__ = ["deed", "scripted", "store", "talk"]  # fixtures


# -- background answers ------------------------------------------------------------------


def test_a_conversation_is_answered_once_at_a_time(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    go = threading.Event()
    chat = Chat(store, ScriptedBot(scripted, "one two", lambda _: go.wait(20) and None))
    job = chat.start("ann", talk, "q", deed)
    assert chat.job(talk) is job and not job.wait(0.01)
    with pytest.raises(BusyError):
        chat.start("ann", talk, "again", deed)
    go.set()
    assert job.wait(20) and chat.job(talk) is None
    assert job.finished and job.text == "one two" and not job.error
    assert chat.start("ann", talk, "next", deed).wait(20)
    assert [content for role, content, _ in said(store, talk) if role == "user"] == ["q", "next"]


def test_of_many_starts_at_once_one_is_answered(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    go, gate, refused = threading.Event(), threading.Barrier(8), []
    chat = Chat(store, ScriptedBot(scripted, "one", lambda _: go.wait(20) and None))

    def press() -> None:
        gate.wait(20)
        try:
            chat.start("ann", talk, "q", deed)
        except BusyError as error:
            refused.append(error)

    presses = [threading.Thread(target=press) for _ in range(8)]
    for thread in presses:
        thread.start()
    for thread in presses:
        thread.join(20)
    go.set()
    assert len(refused) == 7
    until(lambda: chat.job(talk) is None)
    assert len(said(store, talk)) == 2


def test_two_conversations_are_answered_at_once(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    meet = threading.Barrier(2)
    chat = Chat(store, ScriptedBot(scripted, "hello", lambda _: meet.wait(20) and None))
    other = store.create_conversation("bob", "legal", "deed").id
    jobs = [chat.start("ann", talk, "q", deed), chat.start("bob", other, "r", deed)]
    assert all(job.wait(20) for job in jobs)
    assert not any(job.error for job in jobs)
    assert said(store, talk)[1][1] == "hello"
    assert [item.content for item in store.messages("bob", other)] == ["r", "hello"]


def test_stop_keeps_what_was_said(store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str) -> None:
    spoken, go = threading.Event(), threading.Event()

    def pause(word: str) -> None:
        if word == "two":
            spoken.set()
            assert go.wait(20)

    job = Chat(store, ScriptedBot(scripted, "one two three", pause)).start("ann", talk, "q", deed)
    assert spoken.wait(20)
    job.stop()
    go.set()
    assert job.wait(20) and not job.error
    assert said(store, talk)[1] == ("assistant", "one", "stopped")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(BackendError("No memory left."), "No memory left."), (ValueError("odd"), "unexpectedly: odd")],
)
def test_a_failed_answer_says_why(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str, error: Exception, sentence: str
) -> None:
    def fail(_: str) -> None:
        raise error

    job = Chat(store, ScriptedBot(scripted, "x", fail)).start("ann", talk, "q", deed)
    assert job.wait(20) and sentence in job.error and job.finished is None
    assert said(store, talk)[1][2] == "error"
