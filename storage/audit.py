"""The audit log: who did what to which thing. Written in the transaction of the deed, read by admins only."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.access import known_user, user_with_role
from storage.records_people import AuditEntry
from storage.room import Room
from storage.schema_people import AuditRow


def log(session: Session, organisation: str, actor: str, action: str, subject: str) -> None:
    """Note a deed within its own transaction. `subject` is an id, never content."""
    session.add(
        AuditRow(organisation_id=organisation, actor=actor, action=action, subject=subject, at=datetime.now(UTC))
    )


class Audit(Room):
    """Entries are added, never changed; erasing a person takes their name out of them."""

    def note(self, actor: str, action: str, subject: str) -> None:
        """Note what the store cannot see by itself, such as a login."""
        with self._begin() as session:
            log(session, known_user(session, actor).organisation_id, actor, action, subject)

    def entries(self, admin: str, *, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """What was done in the admin's organisation, newest first. Next page: `before` = the last one's `id`."""
        with self._begin(write=False) as session:
            organisation = user_with_role(session, admin, "admin").organisation_id
            query = select(AuditRow).filter_by(organisation_id=organisation).order_by(AuditRow.id.desc()).limit(limit)
            if before is not None:
                query = query.where(AuditRow.id < before)
            return [entry_value(row) for row in session.scalars(query)]


def entry_value(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.id, row.actor, row.action, row.subject, row.at)
