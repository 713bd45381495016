"""Promises: who promised what to whom, in which message, until when, and whether it was kept."""

from dataclasses import fields
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import ledger
from storage.access import check_version, open_conversation, own_conversation, served_hand_off
from storage.records import ConflictError, NotFoundError
from storage.records_support import PROMISE_STATES, Promise
from storage.room import Room
from storage.rows import picked
from storage.schema import ConversationRow
from storage.schema_people import UserRow
from storage.schema_support import HandOffRow, PromiseRow

_FIELDS = tuple(field.name for field in fields(Promise))


class Promises(Room):
    """The customer's own, and for agents those of the conversation that they have in hand."""

    def add(
        self, user: str, conversation_id: str, seq: int, by: str, to: str, text: str, due_at: datetime | None = None
    ) -> Promise:
        """Note a promise that stands in the message `seq`. The same words of the same message are noted once."""
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            message = ledger.at_seq(session, conversation.id, seq)
            if message is None:
                raise NotFoundError("There is no such message.")
            known = select(PromiseRow).filter_by(conversation_id=conversation.id, seq=seq, by=by, to=to, text=text)
            if (row := session.scalar(known)) is not None:
                return promise_value(row)
            row = PromiseRow(
                id=uuid4().hex,
                conversation_id=conversation.id,
                seq=seq,
                by=by,
                to=to,
                text=text,
                due_at=due_at,
                state="open",
                made_at=message.created_at,
                settled_at=None,
                settled_by=None,
                version=1,
            )
            session.add(row)
            session.flush()
            session.refresh(row)  # its times come back in UTC
            return promise_value(row)

    def all(self, user: str, conversation_id: str | None = None, *, state: str | None = None) -> list[Promise]:
        """Promises of one conversation, or of all that the user did not delete, as they were made."""
        query = select(PromiseRow).join(ConversationRow).where(ConversationRow.user_id == user)
        with self._begin(write=False) as session:
            if conversation_id is not None:
                own_conversation(session, user, conversation_id)
                query = query.where(PromiseRow.conversation_id == conversation_id)
            else:
                query = query.where(ConversationRow.deleted_at.is_(None))
            query = query if state is None else query.where(PromiseRow.state == state)
            return [promise_value(row) for row in session.scalars(query.order_by(PromiseRow.made_at, PromiseRow.id))]

    def of_hand_off(self, agent: str, hand_off_id: str) -> list[Promise]:
        """Those of a conversation that waits for an agent or is in the hands of one."""
        with self._begin(write=False) as session:
            row = served_hand_off(session, agent, hand_off_id)
            if row.state == "closed":
                raise NotFoundError("There is no such hand-off.")
            query = select(PromiseRow).filter_by(conversation_id=row.conversation_id)
            return [promise_value(each) for each in session.scalars(query.order_by(PromiseRow.made_at, PromiseRow.id))]

    def settle(self, actor: str, promise_id: str, state: str, *, expected: int | None = None) -> Promise:
        """Call a promise kept or broken, or open again: by its user, or by the agent who has the conversation."""
        if state not in PROMISE_STATES:
            raise ValueError(f"state must be one of {PROMISE_STATES}, not {state!r}")
        with self._begin() as session:
            row = session.scalar(select(PromiseRow).filter_by(id=promise_id).with_for_update())
            if row is None or not _may_settle(session, actor, row):
                raise NotFoundError("There is no such promise.")
            if row.state == state:
                raise ConflictError(f"This promise is {state} already.")
            check_version(row, expected)
            row.state = state
            row.settled_at, row.settled_by = (None, None) if state == "open" else (datetime.now(UTC), actor)
            return promise_value(row)


def _may_settle(session: Session, actor: str, row: PromiseRow) -> bool:
    conversation = session.get_one(ConversationRow, row.conversation_id)
    if conversation.user_id == actor:
        return True
    agent = session.get(UserRow, actor)
    if agent is None or agent.role == "member" or agent.organisation_id != conversation.organisation_id:
        return False
    in_hand = select(HandOffRow.id).filter_by(conversation_id=row.conversation_id, state="human", agent=actor)
    return session.scalar(in_hand) is not None


def promise_value(row: PromiseRow) -> Promise:
    return Promise(**picked(row, _FIELDS))
