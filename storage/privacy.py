"""Everything about one person, given out or taken away; and what an organisation keeps no longer.

Rows and search index here. Files, keys and values, and logs lie elsewhere: `Removed` names the documents that nobody
has any more. What masks personal data in an export is built on top.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from storage.access import known_user, user_with_role
from storage.audit import log
from storage.expiry import drop_conversations, drop_documents, expire
from storage.export import everything_of
from storage.records import NotFoundError
from storage.records_people import ERASED, OPERATOR
from storage.records_support import Removed
from storage.room import Room
from storage.schema import ConversationRow, DocumentRow, LinkRow, MessageRow, RequestKeyRow
from storage.schema_logins import InvitationRow
from storage.schema_people import AuditRow, BotRow, OrganisationRow
from storage.schema_support import FeedbackRow, HandOffRow, PromiseRow


class Privacy(Room):
    """Export, erasure and retention."""

    def export(self, user: str) -> Iterator[tuple[str, object]]:
        """All that is stored about a person, as (kind, value) one after the other, of one moment in time.

        Kinds: user, key, login, identity, document, passage, conversation, session, branch, message, feedback,
        second_look, hand_off, promise, delivery, audit. Values are those of records*.py; hashes of passwords and keys
        are left out.
        """
        with self._begin(write=False) as session:
            yield from everything_of(session, known_user(session, user))

    def erase(self, user: str, *, by: str = OPERATOR) -> Removed:
        """Remove a person with everything that is theirs, from tables and search index, for good.

        `by`: that person, an admin of the organisation, or whoever runs the program. What they wrote to customers as
        an agent stays with those customers, without a name.
        """
        with self._begin() as session:
            person = known_user(session, user, lock=True)
            if (
                by not in (user, OPERATOR)
                and user_with_role(session, by, "admin").organisation_id != person.organisation_id
            ):
                raise NotFoundError("There is no such user.")
            own = select(ConversationRow.id).filter_by(user_id=user).order_by(ConversationRow.id)
            conversations = session.scalars(own.with_for_update()).all()
            messages = drop_conversations(session, conversations)
            session.execute(delete(LinkRow).filter_by(user_id=user))  # others may use what the person shared
            documents = drop_documents(session, [(user, each) for each in _documents(session, user)])
            session.execute(delete(RequestKeyRow).filter_by(user_id=user))
            session.execute(delete(FeedbackRow).filter_by(user_id=user))
            _forget_name(session, user)
            session.delete(person)
            log(session, person.organisation_id, ERASED if by == user else by, "user.erase", ERASED)
        self._scrub()
        return Removed(tuple(conversations), documents, messages)

    def purge(self, now: datetime) -> Removed:
        """Remove what the organisations keep no longer: one transaction for each of them.

        Conversations deleted longer ago than can be undone; and with a retention, messages, sessions, promises,
        hand-offs, deliveries and unused documents that are older. The audit log stays.
        """
        removed = Removed()
        with self._begin(write=False) as session:
            organisations = session.scalars(select(OrganisationRow.id).order_by(OrganisationRow.id)).all()
        for organisation_id in organisations:
            with self._begin() as session:
                organisation = session.get(OrganisationRow, organisation_id, with_for_update=True)
                if organisation is None:
                    continue
                days = organisation.retention_days
                undo_before = now - timedelta(days=organisation.undo_days)
                gone = expire(
                    session, organisation_id, undo_before, None if days is None else now - timedelta(days=days)
                )
                if gone != Removed():
                    log(session, organisation_id, OPERATOR, "organisation.purge", organisation_id)
            removed = Removed(
                removed.conversations + gone.conversations,
                removed.documents + gone.documents,
                removed.messages + gone.messages,
            )
        if removed != Removed():
            self._scrub()
        return removed

    def _scrub(self) -> None:
        """Make the database let go of the bytes of what was deleted: in its search index, its log, its dead rows."""
        if self._database.sqlite:
            with self._begin() as session:
                for table in ("search_messages", "search_passages"):
                    session.execute(text(f"INSERT INTO {table} ({table}) VALUES ('optimize')"))  # noqa: S608
            with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        with self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM messages, passages, search_messages, search_passages, citations")


def _documents(session: Session, user: str) -> list[str]:
    return list(session.scalars(select(DocumentRow.id).filter_by(user_id=user)))


def _forget_name(session: Session, user: str) -> None:
    """Where the person acted on what belongs to others, their name goes and the deed stays."""
    columns = (
        (MessageRow, MessageRow.author),
        (HandOffRow, HandOffRow.agent),
        (PromiseRow, PromiseRow.settled_by),
        (BotRow, BotRow.created_by),
        (InvitationRow, InvitationRow.made_by),
        (AuditRow, AuditRow.actor),
        (AuditRow, AuditRow.subject),
    )
    for table, column in columns:
        session.execute(update(table).where(column == user).values({column: ERASED}))
