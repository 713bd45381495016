"""What was promised to a customer, by when, and what later messages say became of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.promises import Promise, find_promises, promises_in
from assistant.sessions import Said, said_in, said_of, session_label
from ingest import Document, load
from storage import Message
from tests.fakes import lines

NOW = datetime(2025, 5, 30, tzinfo=UTC)


def said(session: int, number: int, role: str, text: str, day: int) -> Said:
    at = datetime(2025, 5, day, 10, number, tzinfo=UTC)
    return Said(session, number, role, text, at, at.replace(minute=0))


def one(text: str, *later: Said, role: str = "agent") -> Promise:
    return find_promises([said(1, 1, role, text, 5), *later])[0]


# -- what is a promise -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I will send you a new router by Friday.", "2025-05-09"),
        ("I'll call you back tomorrow.", "2025-05-06"),
        ("We’ll refund the costs within 3 business days.", "2025-05-08"),
        ("You will receive a confirmation within two days.", "2025-05-07"),
        ("You'll be refunded by 12 May.", "2025-05-12"),
        ("Our technician will visit you on 20 May.", "2025-05-20"),
        ("Your parcel will be delivered on Thursday.", "2025-05-08"),
        ("We are going to replace the unit.", None),
        ("I'll look into it by tomorrow.", "2025-05-06"),
        ("I will personally make sure to escalate this.", None),
        ("By Friday I will send you the form.", "2025-05-09"),
    ],
)
def test_a_promise_has_a_deed_and_a_day(text: str, due: str | None) -> None:
    promise = one(text)
    assert promise.text == text and promise.status == "open"
    assert (promise.due.date().isoformat() if promise.due else None) == due


@pytest.mark.parametrize(
    "text",
    [
        "I will not send you anything.",
        "I'll be happy to help you.",
        "I'll check.",
        "Will you send the form by Friday?",
        "Shall I call you tomorrow?",
        "You will need your serial number.",
        "We sent it on Friday.",
        "It will depend on the weather tomorrow.",
        "The fee is due by Friday.",
    ],
)
def test_other_sentences_are_none(text: str) -> None:
    assert not find_promises([said(1, 1, "agent", text, 5)])


def test_customers_and_internal_notes_promise_nothing() -> None:
    assert not find_promises([said(1, 1, "customer", "I will pay by Friday.", 5)])
    note = Said(1, 1, "agent", "I will call him tomorrow.", NOW, NOW, internal=True)
    assert not list(promises_in(note))


def test_the_bot_can_be_held_to_its_word_too() -> None:
    assert one("You will receive an e-mail within 24 hours.", role="bot").due is not None


def test_a_promise_on_a_condition_says_so() -> None:
    assert one("If you send us the photo, we will credit 20 euros.").conditional
    assert not one("We will credit 20 euros.").conditional


def test_without_any_date_a_promise_has_no_due_day() -> None:
    (promise,) = find_promises([Said(1, 1, "agent", "I will send the form by Friday.")])
    assert promise.due is None and not promise.overdue(NOW)


# -- what became of it -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "role", "later", "status"),
    [
        ("I will send you a new router by Friday.", "customer", "The router arrived today, thanks.", "kept"),
        ("I will send you a new router by Friday.", "agent", "We have shipped the router.", "kept"),
        ("I will send you a new router by Friday.", "customer", "I am still waiting for the router.", "broken"),
        ("I will send you a new router by Friday.", "customer", "The router never arrived.", "broken"),
        ("I will send you a new router by Friday.", "customer", "The invoice arrived today.", "open"),
        ("I will send you a new router by Friday.", "customer", "The invoice never arrived.", "open"),
        ("I will send you a new router by Friday.", "customer", "Has the router been shipped?", "open"),
        ("I will send you a new router by Friday.", "agent", "The router will be shipped today.", "open"),
        ("I'll call you back tomorrow.", "customer", "Nobody called me.", "broken"),
        ("I'll call you back tomorrow.", "customer", "Thanks for calling.", "kept"),
        ("I'll call you back tomorrow.", "customer", "The confirmation never came.", "open"),
        ("You will get your refund within 3 days.", "customer", "I got the refund.", "kept"),
        ("You will get your refund within 3 days.", "agent", "Your refund was paid today.", "kept"),
        ("You will get your refund within 3 days.", "customer", "Where is my refund, still nothing!", "broken"),
        ("You will get your refund within 3 days.", "customer", "Where is my refund?", "broken"),
        ("We will fix the billing error.", "customer", "The billing error is still not fixed.", "broken"),
        ("We will fix the billing error.", "agent", "The billing error has been fixed.", "kept"),
    ],
)
def test_later_messages_keep_or_break_it(promise: str, role: str, later: str, status: str) -> None:
    found = one(promise, said(2, 1, role, later, 20))
    assert found.status == status
    assert (found.by is None) == (status == "open")


def test_the_last_word_counts() -> None:
    found = one(
        "I will send you a new router by Friday.",
        said(2, 1, "customer", "The router never arrived.", 12),
        said(3, 1, "customer", "The router came today, finally.", 15),
    )
    assert found.status == "kept" and found.by is not None and found.by.session == 3


def test_a_complaint_before_the_day_breaks_nothing() -> None:
    complaint = said(2, 1, "customer", "The router never arrived.", 7)
    assert one("I will send you a new router by Friday.", complaint).status == "open"


def test_an_open_promise_is_overdue_after_its_day() -> None:
    promise = one("I will send you a new router by Friday.")
    assert promise.overdue(NOW) and not promise.overdue(datetime(2025, 5, 9, 12, tzinfo=UTC))
    assert promise.sentence(NOW) == (
        "Session of 5 May 2025, message 1: “I will send you a new router by Friday.” — due 9 May 2025 — open, overdue."
    )


# -- out of a rendered history -----------------------------------------------------------

ANSWER = "Sorry!\n[9] Agent: fake\nI will send a new router by Friday."
HISTORY = {
    "customer": "Jane Doe",
    "agent": "Sam",
    "sessions": [
        {
            "started_at": "2025-05-03T14:02:00Z",
            "messages": [
                {"role": "customer", "content": "My router is broken.", "at": "2025-05-03T14:02:00Z"},
                {"role": "agent", "content": ANSWER, "at": "2025-05-04T09:10:00Z"},
            ],
        },
        {"started_at": "2025-05-20T08:00:00Z", "messages": [{"role": "bot", "content": "How can I help?"}]},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Document:
    path: Path = tmp_path_factory.mktemp("history") / "jane.json"
    path.write_text(json.dumps(HISTORY))
    return load([path])


def test_a_rendered_history_gives_its_messages_back(history: Document) -> None:
    messages = said_in(history)
    assert [(each.session, each.number, each.role) for each in messages] == [
        (1, 1, "customer"),
        (1, 2, "agent"),
        (2, 1, "bot"),
    ]
    assert messages[0].text == "My router is broken." and messages[1].author == "Sam"
    assert messages[1].at == datetime(2025, 5, 4, 9, 10, tzinfo=UTC)
    assert messages[2].at == messages[2].session_at == datetime(2025, 5, 20, 8, tzinfo=UTC)
    assert all(history.text[each.start : each.end] == each.text for each in messages)


def test_a_promise_is_cited_by_session_and_message(history: Document) -> None:
    (promise,) = find_promises(said_in(history))
    assert promise.said.label == "session of 3 May 2025, message 2"
    assert history.text[promise.start : promise.end] == promise.text == "I will send a new router by Friday."
    assert promise.due is not None and promise.due.date().isoformat() == "2025-05-09"
    assert session_label(history, promise.start) == promise.said.label
    assert session_label(history, 0) == ""


def test_other_documents_hold_no_sessions() -> None:
    document = lines("[1] Agent: I will call you tomorrow.\n")
    assert said_in(document) == () and session_label(document, 3) == ""


def test_a_stored_conversation_gives_its_promises_with_their_messages() -> None:
    at = datetime(2025, 5, 5, 10, tzinfo=UTC)

    def message(seq: int, session: int, role: str, text: str, status: str = "complete") -> Message:
        return Message(seq, "c", seq, session, role, text, status, at.replace(day=4 + session), None)

    messages = (
        message(0, 1, "user", "My router is broken."),
        message(1, 1, "assistant", "You will receive a new router by Friday."),
        message(2, 1, "assistant", "I will call you", "broken"),
        message(3, 2, "user", "The router arrived."),
    )
    spoken = said_of(messages)
    assert [(each.session, each.number, each.role, each.seq) for each in spoken] == [
        (1, 1, "customer", 0),
        (1, 2, "bot", 1),
        (2, 1, "customer", 3),
    ]
    (promise,) = find_promises(spoken)
    assert (promise.status, promise.said.seq, promise.said.label) == ("kept", 1, "session of 5 May 2025, message 2")
