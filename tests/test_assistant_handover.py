"""From the bot to a person and back: one conversation, in which only one of them speaks at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.bot import Bot, Finished
from assistant.chat import Chat, Repeated
from assistant.desk_agent import AgentDesk
from assistant.errors import AssistantError
from assistant.handoff import State
from assistant.handover import HandedOff
from assistant.history_file import import_history
from assistant.profiles import Escalation
from assistant.reading import ReadDocument
from sparse_backend import BackendError
from storage import Store
from storage.records import ConflictError, NotAllowedError
from tests.fakes import CONTRACT, PROFILE, ScriptedBot, ScriptedEngine, lines, read_document, tokenizer
from tests.history_house import history_file

RULES = Escalation(
    person=("a human",), repeated=3, refused=2, low_evidence=0.3, low_evidence_count=5, waiting="Somebody comes."
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    store.accounts.create_organisation("Acme", organisation_id="acme")
    for name, role in (("boss", "admin"), ("kim", "agent"), ("lee", "agent"), ("ann", "member")):
        store.accounts.add_user("acme", name, role=role)
    yield store
    store.close()


@pytest.fixture
def engine(tmp_path: Path) -> ScriptedEngine:
    return ScriptedEngine(tmp_path, "The yearly fee is $120,000.")


@pytest.fixture
def deed(engine: ScriptedEngine) -> ReadDocument:
    return read_document(lines(CONTRACT), engine)


@pytest.fixture
def chat(store: Store, engine: ScriptedEngine) -> Chat:
    return Chat(store, Bot(engine, tokenizer(), replace(PROFILE, max_new_tokens=40, escalation=RULES)))


@pytest.fixture
def talk(store: Store) -> str:
    return store.create_conversation("ann", "legal", "deed").id


def said(store: Store, talk: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in store.messages("ann", talk)]


def state(store: Store, talk: str) -> str:
    return store.conversation("ann", talk).state


def test_who_asks_for_a_person_gets_one_and_the_bot_falls_silent(
    store: Store, chat: Chat, engine: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    assert isinstance(list(chat.ask("ann", talk, "What is the yearly fee?", deed))[-1], Finished)
    asked = len(engine.asked)
    (event,) = chat.ask("ann", talk, "Let me talk to a human", deed)
    assert isinstance(event, HandedOff) and event.reason is not None
    assert (event.text, event.state, event.reason.rule) == ("Somebody comes.", State.WAITING, "person")
    assert len(engine.asked) == asked and state(store, talk) == "waiting"
    assert said(store, talk)[2:] == [("user", "Let me talk to a human"), ("assistant", "Somebody comes.")]
    (event,) = chat.ask("ann", talk, "Hello?", deed)
    assert isinstance(event, HandedOff) and event.reason is None and event.message is None
    assert said(store, talk)[-1] == ("user", "Hello?"), "the word to wait is said once"


def test_the_packet_lets_a_person_go_on(store: Store, chat: Chat, deed: ReadDocument, talk: str) -> None:
    list(chat.ask("ann", talk, "What is the yearly fee?", deed))
    list(chat.ask("ann", talk, "a human please", deed))
    desk = AgentDesk(store)
    (row,) = desk.queue("kim")
    packet = desk.packet("kim", row.hand_off.id)
    assert packet.rule == "person" and row.summary == packet.summary and "a human" in row.reason
    assert packet.questions == ("What is the yearly fee?", "a human please")
    assert "$120,000" in packet.tried[0] and "$120,000" in packet.cited[0]
    assert packet.unanswered == ("a human please",) and "**What was tried**" in packet.as_text()
    with pytest.raises(NotAllowedError):
        desk.queue("ann")


def test_one_conversation_goes_to_the_person_and_back(
    store: Store, chat: Chat, engine: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    list(chat.ask("ann", talk, "a human please", deed))
    desk = AgentDesk(store)
    (row,) = desk.queue("kim")
    number = row.hand_off.id
    desk.take("kim", number)
    with pytest.raises(ConflictError):
        desk.take("lee", number)
    assert not desk.queue("kim") and [each.hand_off.id for each in desk.queue("kim", mine=True)] == [number]
    assert not desk.queue("lee", mine=True)
    (event,) = chat.ask("ann", talk, "Are you there?", deed)
    assert isinstance(event, HandedOff) and (event.text, event.state) == ("", State.HUMAN)
    desk.reply("kim", number, "I will send you the invoice by 9 May 2031.", idempotency_key="r1")
    desk.reply("kim", number, "I will send you the invoice by 9 May 2031.", idempotency_key="r1")
    assert [role for role, _ in said(store, talk)] == ["user", "assistant", "user", "agent"]
    with pytest.raises(AssistantError):
        desk.reply("kim", number, "  ")
    (promise,) = desk.promises("kim", number)
    assert promise.text.startswith("I will send you the invoice") and promise.by.startswith("agent")
    desk.hand_back("kim", number, note="called her")
    assert state(store, talk) == "bot" and store.hand_offs.of("ann", talk)[0].note == "called her"
    assert isinstance(list(chat.ask("ann", talk, "And the fee?", deed))[-1], Finished)
    tail = tokenizer().decode(engine.asked[-1])
    assert "I will send you the invoice" in tail, "the bot knows what the person said"


def test_answers_that_help_nobody_call_a_person_behind_the_last_one(
    store: Store, chat: Chat, engine: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    engine.says = "Not stated in this document."
    assert isinstance(list(chat.ask("ann", talk, "Who is the king?", deed))[-1], Finished)
    *_, finished, handed = chat.ask("ann", talk, "Where is the castle?", deed)
    assert isinstance(finished, Finished) and isinstance(handed, HandedOff)
    assert handed.reason is not None and handed.reason.rule == "refused"
    store.hand_offs.cancel("ann", talk)
    events = list(chat.ask("ann", talk, "What is the moat?", deed))
    assert isinstance(events[-1], Finished), "what was said before the bot took over again does not count"


def test_a_job_tells_how_a_person_came_into_it(store: Store, chat: Chat, deed: ReadDocument, talk: str) -> None:
    job = chat.start("ann", talk, "a human please", deed)
    assert job.wait(20) and not job.error and job.finished is None
    assert job.handed is not None and job.text == "Somebody comes."
    assert job.message is not None and job.message.content == "Somebody comes."


def test_the_webhook_is_told(store: Store, chat: Chat, deed: ReadDocument, talk: str) -> None:
    organisation = store.accounts.organisation("boss")
    store.accounts.configure("boss", replace(organisation, webhook_url="https://example.org/hook"))
    list(chat.ask("ann", talk, "a human please", deed))
    from datetime import UTC, datetime

    (delivery,) = store.outbox.claim(datetime.now(UTC))
    body = json.loads(delivery.body)
    assert delivery.event == "hand_off.waiting" and json.loads(body["packet"])["rule"] == "person"


def test_the_same_request_twice_is_answered_once(
    store: Store, chat: Chat, engine: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    first = list(chat.ask("ann", talk, "What is the yearly fee?", deed, idempotency_key="k"))[-1]
    (again,) = chat.ask("ann", talk, "What is the yearly fee?", deed, idempotency_key="k")
    assert isinstance(again, Repeated) and again.text == first.text and len(engine.asked) == 1
    assert len(said(store, talk)) == 2
    with pytest.raises(ConflictError):
        list(chat.ask("ann", talk, "Something else", deed, idempotency_key="k"))
    threads = [
        threading.Thread(target=lambda: list(chat.ask("ann", talk, "a human please", deed, idempotency_key="h")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(store, talk)[2:] == [("user", "a human please"), ("assistant", "Somebody comes.")]


def test_a_failed_answer_is_tried_again_under_its_key(
    store: Store, engine: ScriptedEngine, deed: ReadDocument, talk: str
) -> None:
    def fail(_: str) -> None:
        raise BackendError("The model is gone.")

    with pytest.raises(BackendError):
        list(Chat(store, ScriptedBot(engine, "x", fail)).ask("ann", talk, "Which fee?", deed, idempotency_key="k"))
    chat = Chat(store, ScriptedBot(engine, "the fee"))
    assert list(chat.ask("ann", talk, "Which fee?", deed, idempotency_key="k"))[-1].text == "the fee"
    assert [role for role, _ in said(store, talk)] == ["user", "assistant", "assistant"]
    (again,) = chat.ask("ann", talk, "Which fee?", deed, idempotency_key="k")
    assert isinstance(again, Repeated) and again.text == "the fee"


def test_the_packet_of_a_history_names_its_promises(tmp_path: Path) -> None:
    from tests.history_house import service

    house = service(tmp_path / "house", scripted=True)
    talk = import_history(house.store, history_file(), "a.json", user="ann", bot="support").conversation.id
    document = house.reading(house.store.conversation("ann", talk)).result()
    (event,) = house.bot("support").chat.ask("ann", talk, "I want to talk to a person", document)
    assert isinstance(event, HandedOff)
    (hand_off,) = house.store.hand_offs.of("ann", talk)
    packet = json.loads(hand_off.packet)
    assert packet["promises"] == [] or "rotor" in packet["promises"][0]
    (promise,) = house.store.promises.all("ann")
    assert promise.state in ("kept", "broken") and "rotor" in promise.text
    house.store.close()
