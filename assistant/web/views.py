"""HTML of the page, from plain values. Every text of documents, models and users is escaped here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from assistant.listing import place
from assistant.marks import marks
from assistant.reading import ReadState
from assistant.receipts import proofs
from assistant.web.proof_views import chip
from assistant.web.receipt_view import receipt_html
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
    record = message.answer
    parts = [plain(message.content) if record is None else cited_text(message, record)]
    if message.status == "broken":
        parts.append('<span class="warn">This answer broke off when the program stopped.</span>')
    if message.status == "stopped":
        parts.append('<span class="warn">Stopped.</span>')
    if message.status == "error":
        parts.append('<span class="warn">This answer failed; ask again.</span>')
    if record is not None:
        parts.append(proof_line(record))
        parts.append(receipt_html(record))
    return "\n\n".join(part for part in parts if part)


def proof_line(record: AnswerRecord) -> str:
    """“Sources: [1] p. 19, …”, or the warning that nothing proves the answer."""
    if not record.supported:
        return '<span class="warn">No passage was found that proves this answer. Check it before you rely on it.</span>'
    places = ((citation.number, place(citation, files=record.files)) for citation in record.citations)
    marks = " · ".join(f"[{number}] {escape(where)}" for number, where in places)
    return f'<span class="sources">Sources: {marks}</span>' if marks else ""


def cited_text(message: Message, record: AnswerRecord) -> str:
    """The words of an answer with the number of each citation behind what it proves."""
    names = {item.number: place(item, files=record.files) for item in record.citations}
    shown, last = [], 0
    for offset, number in marks(message.content, proofs(record)):
        shown += [_behind(message.content[last:offset]), chip(message.id, number, names[number])]
        last = offset
    return "".join([*shown, _behind(message.content[last:])])


def _behind(text: str) -> str:
    """Plain text that goes on in a line: its first spaces are no indent."""
    words = text.lstrip(" ")
    return " " * (len(text) - len(words)) + plain(words)


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
