"""A customer's whole history as context: every closed session is read once, the running one stands behind them.

The system text and the first closed sessions are one segment, the later ones follow in segments of some thousand
tokens, and what is being said now is the tail of the next question. So a new turn computes nothing but itself, and a
session that closes becomes a segment of its own until there are several such.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import NamedTuple

from assistant.citations import Citer
from assistant.history_promises import sync_promises
from assistant.history_text import Place, Session, joined, session_document
from assistant.holdings import HISTORY, Holdings
from assistant.library import Held
from assistant.observer import Observer
from assistant.profiles import Profile
from assistant.prompt import Prompt
from assistant.reading import ReadContext, ReadDocument, ReadJob
from assistant.sessions import said_in
from assistant.tokenizer import Tokenizer
from ingest import Document, Encoded, encode
from ingest.encode import Offsets
from sparse_backend import Engine, Read
from sparse_backend.segment import Context
from storage import Conversation, Store

IDLE = timedelta(hours=4)  # a customer who comes back after it begins a new session
PACK = 3072  # tokens of a segment of sessions: read side by side in many small ones, facts are lost (docs/log.md)
FEW = 4  # small segments in a row before they are read anew as one; a small one is below this part of PACK
LIVE_SHARE = 8  # a session that fills this part of the model's trained range is closed, and the next one begins
PAGE = 100  # conversations asked for at once
MOMENT = timedelta(microseconds=1)  # the least by which two times differ in the store
ANCHOR_TOKENS = 12  # of a session's header: all of its date


def _told(job: ReadJob, before: int, total: int, tokens: int, _: int) -> None:
    """Progress of one segment as progress of all of them."""
    job.read(before + tokens, total)


def reads_history(profile: Profile) -> bool:
    """Whether a bot answers over the customer's history: those that keep track of promises do."""
    return "promises" in profile.checks


@dataclass(frozen=True, slots=True)
class _Part:
    """One session, rendered and encoded."""

    session: Session
    document: Document
    places: tuple[Place, ...]
    encoded: Encoded


class _Text(NamedTuple):
    """What one segment is read from: whose conversations, tokens, anchors, and how many sessions."""

    owners: set[str]
    token_ids: list[int]
    anchors: list[int]
    sessions: int


class HistoryReader:
    """Reads histories for one profile on one engine."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        tokenizer: Tokenizer,
        profile: Profile,
        holdings: Holdings,
        observer: Observer | None = None,
    ) -> None:
        self._store, self._engine, self._tokenizer = store, engine, tokenizer
        self._bot, self._holdings, self._observer = profile.name, holdings, observer or Observer()
        self._prompt = Prompt(tokenizer, profile)
        self._lock = threading.Lock()
        self._latest: dict[str, Read] = {}  # of the history read last: 60 sessions are more than a shelf holds

    def start(self, user: str, conversation_id: str, before: int | None = None) -> ReadJob:
        """A running job that reads all sessions of `user` for the next question in this conversation.

        `before`: the `seq` of the question, where it is stored already; it and what follows stay out.
        """
        return ReadJob(self, (user, conversation_id, before))

    def work(self, job: ReadJob, source: tuple[str, str, int | None]) -> ReadDocument:
        """The job's work, in the job's thread."""
        user, conversation_id, before = source
        self._close_if_over(user, conversation_id)
        running = (conversation_id, self._store.conversation(user, conversation_id).sessions)
        parts = [self._part(session) for session in sessions_of(self._store, user, conversation_id, before)]
        closed = [part for part in parts if (part.session.conversation_id, part.session.number) != running]
        live = [part for part in parts if (part.session.conversation_id, part.session.number) == running]
        reads = self._read(job, closed)
        document, places = joined(f"history of {user}", [(part.document, part.places) for part in (*closed, *live)])
        sync_promises(self._store, user, said_in(document), places)
        encoded = _beside([part.encoded for part in closed], [len(part.document.text) for part in closed])
        prefix = self._prompt.prefix(encoded)
        held = Held(f"history:{document.content_hash}", document, len(document.text.encode()), 0.0)
        read = ReadContext(
            Context(tuple(each.segment for each in reads)),
            cached_tokens=sum(each.cached_tokens for each in reads),
            seconds=sum(each.seconds for each in reads),
            save_s=sum(each.save_s for each in reads),
        )
        behind = tuple(token for part in live for token in part.encoded.token_ids)
        return ReadDocument(held, encoded, prefix, read, Citer(document, encoded), behind, places)

    def _part(self, session: Session) -> _Part:
        document, places = session_document(session)
        return _Part(session, document, places, encode(document, self._tokenizer, anchor_tokens=ANCHOR_TOKENS))

    def _read(self, job: ReadJob, closed: Sequence[_Part]) -> list[Read]:
        """The system text and the closed sessions, some PACK tokens of them to a segment: only the last one changes."""
        texts = self._packed(closed)
        total, done = sum(len(text.token_ids) for text in texts), 0
        with self._lock:
            before = self._latest
        found: dict[str, Read] = {}
        reads: list[Read] = []
        for text in texts:
            ids, anchors = text.token_ids, text.anchors
            key = self._engine.key(ids, anchors)
            for owner in text.owners:
                self._holdings.note(HISTORY, owner, [key])
            known = before.get(key)
            if known is not None and self._engine.store.has(key):
                read = Read(known.segment, len(ids), 0.0)
            else:
                read = self._engine.read(ids, anchors, progress=partial(_told, job, done, total), cancel=job.cancelled)
                self._observer.read(self._bot, read, 0.0)
            found[key] = read
            reads.append(read)
            done += len(ids)
        job.read(total, total)
        with self._lock:
            self._latest = found
        return reads

    def _packed(self, closed: Sequence[_Part]) -> list[_Text]:
        """The texts of the segments, sessions in order: as they were read before where they were, else packed anew.

        Sessions closed one by one since then stand apart until there are more than FEW small ones in a row.
        """
        made: list[_Text] = []
        start = 0
        while start < len(closed) or not made:
            fitting = [self._text(closed, start, end) for end in self._ends(closed, start)]
            kept = (text for text in fitting if self._engine.store.has(self._engine.key(text.token_ids, text.anchors)))
            made.append(next(kept, fitting[0]))
            start += made[-1].sessions
        small = [len(text.token_ids) < PACK // FEW for text in made]
        trailing = next((at for at, each in enumerate(reversed(small)) if not each), len(small))
        if trailing <= FEW:
            return made
        first = sum(text.sessions for text in made[: len(made) - trailing])
        return [*made[: len(made) - trailing], self._text(closed, first, len(closed))]

    def _ends(self, closed: Sequence[_Part], start: int) -> range:
        """Where a segment from `start` on may end, the furthest first: what PACK holds, but one session at least."""
        size, end = (0 if start else len(self._prompt.opening)), start
        while end < len(closed) and size + len(closed[end].encoded.token_ids) <= PACK:
            size += len(closed[end].encoded.token_ids)
            end += 1
        first = min(start + 1, len(closed))
        return range(max(end, first), first - 1, -1)

    def _text(self, closed: Sequence[_Part], start: int, end: int) -> _Text:
        """One segment's text: the sessions [start, end), the system text in front of the first."""
        owners: set[str] = set()
        ids, anchors = (list(self._prompt.opening) if start == 0 else []), list[int]()
        for part in closed[start:end]:
            owners.add(part.session.conversation_id)
            anchors += [anchor + len(ids) for anchor in part.encoded.anchors]
            ids += part.encoded.token_ids
        return _Text(owners, ids, anchors, end - start)

    def forget(self, key: str) -> None:
        """Lets go of a segment that was deleted."""
        with self._lock:
            self._latest = {held: read for held, read in self._latest.items() if held != key}

    def _close_if_over(self, user: str, conversation_id: str) -> None:
        """Begins a new session where the customer comes back after a while, or has said much in this one."""
        number = self._store.conversation(user, conversation_id).sessions
        messages = self._store.messages(user, conversation_id, session_number=number)
        if not messages or messages[-1].status == "streaming":
            return
        words = sum(len(self._tokenizer.text(message.content)) for message in messages)
        long = words > self._engine.decoder.limit // LIVE_SHARE and messages[-1].role != "user"
        if long or datetime.now(UTC) - messages[-1].created_at > IDLE:
            self._store.start_session(user, conversation_id)


def sessions_of(
    store: Store, user: str, conversation_id: str | None = None, before: int | None = None
) -> list[Session]:
    """All sessions of a user that hold messages, by time: of every conversation that is not about a document.

    `conversation_id`: the conversation that goes on; its sessions come even if it is about one, up to `seq` `before`.
    """
    found: list[Session] = []
    records = store.sessions(user)
    for conversation in dict.fromkeys(record.conversation_id for record in records):
        if conversation != conversation_id and store.conversation(user, conversation).document_ids:
            continue
        started = {each.number: each.started_at for each in records if each.conversation_id == conversation}
        messages = store.messages(user, conversation)
        if before is not None and conversation == conversation_id:
            messages = [message for message in messages if message.seq < before]
        for number, group in groupby(messages, key=lambda message: message.session):
            found.append(Session(conversation, number, started[number], tuple(group)))
    return sorted(found, key=lambda session: (session.started_at, session.conversation_id, session.number))


def history_as_read(
    store: Store, user: str, conversation_id: str, running: int, before: int | None = None
) -> tuple[Document, tuple[Place, ...]]:
    """All sessions as an answer in session `running` of this conversation had them, that one last."""
    sessions = sessions_of(store, user, conversation_id, before)
    live = [each for each in sessions if (each.conversation_id, each.number) == (conversation_id, running)]
    closed = [each for each in sessions if each not in live]
    return joined(f"history of {user}", [session_document(each) for each in (*closed, *live)])


def latest_conversation(store: Store, user: str, bot: str) -> str | None:
    """The user's conversation with this bot that was last spoken in, of those about no document."""
    return next((each.id for each in histories(store, user) if each.bot == bot), None)


def histories(store: Store, user: str) -> Iterator[Conversation]:
    """The user's conversations about no document, the last updated first; archived ones last."""
    for archived in (False, True):
        before: datetime | None = None
        shown: set[str] = set()  # of those that were updated in the very moment at which the next page begins
        while True:
            found = store.conversations(user, limit=PAGE + len(shown), before=before, archived=archived)
            page = [each for each in found if each.id not in shown]
            if not page:
                break
            yield from (each for each in page if not each.document_ids)
            last = page[-1].updated_at
            shown = {each.id for each in found if each.updated_at == last}
            before = last + MOMENT


def _beside(encodings: Sequence[Encoded], chars: Sequence[int]) -> Encoded:
    """Encodings of texts that stand one behind the other, as one."""
    ids, offsets, anchors = array("i"), Offsets(), []
    start = 0
    for encoded, size in zip(encodings, chars, strict=True):
        anchors += [len(ids) + anchor for anchor in encoded.anchors]
        ids.extend(encoded.token_ids)
        offsets.extend(encoded.offsets, start)
        start += size
    return Encoded(ids, tuple(anchors), offsets)
