"""All that is stored about one person, value by value."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage import ledger
from storage.accounts import key_value, user_value
from storage.audit import entry_value
from storage.hand_offs import hand_off_value
from storage.logins import identity_value, login_value
from storage.outbox import delivery_value
from storage.promises import promise_value
from storage.records import Branch, Passage
from storage.records_support import Feedback
from storage.rows import conversation_value, document_value, message_value, session_value
from storage.schema import BranchRow, ConversationRow, DocumentRow, MessageRow, PassageRow, SessionRow
from storage.schema_logins import IdentityRow, LoginRow
from storage.schema_people import ApiKeyRow, AuditRow, UserRow
from storage.schema_signals import SecondLookRow
from storage.schema_support import DeliveryRow, FeedbackRow, HandOffRow, PromiseRow
from storage.signals import look_value

_PAGE = 500  # rows held in memory at once


def plain(value: object) -> dict[str, object]:
    """A value as plain data for JSON; times in ISO 8601, in UTC."""

    def simple(thing: object) -> object:
        if isinstance(thing, datetime):
            return thing.isoformat()
        if isinstance(thing, dict):
            return {key: simple(each) for key, each in thing.items()}
        return [simple(each) for each in thing] if isinstance(thing, (list, tuple)) else thing

    return {key: simple(each) for key, each in asdict(value).items()}  # type: ignore[call-overload]


def everything_of(session: Session, person: UserRow) -> Iterator[tuple[str, object]]:
    """(kind, value), as Privacy.export says."""
    yield "user", user_value(person)
    for key in session.scalars(select(ApiKeyRow).filter_by(user_id=person.id).order_by(ApiKeyRow.created_at)):
        yield "key", key_value(key)
    for login in session.scalars(select(LoginRow).filter_by(user_id=person.id).order_by(LoginRow.created_at)):
        yield "login", login_value(login)
    for identity in session.scalars(select(IdentityRow).filter_by(user_id=person.id).order_by(IdentityRow.created_at)):
        yield "identity", identity_value(identity)
    for document in session.scalars(select(DocumentRow).filter_by(user_id=person.id).order_by(DocumentRow.created_at)):
        yield "document", document_value(document)
        passages = select(PassageRow).filter_by(user_id=person.id, document_id=document.id)
        for row in session.scalars(passages.order_by(PassageRow.position).execution_options(yield_per=_PAGE)):
            yield "passage", Passage(row.text, row.path, row.start, row.page, row.line)
    own = select(ConversationRow).filter_by(user_id=person.id).order_by(ConversationRow.created_at, ConversationRow.id)
    for conversation in session.scalars(own).all():
        yield from _conversation(session, conversation)
    about = select(AuditRow).where(or_(AuditRow.actor == person.id, AuditRow.subject == person.id))
    for entry in session.scalars(about.order_by(AuditRow.id)):
        yield "audit", entry_value(entry)


def _conversation(session: Session, conversation: ConversationRow) -> Iterator[tuple[str, object]]:
    """Everything of one conversation, over all branches."""
    yield "conversation", conversation_value(conversation)
    of_it = {"conversation_id": conversation.id}
    for each in session.scalars(select(SessionRow).filter_by(**of_it).order_by(SessionRow.number)):
        counted = select(MessageRow.id).filter_by(conversation_id=conversation.id, session=each.number)
        yield "session", session_value(each, len(session.scalars(counted).all()))
    for branch in session.scalars(select(BranchRow).filter_by(**of_it).order_by(BranchRow.number)):
        active = branch.number == conversation.branch
        yield "branch", Branch(branch.number, branch.parent, branch.seq, _own(session, branch), active)
    seq = conversation.purged_before
    while seq < conversation.next_seq:
        page = select(MessageRow).filter_by(**of_it).where(MessageRow.seq >= seq, MessageRow.seq < seq + _PAGE)
        for message in session.scalars(page.order_by(MessageRow.seq).options(*ledger.with_answer())):
            yield "message", message_value(message)
        seq += _PAGE
    given = select(FeedbackRow, MessageRow.seq).join(MessageRow, MessageRow.id == FeedbackRow.message_id)
    given = given.where(MessageRow.conversation_id == conversation.id).order_by(MessageRow.seq)
    for feedback, place in session.execute(given).tuples():
        yield (
            "feedback",
            Feedback(conversation.id, place, feedback.user_id, feedback.thumb, feedback.reason, feedback.at),
        )
    looks = select(SecondLookRow).join(MessageRow, MessageRow.id == SecondLookRow.message_id)
    for look in session.scalars(looks.where(MessageRow.conversation_id == conversation.id).order_by(MessageRow.seq)):
        yield "second_look", look_value(look)
    for hand_off in session.scalars(select(HandOffRow).filter_by(**of_it).order_by(HandOffRow.requested_at)):
        yield "hand_off", hand_off_value(hand_off, conversation)
    for promise in session.scalars(select(PromiseRow).filter_by(**of_it).order_by(PromiseRow.made_at)):
        yield "promise", promise_value(promise)
    for delivery in session.scalars(select(DeliveryRow).filter_by(**of_it).order_by(DeliveryRow.id)):
        yield "delivery", delivery_value(delivery)


def _own(session: Session, branch: BranchRow) -> int:
    counted = select(MessageRow.id).filter_by(conversation_id=branch.conversation_id, branch=branch.number)
    return len(session.scalars(counted).all())
