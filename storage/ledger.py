"""The messages of a conversation: added at the end, an answer grows while it is written, nothing is removed.

Each function works inside the transaction of its caller (store.py), which holds the write lock.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from storage.process import is_gone
from storage.records import AnswerRecord, ConflictError, NotFoundError
from storage.rows import answer_row
from storage.schema import AnswerRow, ConversationRow, MessageRow

# A process on another machine cannot be looked up; its answer counts as broken when silent for this long.
FOREIGN_SILENCE = timedelta(minutes=10)


def add(
    session: Session, conversation: ConversationRow, process: str | None = None, **columns: str | None
) -> MessageRow:
    """Put a message after the last one. The conversation is locked, so no other writer takes its `seq`."""
    last = session.scalar(select(func.max(MessageRow.seq)).filter_by(conversation_id=conversation.id))
    now = datetime.now(UTC)
    row = MessageRow(
        conversation_id=conversation.id,
        seq=0 if last is None else last + 1,
        session=conversation.sessions,
        created_at=now,
        process=process,
        grown_at=now if process else None,
        answer=None,
        **columns,
    )
    conversation.updated_at = now
    session.add(row)
    session.flush()
    return row


def by_key(session: Session, conversation_id: str, key: str) -> MessageRow | None:
    query = select(MessageRow).filter_by(conversation_id=conversation_id, idempotency_key=key)
    return session.scalar(query.options(*_with_answer()))


def of(session: Session, conversation_id: str) -> Sequence[MessageRow]:
    query = select(MessageRow).filter_by(conversation_id=conversation_id).order_by(MessageRow.seq)
    return session.scalars(query.options(*_with_answer())).all()


def grow(session: Session, process: str, message_id: int, content: str) -> MessageRow:
    """Replace the text of an answer that this process is writing. Raises NotFoundError, ConflictError."""
    row = session.get(MessageRow, message_id, with_for_update=True)
    if row is None or row.process != process:
        raise NotFoundError("There is no such answer in the making.")
    if row.grown_at is None:
        raise ConflictError("This answer is already finished.")
    # The status is set too: another process may have taken this one for dead and called the answer broken.
    row.content, row.status, row.grown_at = content, "streaming", datetime.now(UTC)
    return row


def finish(
    session: Session, process: str, message_id: int, content: str, status: str, answer: AnswerRecord | None
) -> MessageRow:
    """Give an answer its last text, status and receipt. Raises NotFoundError, ConflictError."""
    row = grow(session, process, message_id, content)
    row.status, row.grown_at = status, None
    row.answer = None if answer is None else answer_row(answer)
    session.get_one(ConversationRow, row.conversation_id).updated_at = datetime.now(UTC)
    session.flush()
    return row


def break_abandoned(session: Session, own: str, known_gone: str | None) -> int:
    """Mark streaming answers whose process is gone as broken, their text kept. Returns how many."""
    streaming = select(MessageRow.id, MessageRow.process, MessageRow.grown_at).filter_by(status="streaming")
    silent_before = datetime.now(UTC) - FOREIGN_SILENCE
    abandoned = []
    for message_id, process, grown_at in session.execute(streaming):
        if process is None or process == own:
            continue
        gone = process == known_gone or is_gone(process)
        if gone is None:
            gone = grown_at is None or grown_at < silent_before
        if gone:
            abandoned.append(message_id)
    session.execute(update(MessageRow).where(MessageRow.id.in_(abandoned)).values(status="broken"))
    return len(abandoned)


def _with_answer() -> tuple[ORMOption, ORMOption]:
    answer = selectinload(MessageRow.answer)
    return answer.selectinload(AnswerRow.citations), answer.selectinload(AnswerRow.unread)
