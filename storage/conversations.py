"""The conversations of a user: sessions, titles, what is pinned, archived, deleted and brought back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from storage import ledger
from storage.access import attach, check_version, names, open_conversation, own_conversation, some_user
from storage.audit import log
from storage.records import ROLES, ConflictError, Conversation, PastSession, SessionRecord
from storage.room import Room
from storage.rows import conversation_value, session_value
from storage.schema import ConversationRow, MessageRow, SessionRow
from storage.schema_people import OrganisationRow


class Conversations(Room):
    """`expected`: the `version` that the caller saw; a change made since then by somebody else is a ConflictError."""

    def create_conversation(self, user: str, bot: str, title: str, document_ids: Sequence[str] = ()) -> Conversation:
        """Start a conversation, in its session 1, about these documents that the user may read."""
        with self._begin() as session:
            row = _new(session, user, bot, title, datetime.now(UTC))
            for document_id in document_ids:
                attach(session, row, document_id)
            session.add(row)
            session.flush()
            session.add(SessionRow(conversation_id=row.id, number=1, started_at=row.created_at, ended_at=None))
            session.flush()
            return conversation_value(row)

    def import_history(
        self, user: str, bot: str, title: str, sessions: Sequence[PastSession], *, key: str | None = None
    ) -> Conversation:
        """A conversation made of past sessions, in order of time, with their own times; all of it or nothing.

        `key`: the same import again returns the conversation that it became the first time. What is said from now on
        belongs to a new session.
        """
        past = sorted(sessions, key=lambda each: each.started_at)
        if wrong := {message.role for each in past for message in each.messages} - set(ROLES):
            raise ValueError(f"roles must be of {ROLES}, not {sorted(wrong)}")
        with self._begin() as session:
            now = datetime.now(UTC)
            row = _new(session, user, bot, title, past[0].started_at if past else now)
            if key is not None:
                known = session.scalar(select(ConversationRow).filter_by(user_id=user, import_key=key))
                if known is not None:
                    return conversation_value(known)
            row.import_key, row.sessions, row.updated_at = key, len(past) + 1, now
            session.add(row)
            session.flush()
            ends = [max([each.started_at, *(message.at for message in each.messages)]) for each in past]
            for number, (each, end) in enumerate(zip(past, ends, strict=True), 1):
                session.add(SessionRow(conversation_id=row.id, number=number, started_at=each.started_at, ended_at=end))
            session.add(SessionRow(conversation_id=row.id, number=row.sessions, started_at=now, ended_at=None))
            session.flush()
            flat = [(number, message) for number, each in enumerate(past, 1) for message in each.messages]
            ledger.add_past(session, row, flat)
            session.flush()
            session.refresh(row)  # its times come back in UTC
            return conversation_value(row)

    def conversation(self, user: str, conversation_id: str) -> Conversation:
        """One conversation, deleted or not."""
        with self._begin(write=False) as session:
            return conversation_value(own_conversation(session, user, conversation_id))

    def conversations(
        self,
        user: str,
        *,
        limit: int = 50,
        before: datetime | None = None,
        archived: bool = False,
        pinned: bool | None = None,
    ) -> list[Conversation]:
        """Those not deleted, the last updated first. Next page: `before` = the last one's `updated_at`.

        `archived`: those that were archived instead of those that were not; `pinned`: only those that are, or are not.
        """
        if limit < 1:
            raise ValueError("limit must be at least 1")
        query = select(ConversationRow).filter_by(user_id=user, deleted_at=None)
        query = query.where(
            ConversationRow.archived_at.is_not(None) if archived else ConversationRow.archived_at.is_(None)
        )
        if pinned is not None:
            query = query.where(ConversationRow.pinned.is_(pinned))
        if before is not None:
            query = query.where(ConversationRow.updated_at < before)
        query = query.order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limit)
        with self._begin(write=False) as session:
            rows = session.scalars(query.options(selectinload(ConversationRow.links)))
            return [conversation_value(row) for row in rows]

    def rename(self, user: str, conversation_id: str, title: str, *, expected: int | None = None) -> Conversation:
        with self._begin() as session:
            row = own_conversation(session, user, conversation_id, lock=True)
            check_version(row, expected)
            row.title = title
            return conversation_value(row)

    def pin(self, user: str, conversation_id: str, pinned: bool, *, expected: int | None = None) -> Conversation:
        with self._begin() as session:
            row = own_conversation(session, user, conversation_id, lock=True)
            check_version(row, expected)
            row.pinned = pinned
            return conversation_value(row)

    def archive(self, user: str, conversation_id: str, archived: bool, *, expected: int | None = None) -> Conversation:
        """Take a conversation out of the list, or put it back; it stays open to writing and to search."""
        with self._begin() as session:
            row = own_conversation(session, user, conversation_id, lock=True)
            check_version(row, expected)
            row.archived_at = datetime.now(UTC) if archived else None
            return conversation_value(row)

    def delete_conversation(self, user: str, conversation_id: str, *, expected: int | None = None) -> None:
        """Close a conversation and hide it; it can be restored as it was for the days that its organisation sets."""
        with self._begin() as session:
            row = own_conversation(session, user, conversation_id, lock=True)
            if row.deleted_at is None:
                check_version(row, expected)
                row.deleted_at = datetime.now(UTC)
                log(session, row.organisation_id, user, "conversation.delete", row.id)

    def restore_conversation(self, user: str, conversation_id: str) -> Conversation:
        """Undo a deletion. Raises ConflictError when the time for that is over."""
        with self._begin() as session:
            row = own_conversation(session, user, conversation_id, lock=True)
            if row.deleted_at is not None:
                days = session.get_one(OrganisationRow, row.organisation_id).undo_days
                if datetime.now(UTC) - row.deleted_at > timedelta(days=days):
                    raise ConflictError(f"{names([row])} was deleted more than {days} days ago; that is final.")
                row.deleted_at = None
                row.version += 1
                log(session, row.organisation_id, user, "conversation.restore", row.id)
            return conversation_value(row)

    def attach_document(self, user: str, conversation_id: str, document_id: str) -> Conversation:
        """Add one more document that the user may read; one that is attached already stays where it is."""
        with self._begin() as session:
            row = open_conversation(session, user, conversation_id)
            if attach(session, row, document_id):
                row.updated_at = datetime.now(UTC)
            return conversation_value(row)

    # -- sessions ---

    def start_session(self, user: str, conversation_id: str) -> int:
        """Close the running session and return the number of the new one; messages now go there."""
        with self._begin() as session:
            row = open_conversation(session, user, conversation_id)
            now = datetime.now(UTC)
            session.get_one(SessionRow, (row.id, row.sessions)).ended_at = now
            row.sessions += 1
            row.updated_at = now
            session.add(SessionRow(conversation_id=row.id, number=row.sessions, started_at=now, ended_at=None))
            return row.sessions

    def sessions(self, user: str, conversation_id: str | None = None) -> list[SessionRecord]:
        """The sessions of one conversation, or of all that the user did not delete, in order of time."""
        counted = select(MessageRow.conversation_id, MessageRow.session, func.count().label("messages"))
        count = counted.group_by(MessageRow.conversation_id, MessageRow.session)
        query = select(SessionRow).join(ConversationRow, ConversationRow.id == SessionRow.conversation_id)
        query = query.where(ConversationRow.user_id == user)
        with self._begin(write=False) as session:
            if conversation_id is not None:
                own_conversation(session, user, conversation_id)
                query = query.where(SessionRow.conversation_id == conversation_id)
            else:
                query = query.where(ConversationRow.deleted_at.is_(None))
            query = query.order_by(SessionRow.started_at, SessionRow.conversation_id, SessionRow.number)
            rows = session.scalars(query).all()
            count = count.where(MessageRow.conversation_id.in_({row.conversation_id for row in rows}))
            counts = {(found, number): messages for found, number, messages in session.execute(count)}
            return [session_value(row, counts.get((row.conversation_id, row.number), 0)) for row in rows]


def _new(session: Session, user: str, bot: str, title: str, created_at: datetime) -> ConversationRow:
    return ConversationRow(
        id=uuid4().hex,
        organisation_id=some_user(session, user).organisation_id,
        user_id=user,
        bot=bot,
        title=title,
        sessions=1,
        state="bot",
        pinned=False,
        branch=0,
        head_seq=None,
        next_seq=0,
        purged_before=0,
        version=1,
        import_key=None,
        created_at=created_at,
        updated_at=created_at,
        archived_at=None,
        deleted_at=None,
    )
