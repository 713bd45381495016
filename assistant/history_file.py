"""Files of histories ↔ the store: an import comes in whole or not at all, an export can be imported again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assistant.errors import AssistantError
from assistant.history import sessions_of
from assistant.history_promises import sync_promises
from assistant.history_text import Session, joined, session_document
from assistant.listing import place
from assistant.masking import mask
from assistant.receipts import proofs
from assistant.sessions import said_in
from ingest.history import session as past
from ingest.history.parse import parse_history
from storage import Conversation, Message, Store
from storage.records import PastMessage, PastSession

_ROLES = {"customer": "user", "bot": "assistant", "agent": "agent"}
_NAMES = {ours: theirs for theirs, ours in _ROLES.items()}
_TITLES = {"user": "Customer", "assistant": "Bot", "agent": "Agent"}
_CUT = "\n\0\n"  # between texts that are masked together; no text of a database holds a NUL
_MARKS = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>#|~$&"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gave. `warnings`: what of the file is not in the database, one sentence each."""

    conversation: Conversation
    sessions: int
    messages: int
    promises: int
    warnings: tuple[str, ...]


def import_history(
    store: Store, data: bytes, name: str, *, user: str, bot: str, customer: str | None = None
) -> Imported:
    """A history file as a conversation of `user`. The same file again is the same conversation.

    `customer`: which one of a file with several. Raises IngestError for a file that is no history, AssistantError for
    one that does not fit, and StorageError; nothing is left behind then.
    """
    history = _chosen(parse_history(data, name), name, customer)
    warnings: Counter[str] = Counter()
    sessions = [_session(each, number, name, warnings) for number, each in enumerate(history.sessions, 1)]
    sessions = [each for each in sessions if each.messages]
    if not sessions:
        raise AssistantError(f"{name} holds no messages; give a history with at least one.")
    key = hashlib.sha256(data + b"\0" + history.customer.encode()).hexdigest()
    conversation = store.import_history(user, bot, f"History of {history.customer}", sessions, key=f"file:{key}")
    if conversation.deleted:
        conversation = store.restore_conversation(user, conversation.id)
    return Imported(
        conversation=conversation,
        sessions=len(sessions),
        messages=sum(len(each.messages) for each in sessions),
        promises=note_promises(store, user),
        warnings=tuple(f"{name}: {count:,} {what}." for what, count in warnings.items()),
    )


def note_promises(store: Store, user: str) -> int:
    """Brings the promises of all of a user's sessions up to date; how many changed."""
    document, places = joined(user, [session_document(session) for session in sessions_of(store, user)])
    return sync_promises(store, user, said_in(document), places)


def _chosen(histories: Sequence[past.History], name: str, customer: str | None) -> past.History:
    if customer is not None:
        histories = [each for each in histories if each.customer == customer]
    if len(histories) == 1:
        return histories[0]
    if not histories:
        raise AssistantError(f"{name} holds no history of “{customer}”; look at the names with `read`.")
    names = ", ".join(each.customer for each in histories[:5]) + (", …" if len(histories) > 5 else "")
    raise AssistantError(f"{name} holds {len(histories)} customers ({names}); name one with --customer.")


def _session(session: past.Session, number: int, name: str, warnings: Counter[str]) -> PastSession:
    if session.started_at is None:
        raise AssistantError(f"{name}: session {number} carries no date; add started_at, then import it.")
    at = session.started_at
    messages: list[PastMessage] = []
    for message in session.messages:
        if message.internal:  # it would be shown to the customer
            warnings["internal notes were not imported, as customers see their own history"] += 1
            continue
        at = message.at or at
        messages.append(PastMessage(_ROLES[message.role], _content(message), at))
    subject = " ".join(session.subject.split())
    if messages and subject and subject not in messages[0].content:
        first = messages[0]
        messages[0] = PastMessage(first.role, f"Subject: {subject}\n{first.content}", first.at)
    if session.details:
        warnings["sessions have details (channel, tags) that were not imported"] += 1
    return PastSession(min([session.started_at, *(each.at for each in messages)]), tuple(messages))


def _content(message: past.Message) -> str:
    files = "".join(f"\n(attached, not imported: {file})" for file in message.attachments)
    return f"{message.content}{files}".strip("\n") or "(no words)"


# -- export --------------------------------------------------------------------


def export_history(store: Store, user: str, form: str, *, masked: Sequence[str] | None = None) -> tuple[str, int]:
    """All sessions of a user as text, and how many messages: “json” is the import format, “md” is for people.

    `masked`: names to be masked besides all that masking.py finds; None masks nothing.
    """
    sessions = sessions_of(store, user)
    texts = [message.content for session in sessions for message in session.messages]
    quotes = [citation.quote for session in sessions for each in session.messages for citation in _cited(each)]
    name = user
    if masked is not None:
        name, *rest = mask_all([user, *texts, *quotes], [user, *masked])
        texts, quotes = rest[: len(texts)], rest[len(texts) :]
    written = _json(name, sessions, texts) if form == "json" else _markdown(name, sessions, texts, quotes)
    return written, len(texts)


def mask_all(texts: Sequence[str], names: Iterable[str]) -> list[str]:
    """`texts` masked as one, so that a value has the same placeholder in all of them."""
    if any("\0" in text for text in texts):
        raise AssistantError("A message holds a NUL character, so this history cannot be masked; export it unmasked.")
    return mask(_CUT.join(texts), names=names)[0].split(_CUT)


def _json(name: str, sessions: Sequence[Session], texts: Sequence[str]) -> str:
    left = iter(texts)
    rows: list[dict[str, Any]] = [
        {
            "started_at": _iso(session.started_at),
            "messages": [
                {"role": _NAMES[message.role], "content": next(left), "at": _iso(message.created_at)}
                for message in session.messages
            ],
        }
        for session in sessions
    ]
    return json.dumps({"customer": name, "agent": "", "sessions": rows}, ensure_ascii=False, indent=1) + "\n"


def _markdown(name: str, sessions: Sequence[Session], texts: Sequence[str], quotes: Sequence[str]) -> str:
    said, cited = iter(texts), iter(quotes)
    lines = [f"# History of {_plain(name)}", ""]
    for session in sessions:
        lines += [f"## {session.title}", ""]
        for message in session.messages:
            torn = "" if message.status in ("complete", "stopped") else f", {message.status}"
            lines += [f"**{message.number}. {_TITLES[message.role]}** ({message.created_at:%d %B %Y, %H:%M} UTC{torn})"]
            lines += ["", _plain(next(said)), ""]
            proof = [f"- {_plain(place(each))}: “{_plain(next(cited))}”" for each in _cited(message)]
            lines += [*proof, ""] if proof else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _cited(message: Message) -> tuple[Any, ...]:
    return proofs(message.answer) if message.answer else ()


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _plain(text: str) -> str:
    return text.translate(_MARKS)
