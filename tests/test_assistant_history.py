"""A customer's whole history is in reach of the next answer, read once, and cited by session and message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assistant import history as module
from assistant.bot import Finished
from assistant.errors import AssistantError
from assistant.history import latest_conversation, sessions_of
from assistant.history_text import joined, message_document, place_of, session_document
from assistant.listing import timing_sentence
from assistant.reading import ReadDocument
from assistant.receipts import setting
from assistant.service import Service
from assistant.sessions import said_in, session_label
from assistant.web.desk import Desk
from storage import AnswerRecord, NotFoundError, Store
from tests.fakes import ScriptedEngine, contract, scripted, tokenizer
from tests.history_house import SESSIONS, imported, service


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Service]:
    made = service(tmp_path / "data", scripted=True)
    yield made
    made.store.close()


@pytest.fixture
def engine(house: Service) -> ScriptedEngine:
    return scripted(house.engine)


def read(house: Service, talk: str, user: str = "ann") -> ReadDocument:
    return house.reading(house.store.conversation(user, talk)).result()


def ask(house: Service, talk: str, question: str) -> AnswerRecord:
    document = read(house, talk)
    read_now = len(document.read.segment) - document.read.cached_tokens
    events = list(house.bot("support").chat.ask("ann", talk, question, document, read_now=read_now))
    assert [event for event in events if isinstance(event, Finished)]
    record = [message for message in house.store.messages("ann", talk) if message.answer][-1].answer
    assert record is not None
    return record


def test_the_receipt_counts_the_tokens_of_the_running_session_too(house: Service) -> None:
    talk = imported(house.store).conversation.id
    first, second = ask(house, talk, "Is the pump fine now?"), ask(house, talk, "What was sent?")
    live = len(read(house, talk).live)
    document = read(house, talk)
    assert first.tokens == first.tokens_read == len(document.encoded.token_ids)
    assert second.tokens == second.tokens_read
    assert first.tokens < second.tokens < len(document.encoded.token_ids) + live


# -- the text --------------------------------------------------------------------------


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


# -- reading -----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each session a segment of its own: these tests' sessions are short."""
    monkeypatch.setattr(module, "PACK", 1)


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


# -- answers -------------------------------------------------------------------------------


def test_an_answer_cites_the_message_of_a_session(house: Service, engine: ScriptedEngine) -> None:
    talk = imported(house.store).conversation.id
    engine.says = "You told us: “The serial number is PX-4417.”"
    record = ask(house, talk, "What is my serial number?")
    (cited,) = record.citations
    assert cited.section == "session of 3 May 2025, message 1"
    assert (cited.conversation_id, cited.session, cited.seq, cited.document_id) == (talk, 1, 0, None)
    message = house.store.message("ann", talk, 0)
    assert message.content[cited.start : cited.end].startswith("The serial number is PX-4417")
    assert message_document(message, cited.section).span_at(cited.start).line == 1
    assert record.supported and (setting(record, "sessions"), setting(record, "messages")) == ("4", "8")
    assert record.context == tuple(segment.key for segment in read(house, talk).segments)
    assert record.dtype == "float32"
    assert len(record.bot_digest) == 64 and record.model_digest == engine.decoder.fingerprint


def test_facts_and_places_beside_an_answer_are_kept(house: Service, engine: ScriptedEngine) -> None:
    from assistant.receipts import facts, proofs, see_also

    talk = imported(house.store).conversation.id
    engine.says = "A rotor was promised."
    record = ask(house, talk, "What was promised to me about the rotor?")
    assert any("rotor" in fact and "3 May 2025" in fact for fact in facts(record))
    beside = see_also(record)
    assert beside and beside[0].kind == "promise" and beside[0].seq == 1
    assert (*proofs(record), *beside) == record.citations


def test_a_second_turn_and_a_restart_find_everything_cached(tmp_path: Path) -> None:
    """The real engine on the tiny model, four sessions, two processes."""
    words = "named Amber Forty"
    for run in range(2):
        house = service(tmp_path / "data")
        talk = imported(house.store).conversation.id
        document = read(house, talk)
        whole = len(document.read.segment)
        assert document.read.cached_tokens == (whole if run else 0)
        record = ask(house, talk, f"Which oil? “{words}”?")
        assert record.cached_tokens >= whole if run else record.cached_tokens >= 0
        assert read(house, talk).read.cached_tokens == whole, "a turn of the running session changes no segment"
        place = document.held.document.text.index(words)
        cited = document.citer.prove(f"“It needs the oil {words}.”", "Which oil?", _no_mass(document)).citations
        assert [each.section for each in cited] == ["session of 20 June 2025, message 2"]
        assert cited[0].start <= place < cited[0].end
        house.store.close()


def _no_mass(document: ReadDocument) -> Any:
    import numpy as np

    return np.zeros(len(document.encoded.token_ids), dtype=np.float32)


def test_what_was_read_goes_with_its_conversation(house: Service) -> None:
    talk = imported(house.store).conversation.id
    read(house, talk)
    before = house.engine.store.usage()[0]  # type: ignore[union-attr]
    assert before == len(SESSIONS)
    house.delete_conversation("ann", talk)
    assert house.engine.store.usage()[0] == 0  # type: ignore[union-attr]
    house.store.restore_conversation("ann", talk)
    assert read(house, talk).read.cached_tokens == 0


def test_erasing_and_purging_remove_files_and_segments(house: Service, tmp_path: Path) -> None:
    imported(house.store)
    document = house.reader.start([contract(tmp_path / "in")]).result()
    house.converse("ann", document)
    removed = house.erase("ann", by="ann")
    assert removed.documents == (document.held.id,) and house.library.get(document.held.id) is None
    assert house.engine.store.usage()[0] == 0  # type: ignore[union-attr]
    talk = imported(house.store, user="bob").conversation.id
    read(house, talk, "bob")
    house.store.delete_conversation("bob", talk)
    removed = house.purge(datetime.now(UTC) + timedelta(days=31))
    assert removed.conversations == (talk,) and house.engine.store.usage()[0] == 0  # type: ignore[union-attr]


def test_beyond_the_trained_range_the_receipt_says_what_was_looked_at(tmp_path: Path) -> None:
    """The real engine on the tiny model, which was trained for 1,024 tokens."""
    sessions = [
        {
            "started_at": f"2024-{month:02}-{day:02}T09:00:00Z",
            "messages": [
                {"role": "customer", "content": f"Call {month}.{day}: the pump hums again and leaks oil on the floor."},
                {"role": "agent", "content": f"Noted under number {month * 100 + day}; the lamp stays on until then."},
            ],
        }
        for month in range(1, 6)
        for day in range(1, 5)
    ]
    house = service(tmp_path / "data")
    talk = imported(house.store, sessions=sessions).conversation.id
    document = read(house, talk)
    assert len(document.read.segment) > house.engine.decoder.limit
    record = ask(house, talk, "What does the pump do?")
    assert setting(record, "exact") == "no"
    assert 0 < int(setting(record, "looked_at")) < int(setting(record, "context_tokens"))
    assert "Beyond the model's trained range" in timing_sentence(record)
    assert record.tokens == record.tokens_read == len(document.encoded.token_ids)
    assert (setting(record, "sessions"), setting(record, "messages")) == ("20", "40")
    house.store.close()


# -- the page ------------------------------------------------------------------------------


def test_the_page_answers_over_a_history_and_shows_the_cited_message(house: Service, engine: ScriptedEngine) -> None:
    talk = imported(house.store).conversation.id
    desk = Desk(house)
    engine.says = "You told us: “The serial number is PX-4417.”"
    last = list(desk.ask("ann", talk, "What is my serial number?"))[-1]
    assert last.viewer and "<mark" in last.viewer and "PX-4417" in last.viewer
    assert last.sources and "session of 3 May 2025, message 1" in last.sources
    last = list(desk.ask("ann", talk, "I want to talk to a person"))[-1]
    assert last.status and "A person was asked to take over" in last.status
    assert last.transcript and "colleague" in last.transcript and last.live


def test_a_question_asked_anew_is_not_part_of_the_history_it_is_asked_of(
    house: Service, engine: ScriptedEngine
) -> None:
    talk = imported(house.store).conversation.id
    desk = Desk(house)
    engine.says = "The serial number is PX-4417."
    list(desk.ask("ann", talk, "What is my serial number?"))
    (asked,) = (each for each in house.store.messages("ann", talk) if each.content == "What is my serial number?")
    list(desk.anew("ann", talk, asked.seq, "Which number has my thing?"))
    again = house.store.messages("ann", talk)[-2]
    document = house.reading(house.store.conversation("ann", talk), before=again.seq).result()
    assert "PX-4417" in document.held.document.text
    assert "Which number" not in document.held.document.text and "What is my" not in document.held.document.text
    assert "Which number" in house.reading(house.store.conversation("ann", talk)).result().held.document.text
