"""Nothing said is ever lost: the question is kept before the answer starts, the answer while it grows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from assistant import chat as module
from assistant.bot import Delta, Finished
from assistant.chat import Chat, turns_of
from assistant.errors import EmptyQuestionError
from assistant.prompt import Turn
from assistant.reading import ReadDocument
from sparse_backend import BackendError
from storage import CitationRecord, Message, NotFoundError, Store
from tests.fakes import ScriptedBot, ScriptedEngine
from tests.talk_cases import deed, said, scripted, store, talk

__all__ = ["deed", "scripted", "store", "talk"]  # fixtures

CITATION = CitationRecord(1, "note.txt", None, None, 3, "", "the fee", 4, 11, True, "quote", 0.5)


# -- the store -----------------------------------------------------------------------


def test_a_question_is_kept_before_its_answer_starts(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    seen: list[tuple[str, str, str]] = []

    def fail(_: str) -> None:
        seen.extend(said(store, talk))
        raise BackendError("The model is gone.")

    with pytest.raises(BackendError):
        list(Chat(store, ScriptedBot(scripted, "never", fail)).ask("ann", talk, "Which law?", deed))
    assert seen == [("user", "Which law?", "complete"), ("assistant", "", "streaming")]
    assert said(store, talk) == [("user", "Which law?", "complete"), ("assistant", "", "error")]


def test_words_said_before_a_failure_stay(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    def fail(word: str) -> None:
        if word == "end":
            raise RuntimeError

    with pytest.raises(RuntimeError):
        list(Chat(store, ScriptedBot(scripted, "half an end", fail)).ask("ann", talk, "q", deed))
    assert said(store, talk)[1] == ("assistant", "half an", "error")


def test_a_listener_who_leaves_stops_the_answer_and_keeps_its_words(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    events = Chat(store, ScriptedBot(scripted, "one two three")).ask("ann", talk, "q", deed)
    next(events), next(events)
    events.close()  # type: ignore[attr-defined]
    assert said(store, talk)[1] == ("assistant", "one two", "stopped")


def test_leaving_after_the_end_does_not_make_it_stopped(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    events = Chat(store, ScriptedBot(scripted, "all of it")).ask("ann", talk, "q", deed)
    while not isinstance(next(events), Finished):
        pass
    events.close()  # type: ignore[attr-defined]
    assert said(store, talk)[1] == ("assistant", "all of it", "complete")


def test_an_answer_grows_in_the_store(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_EVERY", -1.0)
    seen = [
        said(store, talk)[1]
        for event in Chat(store, ScriptedBot(scripted, "one two")).ask("ann", talk, "q", deed)
        if isinstance(event, Delta)
    ]
    assert seen == [("assistant", "one", "streaming"), ("assistant", "one two", "streaming")]


def test_the_store_is_not_asked_for_every_token(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown: list[str] = []
    monkeypatch.setattr(module, "SAVE_EVERY", 3600)
    monkeypatch.setattr(store, "grow_answer", lambda user, _, text: grown.append(text))
    list(Chat(store, ScriptedBot(scripted, "one two three")).ask("ann", talk, "q", deed))
    assert not grown and said(store, talk)[1][1] == "one two three"


def test_the_receipt_says_how_the_answer_came_about(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    bot = ScriptedBot(scripted, "the fee")
    bot.citations = (CITATION,)
    list(Chat(store, bot).ask("ann", talk, "q", deed, read_now=5))
    record = store.messages("ann", talk)[1].answer
    assert record is not None
    assert (record.model, record.pattern, record.level, record.impl) == (
        "tiny",
        "dense",  # as short as it is
        "balanced",
        "cpu",
    )
    assert (record.finish_reason, record.supported, record.citations) == ("stop", True, (CITATION,))
    assert (record.tokens, record.tokens_read, record.pages, record.pages_unread) == (7, 7, 2, (2,))
    assert (record.files, record.files_unread) == (1, (("lost.bin", "binary"),))
    assert (record.generated_tokens, record.cached_tokens) == (2, len(deed.read.segment) - 5)
    assert (record.parse_s, record.read_s) == (0.25, deed.read.seconds)
    assert (record.first_token_s, record.total_s) == (0.5, 1.5)


def test_cached_tokens_are_never_negative(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    list(Chat(store, ScriptedBot(scripted, "x")).ask("ann", talk, "q", deed, read_now=10**6))
    record = store.messages("ann", talk)[1].answer
    assert record and record.cached_tokens == 0


@pytest.mark.parametrize("question", ["", " \n\t"])
def test_an_empty_question_stores_nothing(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str, question: str
) -> None:
    chat = Chat(store, ScriptedBot(scripted, "x"))
    with pytest.raises(EmptyQuestionError):
        list(chat.ask("ann", talk, question, deed))
    job = chat.start("ann", talk, question, deed)
    assert job.wait(20) and "empty" in job.error
    assert said(store, talk) == []


def test_another_users_conversation_is_not_answered_in(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    bot = ScriptedBot(scripted, "x")
    with pytest.raises(NotFoundError):
        list(Chat(store, bot).ask("eve", talk, "q", deed))
    assert said(store, talk) == [] and not bot.asked


# -- earlier turns ---------------------------------------------------------------------


def message(role: str, content: str, status: str = "complete") -> Message:
    return Message(1, "c", 0, 1, role, content, status, datetime.now(UTC), None)


def test_turns_leave_out_what_broke_off() -> None:
    messages = [
        message("user", "q0"),
        message("user", "q1"),
        message("assistant", "a1"),
        message("user", "q2"),
        message("assistant", "half", "broken"),
        message("user", "q3"),
        message("assistant", "half", "error"),
        message("user", "q4"),
        message("assistant", "part", "stopped"),
        message("user", "q5"),
        message("assistant", "", "stopped"),
        message("user", "q6"),
        message("assistant", "gro", "streaming"),
        message("user", "q7"),
    ]
    assert turns_of(messages) == [Turn("q1", "a1"), Turn("q4", "part")]
    assert turns_of([]) == []


def test_a_follow_up_knows_the_turns_before_it_unless_told_not_to(
    store: Store, scripted: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    bot = ScriptedBot(scripted, "an answer")
    chat = Chat(store, bot)
    list(chat.ask("ann", talk, "first", deed))
    list(chat.ask("ann", talk, "second", deed))
    list(Chat(store, bot, remember=False).ask("ann", talk, "third", deed))
    assert bot.asked == [([], "first"), ([Turn("first", "an answer")], "second"), ([], "third")]
