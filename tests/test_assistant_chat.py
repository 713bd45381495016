"""Nothing said is ever lost: the question is kept before the answer starts, the answer while it grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant import chat as module
from assistant.bot import Bot, Delta, Finished
from assistant.chat import Chat, turns_of
from assistant.errors import BusyError, EmptyQuestionError
from assistant.prompt import Prompt, Turn
from assistant.reading import ReadDocument
from sparse_backend import BackendError, ContextTooLongError
from storage import CitationRecord, Message, NotFoundError, Store
from tests.fakes import CONTRACT, PROFILE, ScriptedBot, ScriptedEngine, engine, lines, read_document, tokenizer

CITATION = CitationRecord(1, "note.txt", None, None, 3, "", "the fee", 4, 11, True, "quote", 0.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    yield store
    store.close()


@pytest.fixture
def scripted(tmp_path: Path) -> ScriptedEngine:
    return ScriptedEngine(tmp_path)


@pytest.fixture
def deed(scripted: ScriptedEngine) -> ReadDocument:
    return read_document(lines(CONTRACT), scripted)


@pytest.fixture
def talk(store: Store) -> str:
    return store.create_conversation("ann", "legal", "deed").id


def said(store: Store, talk: str) -> list[tuple[str, str, str]]:
    return [(message.role, message.content, message.status) for message in store.messages("ann", talk)]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


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
    wait_for(lambda: chat.job(talk) is None)
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


# -- the bot -----------------------------------------------------------------------------


def finished(bot: Bot, deed: ReadDocument, question: str = "What is the fee?") -> Finished:
    *deltas, last = bot.answer(deed, [], question)
    assert isinstance(last, Finished)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return last


def bot_on(scripted: ScriptedEngine, says: str) -> Bot:
    scripted.says = says
    return Bot(scripted, tokenizer(), PROFILE)


def test_an_answer_comes_with_proof_from_the_document(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, " The yearly fee is $120,000. "), deed)
    assert last.text == "The yearly fee is $120,000."
    assert last.supported and "$120,000" in last.citations[0].quote
    assert (last.coverage.tokens, last.coverage.tokens_read) == (len(deed.encoded.token_ids),) * 2


def test_a_wrong_figure_is_not_proven(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, "The yearly fee is $130,000."), deed)
    assert not last.supported and last.citations == ()


def test_an_invented_quote_is_named(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    assert finished(bot_on(scripted, 'It says "the moon is the limit".'), deed).unverified == ("the moon is the limit",)


def test_silence_needs_no_proof_and_has_no_citation(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, "Not stated in this document."), deed)
    assert last.supported and last.citations == ()


def test_attention_is_taken_from_the_documents_own_tokens(scripted: ScriptedEngine) -> None:
    source = lines("Rent of room one: $900.\n\nfill fill fill.\n\nRent of room two: $900.\n")
    deed = read_document(source, scripted)
    for line, words in ((1, "room one"), (5, "room two")):
        start = deed.prefix.start + deed.encoded.token_at(source.text.index(words))
        scripted.looks_at = (start, start + 3)
        assert finished(bot_on(scripted, "It is $900."), deed, "What is it?").citations[0].line == line


def test_half_a_character_is_not_shown(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    bot = bot_on(scripted, "5 € → 日本")
    texts = [event.text for event in bot.answer(deed, [], "q")]
    assert texts[-1] == "5 € → 日本" and not [text for text in texts if "\ufffd" in text]


def test_leaving_closes_the_engine(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    events = bot_on(scripted, "one two three").answer(deed, [], "q")
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert scripted.closed == 1


def test_the_engine_is_asked_with_the_prompts_tail(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    turns = [Turn("q", "a")]
    list(bot_on(scripted, "x").answer(deed, turns, "next"))
    assert scripted.asked == [Prompt(tokenizer(), PROFILE).tail(turns, "next")]


def test_on_the_real_engine_a_follow_up_computes_its_own_tokens_only(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    bot = Bot(real, tokenizer(), PROFILE)
    first = finished(bot, deed).answer
    assert first.cached_tokens == len(deed.read.segment)
    assert 0 < len(first.token_ids) <= PROFILE.max_new_tokens
    assert first.evidence.shape == (len(first.token_ids), len(deed.read.segment))
    *_, last = bot.answer(deed, [Turn("What is the fee?", "some answer")], "And the law?")
    assert isinstance(last, Finished)
    assert last.answer.cached_tokens >= first.context_tokens - 1 > first.cached_tokens
    assert finished(bot, deed).answer.token_ids == first.token_ids


def test_a_conversation_that_outgrew_the_model_is_told_and_nothing_is_computed(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    with pytest.raises(ContextTooLongError):
        list(Bot(real, tokenizer(), PROFILE).answer(deed, [Turn("word " * 900, "a")], "q"))


def test_cancel_ends_the_real_engine_early(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    profile = replace(PROFILE, max_new_tokens=100)
    *_, last = Bot(real, tokenizer(), profile).answer(deed, [], "q", cancel=lambda: True)
    assert isinstance(last, Finished)
    assert last.answer.finish == "cancelled" and last.answer.token_ids == ()
