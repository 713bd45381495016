"""A customer's whole history is in reach of the next answer: which sessions are read, as which segments."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assistant import history as module
from assistant.errors import AssistantError
from assistant.history import histories, latest_conversation, sessions_of
from assistant.history_text import joined, place_of, session_document
from assistant.service import Service
from assistant.sessions import said_in, session_label
from storage import Conversation, NotFoundError, Store
from tests.fakes import ScriptedEngine, contract, tokenizer
from tests.history_cases import apart, ask, engine, house, read
from tests.history_house import SESSIONS, imported

__all__ = ["apart", "engine", "house"]  # fixtures


def test_a_rendered_session_is_understood_again_and_cannot_be_forged(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    imported(store)
    document, places = joined("ann", [session_document(each) for each in sessions_of(store, "ann")])
    said = said_in(document)
    assert [(each.session_at, each.number, each.role) for each in said] == [
        (datetime.fromisoformat(session["started_at"]), number, message["role"])
        for session in SESSIONS
        for number, message in enumerate(session["messages"], 1)
    ]
    stored = store.messages("ann", imported(store).conversation.id)
    for each, message, place in zip(said, stored, places, strict=True):
        assert (each.start, each.end) == (place.start, place.end)
        assert each.text.replace("\n    ", "\n") == message.content and place.seq == message.seq
    at = document.text.index("Amber Forty")
    assert session_label(document, at) == "session of 20 June 2025, message 2"
    assert place_of(places, at) == places[5] and place_of(places, 0) is None
    store.close()


def test_a_later_session_leaves_earlier_texts_as_they_are(house: Service) -> None:
    talk = imported(house.store).conversation.id
    before = read(house, talk)
    house.store.append("ann", talk, "user", "Hello again")
    after = read(house, talk)
    assert after.held.document.text.startswith(before.held.document.text)
    assert after.segments == before.segments and after.read.cached_tokens == len(after.read.segment)


def test_every_closed_session_is_a_segment_and_the_running_one_the_tail(house: Service, engine: ScriptedEngine) -> None:
    talk = imported(house.store).conversation.id
    house.store.append("ann", talk, "user", "Is the pump fine now?")
    document = read(house, talk)
    texts = [tokenizer().decode(segment.token_ids) for segment in document.segments]
    assert len(texts) == len(SESSIONS) and "You answer a customer" in texts[0]
    for text, title in zip(texts, ("3 May", "12 May", "20 June", "1 September"), strict=True):
        assert len(re.findall(r"^Session of ", text, re.M)) <= 1 and f"Session of {title} 2025, " in text
    first = document.segments[0]
    assert "3 May" in tokenizer().decode([first.token_ids[index] for index in first.anchors])
    assert "Is the pump fine now?" in tokenizer().decode(document.live)
    engine.says = "It is."
    ask(house, talk, "And the oil?")
    tail = tokenizer().decode(engine.asked[-1])
    assert tail.index("Is the pump fine now?") < tail.index("Question: And the oil?")


def test_short_sessions_share_a_segment_and_what_was_read_stays(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PACK", 10_000)
    talk = imported(house.store).conversation.id
    packed = read(house, talk).segments
    assert len(packed) == 1
    counts = []
    for turn in range(6):
        house.store.append("ann", talk, "user", f"One more thing, number {turn}.")
        house.store.start_session("ann", talk)
        again = read(house, talk)
        counts.append(len(again.segments))
        if turn < 3:  # what was read before is not read again
            assert again.segments[0].key == packed[0].key and again.read.cached_tokens >= len(packed[0])
    assert counts[:4] == [2, 3, 4, 1], "five small segments in a row are read anew as one"


def test_no_text_is_put_together_that_is_too_long_to_be_a_segment(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing many sessions costs their length, not its square."""
    monkeypatch.setattr(module, "PACK", 200)
    reader, made = house.histories("support"), []
    plain = reader._text

    def noted(closed: Any, start: int, end: int) -> Any:
        made.append(plain(closed, start, end))
        return made[-1]

    monkeypatch.setattr(reader, "_text", noted)
    read(house, imported(house.store).conversation.id)
    assert made and all(len(text.token_ids) <= 200 or text.sessions == 1 for text in made)


def test_sessions_of_all_conversations_count_but_not_those_about_documents(house: Service, tmp_path: Path) -> None:
    first = imported(house.store).conversation.id
    other = house.store.create_conversation("ann", "support", "another")
    house.store.append("ann", other.id, "user", "I moved to Oslo.")
    about = house.converse("ann", house.reader.start([contract(tmp_path / "in")]).result())
    house.store.append("ann", about.id, "user", "Which law?")
    text = read(house, first).held.document.text
    assert "Oslo" in text and "Which law?" not in text
    assert latest_conversation(house.store, "ann", "support") == other.id
    assert latest_conversation(house.store, "ann", "legal") is None
    imported(house.store, user="bob", customer="Bob")
    assert latest_conversation(house.store, "bob", "support") not in (first, other.id)
    with pytest.raises(NotFoundError):
        house.histories("support").start("bob", first).result()


def test_a_session_ends_when_the_customer_was_away(
    house: Service, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = imported(house.store).conversation.id
    number = house.store.conversation("ann", talk).sessions
    engine.says = "It hums."
    ask(house, talk, "What about the pump?")
    read(house, talk)
    assert house.store.conversation("ann", talk).sessions == number
    monkeypatch.setattr(module, "IDLE", timedelta(0))
    document = read(house, talk)
    assert house.store.conversation("ann", talk).sessions == number + 1
    assert len(document.segments) == 1 + len(SESSIONS) and document.live == ()


def test_a_long_session_ends_behind_an_answer_only(house: Service, engine: ScriptedEngine) -> None:
    talk = imported(house.store).conversation.id
    number = house.store.conversation("ann", talk).sessions
    house.store.append("ann", talk, "user", "word " * engine.decoder.limit)
    read(house, talk)
    assert house.store.conversation("ann", talk).sessions == number
    house.store.append("ann", talk, "assistant", "I see.")
    assert "word word" in tokenizer().decode(read(house, talk).segments[-1].token_ids)
    assert house.store.conversation("ann", talk).sessions == number + 1


def test_a_bot_of_documents_reads_no_history(house: Service) -> None:
    talk = house.store.create_conversation("ann", "legal", "nothing")
    with pytest.raises(AssistantError, match="no document"):
        house.reading(talk)


def test_histories_of_the_same_moment_are_all_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path)
    made = [store.create_conversation("ann", "support", str(number)) for number in range(7)]
    moments = [made[0].updated_at, *[made[1].updated_at] * 5, made[6].updated_at]
    same = {each.id: replace(each, updated_at=at) for each, at in zip(made, moments, strict=True)}

    def page(user: str, *, limit: int, before: datetime | None, archived: bool) -> list[Conversation]:
        rows = sorted(same.values(), key=lambda each: (each.updated_at, each.id), reverse=True)
        return [each for each in rows if not archived and (before is None or each.updated_at < before)][:limit]

    monkeypatch.setattr(store, "conversations", page)
    monkeypatch.setattr(module, "PAGE", 2)
    found = [each.id for each in histories(store, "ann")]
    assert sorted(found) == sorted(same) and len(set(found)) == 7
