"""The packet for the person who takes over: everything needed to go on without asking the customer again.

It is extracted, never written by a model: the customer's words, the bot's answers, what is cited, promised and open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.handoff_rules import Reason, same_question, verdict_of
from assistant.issues import Issue
from assistant.listing import place, shortened
from assistant.promises import Promise
from assistant.receipts import checked, proofs
from storage import CitationRecord, Message

LAST = 5  # questions told in full; older ones are counted
WORDS = 300  # characters of one answer that is quoted; cut visibly, as the whole conversation is at hand


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what became of it. `answered`: the bot gave an answer with proof; `answer` "" if it gave none."""

    question: str
    answer: str
    answered: bool
    citations: tuple[CitationRecord, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """`summary`: one paragraph; `tried`: what the bot answered; `unanswered`: questions without a proven answer."""

    reason: str
    rule: str
    summary: str
    questions: tuple[str, ...]
    tried: tuple[str, ...]
    unanswered: tuple[str, ...]
    cited: tuple[str, ...]
    promises: tuple[str, ...]
    issues: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The packet as plain data, for the webhook and the inbox."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    def as_text(self) -> str:
        """The packet in Markdown, for people; marks in the words of customers and documents are plain characters."""
        parts = [f"**{_escaped(self.reason)}**", _escaped(self.summary)]
        for title, rows in (
            ("Not answered", self.unanswered),
            ("What was tried", self.tried),
            ("Open promises", self.promises),
            ("Open issues", self.issues),
            ("Cited", self.cited),
        ):
            if rows:
                parts.append("\n".join([f"**{title}**", *(f"- {_escaped(row)}" for row in rows)]))
        return "\n\n".join(parts)


def exchanges(messages: Sequence[Message], not_stated: str = "") -> tuple[Exchange, ...]:
    """The questions of a conversation's messages with the bot's answers; a person's words end no question."""
    found: list[Exchange] = []
    for message in messages:
        if message.role == "user":
            found.append(Exchange(message.content, "", False, at=message.created_at))
        elif message.role == "assistant" and found and not found[-1].answer:
            verdict = verdict_of(message.content, message.answer, not_stated)
            citations = (*proofs(message.answer), *checked(message.answer)) if message.answer else ()
            answered = not verdict.refused and message.status in ("complete", "stopped")
            found[-1] = Exchange(found[-1].question, message.content, answered, citations, found[-1].at)
    return tuple(found)


def build_packet(
    reason: Reason,
    told: Sequence[Exchange],
    *,
    now: datetime,
    promises: Sequence[Promise] = (),
    issues: Sequence[Issue] = (),
) -> Packet:
    """The packet at `now` (aware). `told`: the conversation, oldest first; `promises` and `issues` of all sessions."""
    unanswered = tuple(_once([each.question for each in told if not each.answered]))
    kept = [promise for promise in promises if promise.status != "kept"]
    return Packet(
        reason=reason.sentence,
        rule=reason.rule,
        summary=_summary(told, unanswered, kept, now),
        questions=tuple(_short(each.question) for each in told[-LAST:]),
        tried=tuple(_tried(each) for each in told[-LAST:] if each.answer),
        unanswered=tuple(_short(question) for question in unanswered),
        cited=tuple(dict.fromkeys(_cited(citation) for each in told for citation in each.citations)),
        promises=tuple(promise.sentence(now) for promise in kept),
        issues=tuple(issue.sentence() for issue in issues),
    )


def _summary(told: Sequence[Exchange], unanswered: Sequence[str], kept: Sequence[Promise], now: datetime) -> str:
    if not told:
        return "The customer has not asked anything yet."
    count = len(told)
    parts = [
        f"The customer asked {count} question{'' if count == 1 else 's'}, {len(unanswered)} without a proven answer."
    ]
    parts.append(f"The last one: “{_short(told[-1].question)}”")
    first = told[0].question
    if count > 1 and not same_question(first, told[-1].question):
        parts.append(f"It began with: “{_short(first)}”")
    overdue = sum(promise.overdue(now) or promise.status == "broken" for promise in kept)
    if kept:
        many = len(kept)
        parts.append(f"{many} promise{'' if many == 1 else 's'} not kept so far, {overdue} of them overdue or broken.")
    return " ".join(parts)


def _tried(each: Exchange) -> str:
    proof = "" if each.answered else " (no proof)"
    return f"“{_short(each.question)}” → “{_short(each.answer)}”{proof}"


def _cited(citation: CitationRecord) -> str:
    where = place(citation)
    return f"{citation.path}, {where}: “{_short(citation.quote)}”"


def _once(questions: Sequence[str]) -> list[str]:
    """Each question once, in its last wording."""
    found: list[str] = []
    for question in reversed(questions):
        if not any(same_question(question, other) for other in found):
            found.append(question)
    return found[::-1]


def _short(text: str) -> str:
    return shortened(text, WORDS)


def _escaped(row: str) -> str:
    for mark in "\\`*_[]<>#|":
        row = row.replace(mark, "\\" + mark)
    return row


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
