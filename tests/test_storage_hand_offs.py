"""Hand-offs between bot and people, promises, and what other systems are told of it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage import DocumentRecord, NotFoundError, Store
from storage.records import ConflictError, NotAllowedError
from storage.records_support import Delivery

LATER = timedelta(days=1)


@pytest.fixture
def desk(store: Store) -> Store:
    """Bob and Cid are customers of acme, Kim and Lee its agents, Ann its admin; Eve is an agent elsewhere."""
    people = {"acme": {"ann": "admin", "kim": "agent", "lee": "agent", "bob": "member", "cid": "member"}}
    people["evil"] = {"eve": "agent"}
    for organisation, roles in people.items():
        store.accounts.create_organisation(organisation, organisation_id=organisation)
        for user, role in roles.items():
            store.accounts.add_user(organisation, user, role=role)
    return store


@pytest.fixture
def talk(desk: Store) -> str:
    talk = desk.create_conversation("bob", "support", "Broken phone").id
    desk.append("bob", talk, "user", "I want a person")
    return talk


def test_from_bot_to_person_and_back_in_one_conversation(desk: Store, talk: str) -> None:
    waiting = desk.hand_offs.request("bob", talk, "asked for a person", "summary: broken phone")
    assert (waiting.state, waiting.user, waiting.bot, waiting.agent) == ("waiting", "bob", "support", None)
    assert desk.conversation("bob", talk).state == "waiting"
    assert desk.hand_offs.inbox("kim") == [waiting]
    taken = desk.hand_offs.take("kim", waiting.id, expected=waiting.version)
    assert (taken.state, taken.agent, taken.version) == ("human", "kim", 2)
    assert desk.conversation("bob", talk).state == "human"
    reply = desk.hand_offs.reply("kim", waiting.id, "Hello Bob", idempotency_key="k")
    assert (reply.role, reply.author, reply.seq) == ("agent", "kim", 1)
    assert desk.hand_offs.reply("kim", waiting.id, "Hello Bob", idempotency_key="k") == reply
    desk.append("bob", talk, "user", "Hi Kim")
    closed = desk.hand_offs.close("kim", waiting.id, note="sent a new one")
    assert (closed.state, closed.note) == ("closed", "sent a new one")
    assert desk.conversation("bob", talk).state == "bot"
    desk.finish_answer("bob", desk.begin_answer("bob", talk).id or 0, "The bot again", "complete", None)
    assert [(m.role, m.number) for m in desk.messages("bob", talk)] == [
        ("user", 1),
        ("agent", 2),
        ("user", 3),
        ("assistant", 4),
    ]
    assert desk.hand_offs.of("bob", talk) == [closed]
    assert desk.hand_offs.inbox("kim") == []
    assert desk.verify().problems == ()


def test_the_bot_is_silent_while_a_person_answers(desk: Store, talk: str) -> None:
    waiting = desk.hand_offs.request("bob", talk, "r", "")
    desk.finish_answer("bob", desk.begin_answer("bob", talk).id or 0, "someone will come", "complete", None)
    desk.hand_offs.take("kim", waiting.id)
    with pytest.raises(ConflictError, match="the bot is silent"):
        desk.begin_answer("bob", talk)
    desk.hand_offs.release("kim", waiting.id)
    desk.begin_answer("bob", talk)


def test_one_hand_off_at_a_time(desk: Store, talk: str) -> None:
    desk.hand_offs.request("bob", talk, "r", "")
    with pytest.raises(ConflictError, match="asked for already"):
        desk.hand_offs.request("bob", talk, "again", "")
    assert desk.hand_offs.cancel("bob", talk).state == "closed"
    assert desk.conversation("bob", talk).state == "bot"
    with pytest.raises(ConflictError, match="Nobody waits"):
        desk.hand_offs.cancel("bob", talk)
    second = desk.hand_offs.request("bob", talk, "r", "")
    desk.hand_offs.take("kim", second.id)
    with pytest.raises(ConflictError, match="Nobody waits"):
        desk.hand_offs.cancel("bob", talk)
    assert [each.state for each in desk.hand_offs.of("bob", talk)] == ["closed", "human"]


def test_of_many_agents_one_gets_it(desk: Store, talk: str) -> None:
    hand_off = desk.hand_offs.request("bob", talk, "r", "")

    def take(agent: str) -> str:
        try:
            return desk.hand_offs.take(agent, hand_off.id).agent or ""
        except ConflictError:
            return ""

    with ThreadPoolExecutor(8) as pool:
        winners = set(pool.map(take, ["kim", "lee"] * 8)) - {""}
    assert len(winners) == 1
    assert desk.hand_offs.get("ann", hand_off.id).agent in winners
    assert desk.hand_offs.get("ann", hand_off.id).version == 2


def test_only_who_has_it_answers(desk: Store, talk: str) -> None:
    hand_off = desk.hand_offs.request("bob", talk, "r", "")
    with pytest.raises(ConflictError, match="Take this conversation first"):
        desk.hand_offs.reply("kim", hand_off.id, "hello")
    desk.hand_offs.take("kim", hand_off.id)
    for deed in (desk.hand_offs.release, desk.hand_offs.close, lambda a, h: desk.hand_offs.reply(a, h, "x")):
        with pytest.raises(ConflictError, match="Another agent"):
            deed("lee", hand_off.id)
    with pytest.raises(ConflictError, match="Somebody else has taken"):
        desk.hand_offs.take("lee", hand_off.id)
    desk.delete_conversation("bob", talk)
    with pytest.raises(ConflictError, match="deleted by the customer"):
        desk.hand_offs.reply("kim", hand_off.id, "hello")
    assert desk.hand_offs.inbox("kim") == []


def test_a_stale_version_is_a_conflict(desk: Store, talk: str) -> None:
    hand_off = desk.hand_offs.request("bob", talk, "r", "")
    desk.hand_offs.take("kim", hand_off.id)
    desk.hand_offs.release("kim", hand_off.id)
    with pytest.raises(ConflictError, match="Somebody else changed this"):
        desk.hand_offs.take("lee", hand_off.id, expected=hand_off.version)
    assert desk.hand_offs.take("lee", hand_off.id, expected=3).agent == "lee"


def test_agents_see_what_was_handed_over_and_afterwards_only_their_own(desk: Store, talk: str) -> None:
    hand_off = desk.hand_offs.request("bob", talk, "r", "")
    for agent in ("kim", "lee", "ann"):
        assert [m.content for m in desk.hand_offs.messages(agent, hand_off.id)] == ["I want a person"]
        assert len(desk.hand_offs.page(agent, hand_off.id).messages) == 1
        with pytest.raises(NotFoundError):  # never around the hand-off
            desk.messages(agent, talk)
    desk.hand_offs.take("kim", hand_off.id)
    desk.hand_offs.close("kim", hand_off.id)
    for agent in ("kim", "ann"):
        assert len(desk.hand_offs.messages(agent, hand_off.id)) == 1
    with pytest.raises(NotFoundError):
        desk.hand_offs.messages("lee", hand_off.id)


def test_agents_open_the_documents_of_what_was_handed_over_and_no_others(desk: Store, talk: str) -> None:
    records = [DocumentRecord(key, key, "p", "text/plain", 1, 1, 1, datetime.now(UTC)) for key in ("d0", "d1")]
    for record in records:
        desk.add_document("bob", record)
    desk.attach_document("bob", talk, "d0")
    hand_off = desk.hand_offs.request("bob", talk, "r", "")
    assert desk.hand_offs.document("kim", hand_off.id, "d0") == records[0]
    with pytest.raises(NotFoundError, match="no such document"):
        desk.hand_offs.document("kim", hand_off.id, "d1")


@pytest.mark.parametrize("stranger", ["eve", "cid", "bob", "nobody"])
def test_strangers_reach_no_hand_off(desk: Store, talk: str, stranger: str) -> None:
    hand_off = desk.hand_offs.request("bob", talk, "r", "the packet")
    deeds: list[Callable[[], object]] = [
        lambda: desk.hand_offs.get(stranger, hand_off.id),
        lambda: desk.hand_offs.take(stranger, hand_off.id),
        lambda: desk.hand_offs.release(stranger, hand_off.id),
        lambda: desk.hand_offs.close(stranger, hand_off.id),
        lambda: desk.hand_offs.reply(stranger, hand_off.id, "x"),
        lambda: desk.hand_offs.messages(stranger, hand_off.id),
        lambda: desk.hand_offs.page(stranger, hand_off.id),
        lambda: desk.promises.of_hand_off(stranger, hand_off.id),
    ]
    for deed in deeds:
        with pytest.raises(NotFoundError):
            deed()
    if stranger == "eve":
        assert desk.hand_offs.inbox("eve") == []
    else:
        with pytest.raises((NotAllowedError, NotFoundError)):
            desk.hand_offs.inbox(stranger)
    assert desk.hand_offs.get("kim", hand_off.id) == hand_off


# -- promises ---


def test_promises_are_made_in_messages_and_kept_or_broken(desk: Store, talk: str) -> None:
    due = datetime(2026, 12, 1, tzinfo=UTC)
    promise = desk.promises.add("bob", talk, 0, "bot", "customer", "call back", due)
    assert (promise.state, promise.due_at, promise.version) == ("open", due, 1)
    assert desk.promises.add("bob", talk, 0, "bot", "customer", "call back", due) == promise
    assert desk.promises.all("bob") == desk.promises.all("bob", talk, state="open") == [promise]
    kept = desk.promises.settle("bob", promise.id, "kept", expected=1)
    assert (kept.state, kept.settled_by, kept.version) == ("kept", "bob", 2)
    with pytest.raises(ConflictError, match="kept already"):
        desk.promises.settle("bob", promise.id, "kept")
    with pytest.raises(ConflictError, match="Somebody else changed"):
        desk.promises.settle("bob", promise.id, "broken", expected=1)
    assert desk.promises.all("bob", state="open") == []
    with pytest.raises(NotFoundError, match="no such message"):
        desk.promises.add("bob", talk, 7, "bot", "customer", "x")


def test_agents_settle_the_promises_of_the_conversation_in_their_hands(desk: Store, talk: str) -> None:
    promise = desk.promises.add("bob", talk, 0, "agent Kim", "Bob", "send a new phone")
    hand_off = desk.hand_offs.request("bob", talk, "r", "")
    assert desk.promises.of_hand_off("kim", hand_off.id) == [promise]
    with pytest.raises(NotFoundError):
        desk.promises.settle("kim", promise.id, "kept")
    desk.hand_offs.take("kim", hand_off.id)
    for stranger in ("lee", "cid", "eve", "nobody"):
        with pytest.raises(NotFoundError):
            desk.promises.settle(stranger, promise.id, "kept")
    assert desk.promises.settle("kim", promise.id, "kept").settled_by == "kim"


# -- the outbox ---


@pytest.fixture
def told(desk: Store) -> Store:
    organisation = desk.accounts.organisation("ann")
    desk.accounts.configure("ann", replace(organisation, webhook_url="https://hooks.example/x"))
    return desk


def test_every_step_is_told_with_the_step_itself(told: Store, talk: str) -> None:
    hand_off = told.hand_offs.request("bob", talk, "asked", "the packet")
    told.hand_offs.take("kim", hand_off.id)
    told.hand_offs.close("kim", hand_off.id)
    events = told.outbox.claim(datetime.now(UTC) + LATER)
    assert [event.event for event in events] == ["hand_off.waiting", "hand_off.human", "hand_off.closed"]
    body = json.loads(events[0].body)
    assert (body["id"], body["packet"], body["event"]) == (hand_off.id, "the packet", "hand_off.waiting")
    assert events[0].url == "https://hooks.example/x"
    assert len({event.key for event in events}) == 3


def test_a_refused_step_is_not_told(told: Store, talk: str) -> None:
    told.hand_offs.request("bob", talk, "r", "")
    with pytest.raises(ConflictError):
        told.hand_offs.request("bob", talk, "again", "")
    assert told.outbox.counts() == {"pending": 1, "delivered": 0, "failed": 0}


def test_deliveries_are_tried_again_until_delivered_or_given_up(told: Store, talk: str) -> None:
    told.hand_offs.request("bob", talk, "r", "")
    now = datetime.now(UTC) + LATER
    first = told.outbox.claim(now, lease_s=60)[0]
    assert first.attempts == 1
    assert told.outbox.claim(now + timedelta(seconds=59)) == []  # somebody is sending it
    again = told.outbox.claim(now + timedelta(seconds=61))[0]  # who then died
    assert (again.key, again.attempts) == (first.key, 2)
    told.outbox.failed(first.id, "HTTP 503", now + timedelta(hours=1))
    assert told.outbox.claim(now + timedelta(minutes=59)) == []
    last = told.outbox.claim(now + timedelta(hours=1))[0]
    assert last.last_error == "HTTP 503"
    told.outbox.delivered(last.id)
    told.outbox.failed(last.id, "too late", None)  # a slower sender cannot undo it
    assert told.outbox.counts() == {"pending": 0, "delivered": 1, "failed": 0}


def test_giving_up_is_final(told: Store, talk: str) -> None:
    told.hand_offs.request("bob", talk, "r", "")
    event = told.outbox.claim(datetime.now(UTC) + LATER)[0]
    told.outbox.failed(event.id, "HTTP 410", None)
    assert told.outbox.claim(datetime.now(UTC) + 2 * LATER) == []
    assert told.outbox.counts()["failed"] == 1


def test_an_event_is_enqueued_once(told: Store) -> None:
    one = told.outbox.enqueue("acme", "report.ready", "https://x", "{}", "report 7")
    assert told.outbox.enqueue("acme", "report.ready", "https://x", "{}", "report 7") == one
    assert told.outbox.enqueue("evil", "report.ready", "https://x", "{}", "report 7").id != one.id


def test_many_senders_never_take_the_same_delivery(told: Store) -> None:
    for n in range(24):
        told.outbox.enqueue("acme", "e", "https://x", "{}", str(n))
    now = datetime.now(UTC) + LATER

    def claim(_: int) -> list[Delivery]:
        return told.outbox.claim(now, limit=3)

    with ThreadPoolExecutor(6) as pool:
        taken = [event.key for events in pool.map(claim, range(12)) for event in events]
    taken += [event.key for _ in range(8) for event in claim(0)]  # what was locked by others at that moment
    assert sorted(taken, key=int) == [str(n) for n in range(24)]


def test_what_an_agent_has_taken_is_found_behind_any_number_of_others(desk: Store, talk: str) -> None:
    other = desk.create_conversation("cid", "support", "Broken too").id
    desk.append("cid", other, "user", "I want a person")
    first = desk.hand_offs.request("bob", talk, "r", "")
    own = desk.hand_offs.request("cid", other, "r", "")
    desk.hand_offs.take("lee", first.id)
    desk.hand_offs.take("kim", own.id)
    assert [each.id for each in desk.hand_offs.inbox("kim", limit=1)] == [first.id]
    assert [each.id for each in desk.hand_offs.inbox("kim", mine=True, limit=1)] == [own.id]
