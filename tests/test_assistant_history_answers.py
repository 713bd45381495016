"""Answers over a customer's whole history: cited by session and message, cached after a restart, gone when erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assistant.history_text import message_document
from assistant.listing import timing_sentence
from assistant.reading import ReadDocument
from assistant.receipts import setting
from assistant.service import Service
from assistant.web.desk import Desk
from tests.fakes import ScriptedEngine, contract
from tests.history_cases import apart, ask, engine, house, read
from tests.history_house import SESSIONS, imported, service

__all__ = ["apart", "engine", "house"]  # fixtures


def test_the_receipt_counts_the_tokens_of_the_running_session_too(house: Service) -> None:
    talk = imported(house.store).conversation.id
    first, second = ask(house, talk, "Is the pump fine now?"), ask(house, talk, "What was sent?")
    live = len(read(house, talk).live)
    document = read(house, talk)
    assert first.tokens == first.tokens_read == len(document.encoded.token_ids)
    assert second.tokens == second.tokens_read
    assert first.tokens < second.tokens < len(document.encoded.token_ids) + live


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


def test_a_question_on_the_page_is_no_part_of_the_history_that_answers_it(house: Service) -> None:
    imported(house.store)
    list(Desk(house).ask("ann", "", "What was sent?", bot="support"))
    record = house.store.messages("ann", house.store.conversations("ann")[0].id)[-1].answer
    assert record is not None
    assert (setting(record, "sessions"), setting(record, "messages")) == ("4", "8")
