"""What agents see and do in the inbox, what others cannot, and that the customer's page follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assistant.handoff_rules import Reason
from assistant.packet import Exchange, build_packet
from assistant.thresholds import Thresholds
from assistant.web.inbox import MOST, Inbox, InboxView
from assistant.web.inbox_views import lasting
from assistant.web.signals_page import EVERYBODY, SignalsDesk
from storage import CitationRecord, Store

HOSTILE = "<img src=x onerror=alert(1)> **bold**"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)
    for organisation in ("acme", "zeta"):
        store.accounts.create_organisation(organisation, organisation_id=organisation)
    people = (("acme", "kim", "agent"), ("acme", "lee", "agent"), ("acme", "ann", "member"), ("zeta", "zoe", "agent"))
    for organisation, name, role in people:
        store.accounts.add_user(organisation, name, role=role)
    yield store
    store.close()


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(store: Store, clock: Clock) -> Inbox:
    return Inbox(store, clock)


@pytest.fixture
def called(store: Store) -> str:
    """A hand-off that waits."""
    talk = store.create_conversation("ann", "support", "t").id
    store.append("ann", talk, "user", HOSTILE)
    quote = CitationRecord(1, "history", None, None, 1, "Session of 3 May 2026", "We send it.", 0, 9, True, "quote", 1)
    told = [Exchange(HOSTILE, "We send it on Monday.", True, (quote,), datetime.now(UTC))]
    packet = build_packet(Reason("person", "“a person”"), told, now=datetime.now(UTC))
    return store.hand_offs.request("ann", talk, "person", json.dumps(packet.as_json())).id


def talk_of(store: Store) -> str:
    return store.conversations("ann")[0].id


def test_the_queue_tells_who_waits_how_long_and_why(inbox: Inbox, called: str, clock: Clock) -> None:
    clock.ahead = timedelta(minutes=20)
    view = inbox.home("kim")
    assert view.queue and view.chosen == "" and view.may == ""
    assert ">ann<" in view.queue and "20 min" in view.queue and "late" in view.queue
    assert "Asked for a person: “a person”." in view.queue and "support" in view.queue
    empty = inbox.home("zoe").queue
    assert empty and "Nobody waits" in empty and "ann" not in empty


def test_opening_shows_packet_and_conversation_with_every_word_escaped(inbox: Inbox, called: str) -> None:
    view = inbox.open("kim", called)
    assert view.packet and view.conversation and view.head and view.may == "take"
    for part in ("What was tried", "Session of 3 May 2026", "We send it on Monday."):
        assert part in view.packet
    assert "&lt;img" in view.conversation and "<img" not in view.conversation + view.packet + (view.queue or "")
    assert "waits for a person" in view.head


def test_one_agent_takes_over_and_the_other_is_told(inbox: Inbox, called: str, store: Store) -> None:
    view = inbox.take("kim", called)
    assert view.may == "reply" and "you answer here" in (view.head or "")
    other = inbox.take("lee", called)
    assert "Somebody else has taken this conversation." in (other.status or "")
    assert other.may == "" and "kim answers here" in (other.head or "") and "With colleagues" in (other.queue or "")
    assert "Another agent answers here" in (inbox.reply("lee", called, "Hello").status or "")
    assert "Another agent answers here" in (inbox.hand_back("lee", called, "").status or "")
    assert [message.role for message in store.messages("ann", talk_of(store))] == ["user"]


def test_a_message_reaches_the_customer_and_what_could_not_be_sent_stays(
    inbox: Inbox, called: str, store: Store
) -> None:
    inbox.take("kim", called)
    assert inbox.reply("kim", called, "I send it today.").draft == ""
    last = store.messages("ann", talk_of(store))[-1]
    assert (last.role, last.author, last.content) == ("agent", "kim", "I send it today.")
    empty = inbox.reply("kim", called, "  ")
    assert "The message is empty" in (empty.status or "") and empty.draft is None
    long = inbox.reply("kim", called, "x" * (MOST + 1))
    assert "send it in parts" in (long.status or "") and long.draft is None
    assert len(store.messages("ann", talk_of(store))) == 2


def test_back_to_the_bot_with_a_note_or_back_to_the_queue(inbox: Inbox, called: str, store: Store) -> None:
    inbox.take("kim", called)
    assert "waits for a colleague" in (inbox.release("kim", called).status or "")
    assert inbox.take("lee", called).may == "reply"
    view = inbox.hand_back("lee", called, " Refunded. ")
    assert view.may == "" and view.note == "" and "is back with the bot" in (view.head or "")
    assert store.hand_offs.get("lee", called).note == "Refunded."
    assert store.conversation("ann", talk_of(store)).state == "bot"
    assert "is closed" in (inbox.reply("lee", called, "One more thing").status or "")


def test_a_look_shows_what_changed_and_else_nothing(inbox: Inbox, called: str, store: Store, clock: Clock) -> None:
    seen = inbox.open("kim", called).mark or ""
    clock.ahead = timedelta()
    quiet = inbox.look("kim", called, seen)
    assert quiet in (InboxView(), InboxView(mark=quiet.mark, queue=quiet.queue))  # a minute may have begun
    store.append("ann", talk_of(store), "user", "Are you there?")
    view = inbox.look("kim", called, seen)
    assert "Are you there?" in (view.conversation or "") and view.chosen is None and view.status is None
    clock.ahead = timedelta(minutes=3)
    later = inbox.look("kim", called, view.mark or "")
    assert "3 min" in (later.queue or "") and later.conversation is None
    inbox.take("lee", called)
    assert inbox.look("kim", called, later.mark or "").may == ""


def test_members_and_strangers_see_nothing(inbox: Inbox, called: str, store: Store) -> None:
    for view in (
        inbox.home("ann"),
        inbox.open("ann", called),
        inbox.take("ann", called),
        inbox.look("ann", called, ""),
    ):
        assert "for agents and admins" in (view.status or "") and view.may == ""
        assert not any((view.queue, view.head, view.packet, view.conversation))
    for view in (inbox.open("zoe", called), inbox.reply("zoe", called, "Hi"), inbox.hand_back("zoe", called, "")):
        assert "There is no such hand-off." in (view.status or "") and view.chosen == "" and view.packet == ""
    desk = SignalsDesk(store, Thresholds(), 0.05)
    top, bots, plots = desk.show("ann", "7 days", EVERYBODY, datetime.now(UTC))
    assert "for agents and admins" in top and (bots, plots) == ([], "")
    top, bots, plots = desk.show("kim", "7 days", EVERYBODY, datetime.now(UTC))
    assert bots == ["support"] and "Asked for a person" in plots and "1 hand-off" in top
    assert "Nothing happened in this time." in desk.show("zoe", "24 hours", EVERYBODY, datetime.now(UTC))[0]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (0.5, "just now"),
        (4, "4 min"),
        (60, "1 h"),
        (125, "2 h 5 min"),
        (1440, "1 day"),
        (5000, "3 days"),
        (-1, "just now"),
    ],
)
def test_spans_are_told_in_words(minutes: float, told: str) -> None:
    assert lasting(timedelta(minutes=minutes)) == told
