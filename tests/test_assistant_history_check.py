"""Asked what was promised and what is open, the support bot gets it from the history, with the session of each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.history_check import MAX_TOLD, HistoryCheck
from assistant.issues import open_issues
from assistant.sessions import Said
from ingest import Document, load
from tests.fakes import lines

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def session(day: str, *messages: tuple[str, str]) -> dict[str, object]:
    return {
        "started_at": f"2025-05-{day}T10:00:00Z",
        "messages": [{"role": role, "content": content} for role, content in messages],
    }


HISTORY = {
    "customer": "Jane Doe",
    "agent": "Sam",
    "sessions": [
        session(
            "03",
            ("customer", "My router does not work."),
            ("agent", "I will send you a new router by Friday. We'll refund the shipping within 3 days."),
        ),
        session("12", ("customer", "The router arrived and works now, thanks. I still have no invoice.")),
        session("20", ("customer", "The app crashes when I open the calendar."), ("bot", "Please restart it.")),
    ],
}


def read(folder: Path, *histories: object) -> Document:
    path = folder / "history.json"
    path.write_text(json.dumps(histories[0] if len(histories) == 1 else histories))
    return load([path])


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return read(tmp_path_factory.mktemp("one"), HISTORY)


@pytest.fixture(scope="module")
def check(history: Document) -> HistoryCheck:
    return HistoryCheck(history)


def test_what_was_promised_and_not_kept_is_told_and_cited(check: HistoryCheck, history: Document) -> None:
    found = check.asked("What did you promise me?", NOW)
    assert found.facts == (
        "Session of 3 May 2025, message 2: “We'll refund the shipping within 3 days.” — due 6 May 2025 "
        "— open, overdue.",
    )
    (place,) = found.places
    assert place.kind == "promise" and history.text[place.start : place.end].startswith("We'll refund")


def test_asked_about_one_thing_its_promise_is_told_even_if_kept(check: HistoryCheck) -> None:
    (fact,) = check.asked("When will my router come?", NOW).facts
    assert fact.endswith("— due 9 May 2025 — kept (session of 12 May 2025, message 1).")
    assert check.asked("When will my tractor come?", NOW).facts == ()


def test_open_issues_are_told_with_their_sessions(check: HistoryCheck) -> None:
    facts = check.asked("What is still open?", NOW).facts
    assert any("refund the shipping" in fact for fact in facts)
    assert (
        "Session of 20 May 2025, message 1: “The app crashes when I open the calendar.” "
        "(last spoken of: session of 20 May 2025, message 2) — not settled."
    ) in facts
    assert not any("does not work" in fact for fact in facts)


def test_other_questions_and_other_documents_get_no_such_facts(check: HistoryCheck) -> None:
    assert check.asked("How do I reset the router?", NOW).facts == ()
    assert HistoryCheck(lines("I will send it by Friday.\n")).asked("What did you promise?", NOW).facts == ()


def test_one_customers_parcel_keeps_no_promise_to_another(tmp_path: Path) -> None:
    other = {"customer": "Bo", "agent": "Sam", "sessions": [session("25", ("customer", "The router arrived."))]}
    first = {**HISTORY, "sessions": HISTORY["sessions"][:1]}
    check = HistoryCheck(read(tmp_path, first, other))
    assert [promise.status for promise in check.promises] == ["open", "open"]


def test_a_long_list_is_counted_not_cut_silently(tmp_path: Path) -> None:
    texts = [f"I will send you item number{chr(97 + n)} by Friday." for n in range(20)]
    many = {"customer": "Jo", "agent": "Sam", "sessions": [session("05", *(("agent", text) for text in texts))]}
    facts = HistoryCheck(read(tmp_path, many)).asked("What was promised?", NOW).facts
    assert len(facts) == MAX_TOLD + 1 and facts[-1] == "And 8 more."


# -- issues ----------------------------------------------------------------------------


def said(session: int, number: int, role: str, text: str) -> Said:
    return Said(session, number, role, text)


@pytest.mark.parametrize(
    ("messages", "count"),
    [
        ([(1, "customer", "My phone is broken.")], 1),
        ([(1, "customer", "What does it cost?"), (1, "agent", "Ten euros.")], 0),
        ([(1, "customer", "My phone is broken."), (1, "agent", "It is fixed.")], 0),
        ([(1, "customer", "My phone is broken."), (1, "agent", "It is not fixed yet.")], 1),
        ([(1, "customer", "My phone is broken."), (1, "agent", "Try this."), (1, "customer", "Great, thanks!")], 0),
        ([(1, "customer", "My phone is broken."), (1, "agent", "Fixed."), (1, "customer", "It still fails.")], 1),
        ([(1, "customer", "My phone is broken."), (2, "agent", "Your phone was repaired.")], 0),
        ([(1, "customer", "My phone is broken."), (2, "agent", "Your modem was repaired.")], 1),
    ],
)  # fmt: skip
def test_an_issue_is_open_until_somebody_says_it_is_settled(messages: list[tuple[int, str, str]], count: int) -> None:
    spoken = [said(where, index, role, text) for index, (where, role, text) in enumerate(messages, 1)]
    assert len(open_issues(spoken)) == count


def test_a_long_complaint_is_shortened_visibly() -> None:
    (issue,) = open_issues([said(1, 1, "customer", "It is broken. " + "word " * 100)])
    assert issue.sentence().endswith(" …” — not settled.") and len(issue.sentence()) < 220
