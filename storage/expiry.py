"""Deleting for good: conversations, documents, and of long conversations the messages that are too old."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from storage.records_support import Removed
from storage.schema import ConversationRow, DocumentRow, LinkRow, MessageRow, SessionRow
from storage.schema_support import DeliveryRow, HandOffRow, PromiseRow


def drop_conversations(session: Session, ids: Sequence[str]) -> int:
    """Remove conversations with all that hangs on them, search index included. Returns how many messages went."""
    count = 0
    for conversation_id in ids:
        counted = select(func.count()).select_from(MessageRow).filter_by(conversation_id=conversation_id)
        count += session.scalar(counted) or 0
        session.execute(delete(ConversationRow).filter_by(id=conversation_id))
    return count


def drop_documents(session: Session, keys: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Remove documents, by (user, id), that no conversation uses. Returns the ids that nobody has any more."""
    for user, document_id in keys:
        session.execute(delete(DocumentRow).filter_by(user_id=user, id=document_id))
    ids = {document_id for _, document_id in keys}
    kept = {each for each in ids if session.scalar(select(DocumentRow.id).filter_by(id=each).limit(1)) is not None}
    return tuple(sorted(ids - kept))


def expire(session: Session, organisation: str, undo_before: datetime, keep_from: datetime | None) -> Removed:
    """Remove what was deleted before `undo_before`, and everything that is older than `keep_from` (None: nothing)."""
    gone = ConversationRow.deleted_at < undo_before
    if keep_from is not None:
        gone = or_(gone, ConversationRow.updated_at < keep_from)
    ours = select(ConversationRow.id).filter_by(organisation_id=organisation).order_by(ConversationRow.id)
    conversations = session.scalars(ours.where(gone).with_for_update()).all()
    messages = drop_conversations(session, conversations)
    if keep_from is None:
        return Removed(tuple(conversations), (), messages)
    messages += _expire_messages(session, organisation, keep_from)
    session.execute(
        delete(DeliveryRow).filter_by(organisation_id=organisation).where(DeliveryRow.created_at < keep_from)
    )
    session.execute(delete(HandOffRow).filter_by(organisation_id=organisation).where(HandOffRow.closed_at < keep_from))
    living = select(ConversationRow.id).filter_by(organisation_id=organisation).scalar_subquery()
    old_promise = delete(PromiseRow).where(PromiseRow.conversation_id.in_(living), PromiseRow.made_at < keep_from)
    session.execute(old_promise)
    used = exists().where(LinkRow.user_id == DocumentRow.user_id, LinkRow.document_id == DocumentRow.id)
    old = select(DocumentRow.user_id, DocumentRow.id).filter_by(organisation_id=organisation)
    unused = session.execute(old.where(DocumentRow.created_at < keep_from, ~used)).tuples().all()
    return Removed(tuple(conversations), drop_documents(session, unused), messages)


def _expire_messages(session: Session, organisation: str, keep_from: datetime) -> int:
    """Take old messages from the beginning of conversations that go on. The hashes of the others stay as they are."""
    oldest = (MessageRow.conversation_id == ConversationRow.id) & (MessageRow.seq == ConversationRow.purged_before)
    begun = select(ConversationRow).join(MessageRow, oldest).filter_by(organisation_id=organisation)
    begun = begun.where(MessageRow.created_at < keep_from).order_by(ConversationRow.id)
    count = 0
    for row in session.scalars(begun.with_for_update(of=ConversationRow)).all():
        # What is not sealed yet stays, with the message before it, whose hash it will need.
        unsealed = MessageRow.hash.is_(None)
        first_needed = case((unsealed, func.coalesce(MessageRow.parent_seq, MessageRow.seq)), else_=MessageRow.seq)
        recent = select(func.min(first_needed)).filter_by(conversation_id=row.id)
        kept = session.scalar(recent.where(or_(MessageRow.created_at >= keep_from, unsealed)))
        first = row.next_seq if kept is None else kept
        old = delete(MessageRow).filter_by(conversation_id=row.id).where(MessageRow.seq < first)
        session.execute(old, execution_options={"synchronize_session": False})
        count += first - row.purged_before
        row.purged_before = first
        if row.head_seq is not None and row.head_seq < first:
            row.head_seq = None
        session.flush()
        empty = delete(SessionRow).filter_by(conversation_id=row.id).where(SessionRow.number < row.sessions)
        left = exists().where(MessageRow.conversation_id == row.id, MessageRow.session == SessionRow.number)
        session.execute(empty.where(~left), execution_options={"synchronize_session": False})
    return count
