"""The one door to the database. Every method is one transaction: durable on return, or nothing happened.

Methods that touch a user's data take that user and raise NotFoundError for what belongs to another one; all
raise StorageError (DiskFullError when there is no room). A Store may be shared by threads, not by forks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

from sqlalchemy import FromClause, func, select, union
from sqlalchemy.orm import Session, selectinload

from storage import ledger
from storage.database import build_engine, database_url, explained, writer
from storage.migrate import current_revision, upgrade
from storage.process import current_tag
from storage.records import (
    FINAL_STATUSES,
    ROLES,
    AnswerRecord,
    ConflictError,
    Conversation,
    DocumentRecord,
    Message,
    NotFoundError,
)
from storage.rows import conversation_value, document_row, document_value, message_value
from storage.schema import Base, ConversationRow, DocumentRow, LinkRow, MessageRow


class Store:
    """Conversations, messages and documents of all users in one database."""

    def __init__(self, url_or_path: str | Path, *, process_tag: str | None = None) -> None:
        """For a database that is already up to date; connects on first use. Others use `Store.open`."""
        self._url = database_url(url_or_path)
        self._engine = build_engine(self._url)
        self._writer = writer(self._engine)
        self._process = process_tag or current_tag()

    @classmethod
    def open(cls, path: str | Path, *, process_tag: str | None = None) -> Self:
        """Create or upgrade the database and mark the answers that a dead process left unfinished.

        `path` is the data folder (the file is `unabridged.db` in it), a file ending in `.db`, or a URL.
        """
        url = database_url(path)
        with explained(url):
            upgrade(url)
        store = cls(path, process_tag=process_tag)
        store.mark_broken()
        return store

    def close(self) -> None:
        """Close all connections; the store may still be used and then connects again."""
        self._engine.dispose()

    # -- documents ---

    def add_document(self, user: str, document: DocumentRecord) -> DocumentRecord:
        """Keep a document; when the user has one with this id already, that one stays and is returned."""
        with self._begin() as session:
            row = session.get(DocumentRow, (user, document.id))
            if row is None:
                row = document_row(user, document)
                session.add(row)
                session.flush()
                session.refresh(row)
            return document_value(row)

    def documents(self, user: str) -> list[DocumentRecord]:
        """All documents of the user, oldest first."""
        query = select(DocumentRow).filter_by(user_id=user).order_by(DocumentRow.created_at, DocumentRow.id)
        with self._begin(write=False) as session:
            return [document_value(row) for row in session.scalars(query)]

    def document(self, user: str, document_id: str) -> DocumentRecord:
        with self._begin(write=False) as session:
            return document_value(_document(session, user, document_id))

    def delete_document(self, user: str, document_id: str) -> None:
        """Forget a document for good; deleted conversations lose their link to it.

        Raises ConflictError, naming them, while conversations that are not deleted use it.
        """
        links = select(LinkRow).filter_by(user_id=user, document_id=document_id)
        with self._begin() as session:
            row = _document(session, user, document_id)
            used_by = select(ConversationRow).join(ConversationRow.links)
            used_by = used_by.where(
                LinkRow.user_id == user,
                LinkRow.document_id == document_id,
                ConversationRow.deleted_at.is_(None),
            )
            if users := session.scalars(used_by.order_by(ConversationRow.created_at)).all():
                raise ConflictError(f"{row.name} is used by {_names(users)}; delete that first.")
            for link in session.scalars(links):
                session.delete(link)
            session.flush()  # the links go before the document that they point to
            session.delete(row)

    # -- conversations ---

    def create_conversation(self, user: str, bot: str, title: str, document_ids: Sequence[str] = ()) -> Conversation:
        """Start a conversation, in its session 1, about these documents of the user."""
        now = datetime.now(UTC)
        row = ConversationRow(
            id=uuid4().hex, user_id=user, bot=bot, title=title, sessions=1, created_at=now, updated_at=now
        )
        with self._begin() as session:
            for document_id in document_ids:
                _attach(session, row, document_id)
            session.add(row)
            session.flush()
            return conversation_value(row)

    def conversation(self, user: str, conversation_id: str) -> Conversation:
        """One conversation, deleted or not."""
        with self._begin(write=False) as session:
            return conversation_value(_conversation(session, user, conversation_id))

    def conversations(self, user: str, *, limit: int = 50, before: datetime | None = None) -> list[Conversation]:
        """Those not deleted, the last updated first. Next page: `before` = the last one's `updated_at`."""
        if limit < 1:
            raise ValueError("limit must be at least 1")
        query = select(ConversationRow).filter_by(user_id=user, deleted_at=None)
        if before is not None:
            query = query.where(ConversationRow.updated_at < before)
        query = query.order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limit)
        with self._begin(write=False) as session:
            rows = session.scalars(query.options(selectinload(ConversationRow.links)))
            return [conversation_value(row) for row in rows]

    def rename(self, user: str, conversation_id: str, title: str) -> Conversation:
        with self._begin() as session:
            row = _conversation(session, user, conversation_id)
            row.title = title
            return conversation_value(row)

    def delete_conversation(self, user: str, conversation_id: str) -> None:
        """Take a conversation out of the list and close it to writing; it can be restored as it was."""
        with self._begin() as session:
            row = _conversation(session, user, conversation_id)
            row.deleted_at = row.deleted_at or datetime.now(UTC)

    def restore_conversation(self, user: str, conversation_id: str) -> Conversation:
        with self._begin() as session:
            row = _conversation(session, user, conversation_id)
            row.deleted_at = None
            return conversation_value(row)

    def attach_document(self, user: str, conversation_id: str, document_id: str) -> Conversation:
        """Add one more document of the user; one that is attached already stays where it is."""
        with self._begin() as session:
            row = _open_conversation(session, user, conversation_id)
            if _attach(session, row, document_id):
                row.updated_at = datetime.now(UTC)
            return conversation_value(row)

    def start_session(self, user: str, conversation_id: str) -> int:
        """Close the running session and return the number of the new one; messages now go there."""
        with self._begin() as session:
            row = _open_conversation(session, user, conversation_id)
            row.sessions += 1
            row.updated_at = datetime.now(UTC)
            return row.sessions

    # -- messages ---

    def append(
        self, user: str, conversation_id: str, role: str, content: str, *, idempotency_key: str | None = None
    ) -> Message:
        """Add a complete message; a key that this conversation knows returns the message stored under it."""
        if role not in ROLES:
            raise ValueError(f"role must be one of {ROLES}, not {role!r}")
        with self._begin() as session:
            row = _open_conversation(session, user, conversation_id)
            known = ledger.by_key(session, row.id, idempotency_key) if idempotency_key is not None else None
            columns = {"role": role, "content": content, "idempotency_key": idempotency_key}
            return message_value(known or ledger.add(session, row, status="complete", **columns))

    def begin_answer(self, user: str, conversation_id: str) -> Message:
        """Add an empty answer, which only this process may grow and finish, by its `id`."""
        with self._begin() as session:
            row = _open_conversation(session, user, conversation_id)
            columns = {"role": "assistant", "content": "", "status": "streaming"}
            return message_value(ledger.add(session, row, process=self._process, **columns))

    def grow_answer(self, message_id: int, content: str) -> None:
        """Replace the text so far. Each call waits for the disk: call it per second, not per token."""
        with self._begin() as session:
            ledger.grow(session, self._process, message_id, content)

    def finish_answer(self, message_id: int, content: str, status: str, answer: AnswerRecord | None) -> Message:
        """Store the last text, status and receipt together. Raises ConflictError when finished before."""
        if status not in FINAL_STATUSES:
            raise ValueError(f"status must be one of {FINAL_STATUSES}, not {status!r}")
        with self._begin() as session:
            return message_value(ledger.finish(session, self._process, message_id, content, status, answer))

    def messages(self, user: str, conversation_id: str) -> list[Message]:
        """All messages in order, over all sessions, with their answers; also of a deleted conversation."""
        with self._begin(write=False) as session:
            row = _conversation(session, user, conversation_id)
            return [message_value(message) for message in ledger.of(session, row.id)]

    def mark_broken(self, process_tag: str | None = None) -> int:
        """Call answers "broken" whose process is gone, their text kept; returns how many. `open` does it.

        `process_tag`: a process that is known to be gone though it ran on a machine that cannot be asked.
        The answers of this process are never touched.
        """
        with self._begin() as session:
            return ledger.break_abandoned(session, self._process, process_tag)

    # -- the whole ---

    def counts(self) -> dict[str, int | str]:
        """How many users, conversations (deleted ones too), messages, documents; and `schema_revision`."""
        users = union(select(ConversationRow.user_id), select(DocumentRow.user_id)).subquery()
        tables: dict[str, FromClause | type[Base]] = {
            "users": users,
            "conversations": ConversationRow,
            "messages": MessageRow,
            "documents": DocumentRow,
        }
        with self._begin(write=False) as session:
            found: dict[str, int | str] = {
                name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
            }
            return found | {"schema_revision": current_revision(session.connection())}

    @contextmanager
    def _begin(self, *, write: bool = True) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error. Values are built inside it."""
        engine = self._writer if write else self._engine
        with explained(self._url), Session(engine) as session, session.begin():
            yield session


def _conversation(session: Session, user: str, conversation_id: str, *, lock: bool = False) -> ConversationRow:
    query = select(ConversationRow).filter_by(id=conversation_id, user_id=user)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return row


def _open_conversation(session: Session, user: str, conversation_id: str) -> ConversationRow:
    # The row lock is for PostgreSQL; SQLite knows none and holds its write lock instead.
    row = _conversation(session, user, conversation_id, lock=True)
    if row.deleted_at is not None:
        raise ConflictError(f"{_names([row])} was deleted; restore it first.")
    return row


def _document(session: Session, user: str, document_id: str) -> DocumentRow:
    row = session.get(DocumentRow, (user, document_id))
    if row is None:
        raise NotFoundError("There is no such document.")
    return row


def _attach(session: Session, row: ConversationRow, document_id: str) -> bool:
    """Link a document of the conversation's user; returns False when it was linked before."""
    _document(session, row.user_id, document_id)
    if any(link.document_id == document_id for link in row.links):
        return False
    row.links.append(LinkRow(document_id=document_id, user_id=row.user_id, position=len(row.links)))
    return True


def _names(rows: Sequence[ConversationRow]) -> str:
    shown = ", ".join(f"“{row.title or row.id}”" for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"the conversation{'s' if len(rows) > 1 else ''} {shown}{more}"
