"""What other systems are told. An event and the change that it speaks of are one transaction; sending comes later.

At least once: a sender that dies after sending sends again, with the same key, by which the receiver knows it.
"""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.records import NotFoundError
from storage.records_support import Delivery
from storage.room import Room
from storage.rows import picked
from storage.schema import ConversationRow
from storage.schema_people import OrganisationRow
from storage.schema_support import DeliveryRow

_FIELDS = tuple(field.name for field in fields(Delivery) if field.name != "organisation")


def tell(
    session: Session, conversation: ConversationRow, event: str, key: str, body: dict[str, object]
) -> DeliveryRow | None:
    """Enqueue an event about a conversation, within its transaction. None when its organisation wants no webhook."""
    url = session.get_one(OrganisationRow, conversation.organisation_id).webhook_url
    if not url:
        return None
    text = json.dumps({"event": event, "at": datetime.now(UTC).isoformat()} | body, ensure_ascii=False)
    return _add(session, conversation.organisation_id, conversation.id, key, event, url, text)


class Outbox(Room):
    """For the sender, which serves all organisations. It never sees whose the events are but by their bodies."""

    def enqueue(self, organisation_id: str, event: str, url: str, body: str, key: str) -> Delivery:
        """Add an event of another kind; one whose key the organisation has used is returned as it is."""
        with self._begin() as session:
            organisation = session.get(OrganisationRow, organisation_id, with_for_update=True)
            if organisation is None:
                raise NotFoundError("There is no such organisation.")
            known = session.scalar(select(DeliveryRow).filter_by(organisation_id=organisation_id, key=key))
            return delivery_value(known or _add(session, organisation_id, None, key, event, url, body))

    def claim(self, now: datetime, *, limit: int = 10, lease_s: float = 60.0) -> list[Delivery]:
        """Take events that are due. Nobody else gets them for `lease_s` seconds; an attempt is counted for each."""
        query = select(DeliveryRow).filter_by(state="pending").where(DeliveryRow.next_at <= now)
        query = query.order_by(DeliveryRow.next_at, DeliveryRow.id).limit(limit).with_for_update(skip_locked=True)
        with self._begin() as session:
            rows = session.scalars(query).all()
            for row in rows:
                row.attempts += 1
                row.next_at = now + timedelta(seconds=lease_s)
            return [delivery_value(row) for row in rows]

    def delivered(self, delivery_id: int) -> None:
        """The receiver has it; never send it again."""
        with self._begin() as session:
            row = _delivery(session, delivery_id)
            row.state, row.last_error = "delivered", ""

    def failed(self, delivery_id: int, error: str, next_at: datetime | None) -> None:
        """It did not arrive; try again at `next_at`, or never (None)."""
        with self._begin() as session:
            row = _delivery(session, delivery_id)
            if row.state == "pending":  # another sender may have been luckier
                row.state, row.last_error = "pending" if next_at else "failed", error
                row.next_at = next_at or row.next_at

    def counts(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        with self._begin(write=False) as session:
            found = session.execute(select(DeliveryRow.state, func.count()).group_by(DeliveryRow.state))
            return {"pending": 0, "delivered": 0, "failed": 0} | dict(found.tuples().all())


def _add(
    session: Session, organisation: str, conversation: str | None, key: str, event: str, url: str, body: str
) -> DeliveryRow:
    now = datetime.now(UTC)
    row = DeliveryRow(
        organisation_id=organisation,
        conversation_id=conversation,
        key=key,
        event=event,
        url=url,
        body=body,
        state="pending",
        attempts=0,
        next_at=now,
        last_error="",
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _delivery(session: Session, delivery_id: int) -> DeliveryRow:
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None:
        raise NotFoundError("There is no such delivery.")
    return row


def delivery_value(row: DeliveryRow) -> Delivery:
    return Delivery(organisation=row.organisation_id, **picked(row, _FIELDS))
