"""Conversations written out: messages as JSON, a whole talk as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assistant.closest import LEADS
from assistant.listing import evidence_lines, place
from assistant.receipts import checked, led, proofs
from assistant.web.api.replies import receipt
from assistant.web.api.wire import MessageObject
from storage import AnswerRecord, CitationRecord, Conversation, Message

_SPEAKERS = {"user": "Question", "assistant": "Answer", "agent": "Person"}
_MARKS = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]()#+-.!|~>$<&="})


def message_object(message: Message) -> MessageObject:
    """A message as the API shows it."""
    record = message.answer
    return MessageObject(
        id=message.seq,
        session=message.session,
        role=message.role,
        content=message.content,
        status=message.status,
        created_at=message.created_at.timestamp(),
        unabridged=receipt(record, message.conversation_id, message.seq) if record else None,
    )


def as_json(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """All messages of an export."""
    return [message_object(message).model_dump() for message in messages]


def as_markdown(conversation: Conversation, messages: Sequence[Message]) -> str:
    """A talk to read. What people, documents and models said is escaped: nothing in it loads or leads anywhere."""
    lines = [f"# {_plain(conversation.title)}", "", f"Bot: {_plain(conversation.bot)}", ""]
    session = 0
    for message in messages:
        if message.session != session:
            session = message.session
            lines += [f"## Session {session}", ""]
        when = f"{message.created_at:%Y-%m-%d %H:%M} UTC"
        broken = "" if message.status == "complete" else f", {message.status}"
        lines += [f"**{_SPEAKERS.get(message.role, message.role)}** ({when}{broken})", "", _plain(message.content), ""]
        lines += _proof(message)
    return "\n".join(lines)


def _proof(message: Message) -> list[str]:
    if message.answer is None:
        return []
    record = message.answer
    cited = [_cited(each, record) for each in (*proofs(record), *checked(record))]
    if shown := [_cited(each, record) for each in led(record)]:
        cited += [*([""] if cited else []), f"{LEADS}:", "", *shown]
    verdict = "" if record.supported else " " + _plain(" ".join(evidence_lines(record)))
    return [*cited, *([""] if cited else []), f"Read {record.tokens_read:,} of {record.tokens:,} tokens.{verdict}", ""]


def _cited(citation: CitationRecord, record: AnswerRecord) -> str:
    words = _plain(" ".join(citation.quote.split()))
    return f"{citation.number}. {_plain(place(citation, files=record.files))}: “{words}”"


def _plain(text: str) -> str:
    return text.translate(_MARKS)
