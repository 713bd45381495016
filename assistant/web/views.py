"""HTML of the page, from plain values. Every text of documents, models and users is escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from assistant.coverage import Coverage
from assistant.listing import place, timing_sentence
from assistant.reading import ReadState
from storage import AnswerRecord, Conversation, Message

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>$=:@])")  # “:” and “@”: bare addresses become links too
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)  # four of them would make a block of code


def plain(text: str) -> str:
    """`text` shown as it is: no markup in it works, so no image or link in it can load or lead anywhere."""
    escaped = _MARKDOWN.sub(r"\\\1", escape(text, quote=False))
    return _INDENT.sub(lambda match: "&nbsp;" * len(match.group().expandtabs(4)), escaped)


def status(message: str, kind: str = "info") -> str:
    """A line of news for the user: kind “info” or “error”."""
    role = "alert" if kind == "error" else "status"
    return f'<div class="note {kind}" role="{role}">{escape(message)}</div>' if message else ""


def progress(state: ReadState, name: str) -> str:
    """The progress bar of a reading."""
    unit = "" if state.phase == "parsing" else " tokens"  # pages of one file, else files
    verb = "Opening" if state.phase == "parsing" else "Reading"
    share = 100 * state.done / state.total if state.total else 0
    counted = f"{state.done:,} of {state.total:,}{unit}" if state.total else "…"
    eta = f" · about {max(1, round(state.eta_s))} s left" if state.eta_s else ""
    return (
        f'<div class="reading" role="status"><div>{verb} {escape(name)}: {counted}{eta}</div>'
        f'<progress max="100" value="{share:.1f}" aria-label="Reading progress">{share:.0f}%</progress></div>'
    )


def conversation_list(conversations: Sequence[Conversation], chosen: str) -> str:
    """The user's conversations, newest first, as buttons."""
    if not conversations:
        return '<p class="empty">No conversations yet.</p>'
    rows = (
        f'<button type="button" class="conversation{" chosen" if item.id == chosen else ""}"'
        f' data-id="{escape(item.id)}"'
        f' aria-current="{"true" if item.id == chosen else "false"}">{escape(item.title)}'
        f"<small>{item.updated_at:%d %b %Y, %H:%M} UTC</small></button>"
        for item in conversations
    )
    return f'<nav aria-label="Conversations">{"".join(rows)}</nav>'


def answer_text(message: Message) -> str:
    """An answer in the chat: the words, then citation marks, warnings and the receipt."""
    parts = [plain(message.content)]
    record = message.answer
    if message.status == "broken":
        parts.append('<span class="warn">This answer broke off when the program stopped.</span>')
    if message.status == "stopped":
        parts.append('<span class="warn">Stopped.</span>')
    if message.status == "error":
        parts.append('<span class="warn">This answer failed; ask again.</span>')
    if record is not None:
        parts.append(proof_line(record))
        parts.append(f'<span class="receipt">{escape(receipt(record))}</span>')
    return "\n\n".join(part for part in parts if part)


def proof_line(record: AnswerRecord) -> str:
    """“Sources: [1] p. 19, …”, or the warning that nothing proves the answer."""
    if not record.supported:
        return '<span class="warn">No passage was found that proves this answer. Check it before you rely on it.</span>'
    places = ((citation.number, place(citation, files=record.files)) for citation in record.citations)
    marks = " · ".join(f"[{number}] {escape(where)}" for number, where in places)
    return f'<span class="sources">Sources: {marks}</span>' if marks else ""


def receipt(record: AnswerRecord) -> str:
    """Coverage and timings of one answer, in one line."""
    covered = Coverage(
        record.tokens,
        record.tokens_read,
        record.pages,
        record.pages_unread,
        record.files,
        record.files_unread,
    )
    ended = {
        "length": " The answer reached its length limit.",
        "repeat": " The answer was ended as it repeated itself.",
    }
    pattern = "dense" if record.pattern == "dense" else f"{record.pattern}/{record.level}"  # dense has no levels
    how = f"{record.model}, {pattern}."
    return f"{covered.sentence()} {timing_sentence(record)}{ended.get(record.finish_reason, '')} {how}"


def chat(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the chat component wants them."""
    return [
        {"role": "user", "content": plain(item.content)}
        if item.role == "user"
        else {"role": "assistant", "content": person_text(item) if item.role == "agent" else answer_text(item)}
        for item in messages
    ]


def person_text(message: Message) -> str:
    """What a person of the organisation wrote, under their name."""
    return f"**{plain(message.author or 'A colleague')}**\n\n{plain(message.content)}"
