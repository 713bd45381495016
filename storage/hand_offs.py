"""Hand-offs: bot → waiting → human → bot. A customer asks for one, an agent of the same organisation takes it.

Agents reach a conversation only through its hand-off. Each change is told to the organisation's webhook by an entry in
the outbox, written in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import ledger, outbox
from storage.access import (
    check_version,
    names,
    open_conversation,
    own_conversation,
    served_hand_off,
    user_with_role,
)
from storage.audit import log
from storage.messages import page_of, put
from storage.records import ConflictError, DocumentRecord, Message, NotFoundError, Page
from storage.records_support import HAND_OFF_STATES, HandOff
from storage.room import Room
from storage.rows import document_value, message_value, picked
from storage.schema import ConversationRow, DocumentRow
from storage.schema_people import UserRow
from storage.schema_support import HandOffRow


class HandOffs(Room):
    """`expected`: the `version` that the caller saw; a change made since then by somebody else is a ConflictError."""

    # -- for the customer ---

    def request(self, user: str, conversation_id: str, reason: str, packet: str) -> HandOff:
        """Ask for a person. Raises ConflictError when one was asked for, or answers, already."""
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            if conversation.state != "bot":
                raise ConflictError("A person was asked for already; they will see this conversation.")
            row = HandOffRow(
                id=uuid4().hex,
                conversation_id=conversation.id,
                organisation_id=conversation.organisation_id,
                state="waiting",
                reason=reason,
                packet=packet,
                agent=None,
                requested_at=datetime.now(UTC),
                taken_at=None,
                closed_at=None,
                note="",
                version=1,
            )
            session.add(row)
            session.flush()
            return _moved(session, conversation, row, "waiting", user)

    def cancel(self, user: str, conversation_id: str) -> HandOff:
        """Go on with the bot instead of waiting. Raises ConflictError when nobody waits, or a person answers."""
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            row = session.scalar(select(HandOffRow).filter_by(conversation_id=conversation.id, state="waiting"))
            if row is None:
                raise ConflictError("Nobody waits for a person in this conversation.")
            check_version(row, None)
            return _moved(session, conversation, row, "closed", user)

    def of(self, user: str, conversation_id: str) -> list[HandOff]:
        """The hand-offs of a conversation of the user, oldest first."""
        with self._begin(write=False) as session:
            conversation = own_conversation(session, user, conversation_id)
            query = select(HandOffRow).filter_by(conversation_id=conversation.id)
            rows = session.scalars(query.order_by(HandOffRow.requested_at, HandOffRow.id))
            return [hand_off_value(row, conversation) for row in rows]

    # -- for the agent ---

    def inbox(
        self, agent: str, *, states: Sequence[str] = ("waiting", "human"), mine: bool = False, limit: int = 100
    ) -> list[HandOff]:
        """The hand-offs of the agent's organisation, those that wait longest first. Raises NotAllowedError.

        `mine`: only those that this agent has taken.
        """
        if not set(states) <= set(HAND_OFF_STATES):
            raise ValueError(f"states must be of {HAND_OFF_STATES}, not {states!r}")
        with self._begin(write=False) as session:
            organisation = user_with_role(session, agent, "agent", "admin").organisation_id
            query = select(HandOffRow, ConversationRow).join(ConversationRow)
            query = query.where(HandOffRow.organisation_id == organisation, HandOffRow.state.in_(states))
            query = query.where(ConversationRow.deleted_at.is_(None))
            if mine:
                query = query.where(HandOffRow.agent == agent)
            query = query.order_by(HandOffRow.state.desc(), HandOffRow.requested_at, HandOffRow.id).limit(limit)
            return [hand_off_value(row, conversation) for row, conversation in session.execute(query).tuples()]

    def get(self, agent: str, hand_off_id: str) -> HandOff:
        with self._begin(write=False) as session:
            row = served_hand_off(session, agent, hand_off_id)
            return hand_off_value(row, session.get_one(ConversationRow, row.conversation_id))

    def take(self, agent: str, hand_off_id: str, *, expected: int | None = None) -> HandOff:
        """Answer this conversation from now on; the bot is silent. Raises ConflictError when another one does."""
        with self._begin() as session:
            conversation, row = _locked(session, agent, hand_off_id)
            if row.state == "human" and row.agent == agent:
                return hand_off_value(row, conversation)
            if row.state != "waiting":
                raise ConflictError("Somebody else has taken this conversation." if row.agent else _CLOSED)
            check_version(row, expected)
            row.agent, row.taken_at = agent, datetime.now(UTC)
            return _moved(session, conversation, row, "human", agent)

    def release(self, agent: str, hand_off_id: str) -> HandOff:
        """Put a conversation that this agent answers back into the inbox."""
        with self._begin() as session:
            conversation, row = _taken(session, agent, hand_off_id)
            check_version(row, None)
            row.agent, row.taken_at = None, None
            return _moved(session, conversation, row, "waiting", agent)

    def close(self, agent: str, hand_off_id: str, *, note: str = "") -> HandOff:
        """Give the conversation back to the bot, which goes on where the person stopped."""
        with self._begin() as session:
            conversation, row = _taken(session, agent, hand_off_id)
            check_version(row, None)
            row.note = note
            return _moved(session, conversation, row, "closed", agent)

    def reply(self, agent: str, hand_off_id: str, content: str, *, idempotency_key: str | None = None) -> Message:
        """Say something to the customer, in the one conversation that goes on. The key is the agent's own."""
        with self._begin() as session:
            conversation, _ = _taken(session, agent, hand_off_id)
            if conversation.deleted_at is not None:
                raise ConflictError(f"{names([conversation])} was deleted by the customer.")
            return message_value(put(session, conversation, agent, "agent", content, agent, idempotency_key))

    def messages(self, agent: str, hand_off_id: str) -> list[Message]:
        """The whole conversation; when the hand-off is closed, only for the agent who had it, and admins."""
        with self._begin(write=False) as session:
            return [message_value(row) for row in ledger.last(session, _seen(session, agent, hand_off_id))]

    def page(self, agent: str, hand_off_id: str, *, limit: int = 50, before: int | None = None) -> Page:
        """The last page of it, as Store.page."""
        with self._begin(write=False) as session:
            return page_of(session, _seen(session, agent, hand_off_id), limit, before)

    def document(self, agent: str, hand_off_id: str, document_id: str) -> DocumentRecord:
        """A document that the conversation is about, for whoever may see the conversation."""
        with self._begin(write=False) as session:
            links = {link.document_id: link.user_id for link in _seen(session, agent, hand_off_id).links}
            if document_id not in links:
                raise NotFoundError("There is no such document.")
            return document_value(session.get_one(DocumentRow, (links[document_id], document_id)))


_CLOSED = "This hand-off is closed; the customer can ask for a person again."
_FIELDS = tuple(field.name for field in fields(HandOff) if field.name not in {"user", "bot"})


def hand_off_value(row: HandOffRow, conversation: ConversationRow) -> HandOff:
    return HandOff(user=conversation.user_id, bot=conversation.bot, **picked(row, _FIELDS))


def _moved(session: Session, conversation: ConversationRow, row: HandOffRow, state: str, actor: str) -> HandOff:
    """Bring the hand-off and its conversation into a state, note it, and tell the organisation's webhook."""
    row.state = state
    row.closed_at = datetime.now(UTC) if state == "closed" else None
    conversation.state = "bot" if state == "closed" else state
    log(session, row.organisation_id, actor, f"hand_off.{state}", row.id)
    value = hand_off_value(row, conversation)
    outbox.tell(
        session,
        conversation,
        f"hand_off.{state}",
        f"{row.id}:{row.version}",
        {name: getattr(value, name) for name in ("id", "conversation_id", "user", "bot", "state", "reason", "packet")},
    )
    session.flush()
    return value


def _locked(session: Session, agent: str, hand_off_id: str) -> tuple[ConversationRow, HandOffRow]:
    """The conversation is locked before its hand-off, as everywhere, so that nobody waits in a circle."""
    conversation_id = served_hand_off(session, agent, hand_off_id).conversation_id
    conversation = session.get(ConversationRow, conversation_id, with_for_update=True)
    if conversation is None:
        raise NotFoundError("There is no such hand-off.")
    row = session.get_one(HandOffRow, hand_off_id, populate_existing=True)
    return conversation, row


def _taken(session: Session, agent: str, hand_off_id: str) -> tuple[ConversationRow, HandOffRow]:
    conversation, row = _locked(session, agent, hand_off_id)
    if row.state == "closed":
        raise ConflictError(_CLOSED)
    if row.agent != agent:
        raise ConflictError("Take this conversation first." if row.agent is None else "Another agent answers here.")
    return conversation, row


def _seen(session: Session, agent: str, hand_off_id: str) -> ConversationRow:
    row = served_hand_off(session, agent, hand_off_id)
    if row.state == "closed" and row.agent != agent and session.get_one(UserRow, agent).role != "admin":
        raise NotFoundError("There is no such hand-off.")
    return session.get_one(ConversationRow, row.conversation_id)
