"""The person who takes over is told everything, in the words that were said; nothing is written by a model."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from assistant.handoff_rules import Reason
from assistant.issues import open_issues
from assistant.packet import Exchange, build_packet, exchanges
from assistant.promises import find_promises
from assistant.sessions import Said
from storage import AnswerRecord, CitationRecord, Message

NOW = datetime(2025, 6, 1, tzinfo=UTC)
CITED = CitationRecord(
    1, "jane.json", None, None, 3, "session of 3 May 2025, message 2", "the fee", 0, 7, True, "quote", 0.9
)
REASON = Reason("person", "“a human”")


def record(*citations: CitationRecord, supported: bool = True) -> AnswerRecord:
    return AnswerRecord(
        "m", "p", "l", "i", "stop", supported, 1, 1, 0, 1, 0, (), 1, (), 0.0, 0.0, 0.0, 0.0, citations
    )  # fmt: skip


def message(seq: int, role: str, text: str, answer: AnswerRecord | None = None, status: str = "complete") -> Message:
    return Message(seq, "c", seq, 1, role, text, status, NOW, answer)


TALK = (
    message(0, "user", "What is the fee?"),
    message(1, "assistant", "Ten euros.", record(CITED)),
    message(2, "user", "Where is my router?"),
    message(3, "assistant", "Not stated in this history.", record()),
    message(4, "user", "where is my router please"),
    message(5, "assistant", "In the post.", record(supported=False)),
    message(6, "user", "Give me <b>a human</b>!"),
)


def test_a_conversation_becomes_questions_and_answers() -> None:
    found = exchanges(TALK)
    assert [(each.question, each.answer, each.answered) for each in found] == [
        ("What is the fee?", "Ten euros.", True),
        ("Where is my router?", "Not stated in this history.", False),
        ("where is my router please", "In the post.", False),
        ("Give me <b>a human</b>!", "", False),
    ]
    assert found[0].citations == (CITED,)
    broken = exchanges((TALK[0], message(1, "assistant", "Ten", record(CITED), "broken")))
    assert not broken[0].answered
    person = exchanges((TALK[0], message(1, "agent", "Ten."), message(2, "assistant", "Ten euros.", record(CITED))))
    assert person[0].answer == "Ten euros."


def test_the_packet_tells_what_was_asked_tried_cited_and_left() -> None:
    packet = build_packet(REASON, exchanges(TALK), now=NOW)
    assert packet.reason == "Asked for a person: “a human”." and packet.rule == "person"
    assert packet.summary == (
        "The customer asked 4 questions, 2 without a proven answer. The last one: “Give me <b>a human</b>!” "
        "It began with: “What is the fee?”"
    )
    assert packet.unanswered == ("where is my router please", "Give me <b>a human</b>!")
    assert packet.tried == (
        "“What is the fee?” → “Ten euros.”",
        "“Where is my router?” → “Not stated in this history.” (no proof)",
        "“where is my router please” → “In the post.” (no proof)",
    )
    assert packet.cited == ("jane.json, line 3, session of 3 May 2025, message 2: “the fee”",)


def test_promises_and_issues_come_from_all_sessions() -> None:
    at = datetime(2025, 5, 5, tzinfo=UTC)
    said = [
        Said(1, 1, "customer", "My router is broken.", at, at),
        Said(1, 2, "agent", "I will send you a router by Friday. We'll call you tomorrow.", at, at),
        Said(1, 3, "customer", "Thanks for calling, but nothing changed.", at, at),
    ]
    packet = build_packet(REASON, exchanges(TALK), now=NOW, promises=find_promises(said), issues=open_issues(said))
    assert packet.promises == (
        "Session of 5 May 2025, message 2: “I will send you a router by Friday.” — due 9 May 2025 — open, overdue.",
        "Session of 5 May 2025, message 2: “We'll call you tomorrow.” — due 6 May 2025 — open, overdue.",
    )
    assert packet.summary.endswith("2 promises not kept so far, 2 of them overdue or broken.")
    assert packet.issues and "My router is broken." in packet.issues[0]


def test_the_packet_travels_as_json_and_reads_as_text() -> None:
    packet = build_packet(REASON, exchanges(TALK), now=NOW)
    data = json.loads(json.dumps(packet.as_json()))
    assert data["unanswered"][1] == "Give me <b>a human</b>!" and data["rule"] == "person"
    text = packet.as_text()
    assert "Give me \\<b\\>a human\\</b\\>!" in text.split("**Not answered**")[1]
    assert "**What was tried**" in text and "**Open promises**" not in text


def test_a_conversation_without_a_question_has_a_packet_too() -> None:
    assert build_packet(REASON, (), now=NOW).summary == "The customer has not asked anything yet."


def test_a_long_text_is_shortened_visibly_and_old_questions_are_counted() -> None:
    many = [Exchange(f"Question number {n}?", "word " * 200, True) for n in range(9)]
    packet = build_packet(REASON, many, now=NOW)
    assert packet.summary.startswith("The customer asked 9 questions, 0 without")
    assert len(packet.questions) == 5 and packet.tried[0].endswith(" …”")
