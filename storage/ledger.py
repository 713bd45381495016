"""The messages of a conversation: added at the end, an answer grows while it is written, nothing is overwritten.

Each function works inside the transaction of its caller. Whoever writes holds the lock on the conversation, so turns
never cross. A message is sealed with its hash as soon as it is final and the message before it is sealed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from storage import search
from storage.hashes import ROOT, message_hash
from storage.process import is_gone
from storage.records import AnswerRecord, ConflictError, NotFoundError, PastMessage
from storage.rows import answer_row
from storage.schema import AnswerRow, BranchRow, ConversationRow, MessageRow, RequestKeyRow

# A process on another machine cannot be looked up; its answer counts as broken when silent for this long.
FOREIGN_SILENCE = timedelta(minutes=10)
_AT_ONCE = 500  # values in one IN


# -- writing ---


def add(
    session: Session,
    conversation: ConversationRow,
    role: str,
    content: str,
    *,
    author: str | None = None,
    status: str = "complete",
    process: str | None = None,
    at: datetime | None = None,
) -> MessageRow:
    """Put a message after the last one of the active branch; the conversation is locked, so its `seq` is ours."""
    now = datetime.now(UTC)
    before = at_seq(session, conversation.id, conversation.head_seq)
    row = MessageRow(
        conversation_id=conversation.id,
        seq=conversation.next_seq,
        session=conversation.sessions,
        number=before.number + 1 if before and before.session == conversation.sessions else 1,
        branch=conversation.branch,
        parent_seq=before.seq if before else None,  # what retention took is no parent any more
        role=role,
        author=author,
        content=content,
        status=status,
        created_at=at or now,
        process=process,
        grown_at=now if process else None,
        answer=None,
    )
    conversation.head_seq, conversation.next_seq, conversation.updated_at = row.seq, row.seq + 1, now
    session.add(row)
    if status != "streaming":
        _seal_row(row, ROOT if before is None else before.hash)
    session.flush()
    if status != "streaming":
        search.index(session, search.MESSAGES, row.id, search.user_word(conversation.user_id), content)
    return row


def keep_key(session: Session, user: str, key: str, message: MessageRow) -> None:
    """Remember under which key a request of the user was stored. Raises ConflictError when it is in use elsewhere."""
    session.add(RequestKeyRow(user_id=user, key=key, message_id=message.id))
    try:
        session.flush()
    except IntegrityError as error:  # another conversation took it between our look and now
        raise ConflictError("This idempotency key was used for another message already; take a new one.") from error


def by_key(session: Session, user: str, key: str, conversation_id: str, role: str, content: str) -> MessageRow | None:
    """The message that this very request became. Raises ConflictError when the key stands for another request."""
    known = select(MessageRow).join(RequestKeyRow, RequestKeyRow.message_id == MessageRow.id)
    row = session.scalar(known.where(RequestKeyRow.user_id == user, RequestKeyRow.key == key).options(*with_answer()))
    if row is not None and (row.conversation_id, row.role, row.content) != (conversation_id, role, content):
        raise ConflictError("This idempotency key was used for another message already; take a new one.")
    return row


def add_past(session: Session, conversation: ConversationRow, past: Sequence[tuple[int, PastMessage]]) -> None:
    """Put a whole history, with the numbers of its sessions, into an empty conversation. Its last session goes on."""
    rows: list[MessageRow] = []
    for seq, (number, message) in enumerate(past):
        same = bool(rows) and rows[-1].session == number
        row = MessageRow(
            conversation_id=conversation.id,
            seq=seq,
            session=number,
            number=rows[-1].number + 1 if same else 1,
            branch=0,
            parent_seq=seq - 1 if seq else None,
            role=message.role,
            author=conversation.user_id if message.role == "user" else None,
            content=message.content,
            status="complete",
            created_at=message.at,
        )
        rows.append(row)
    seal(rows, {})
    session.add_all(rows)
    session.flush()
    owner = search.user_word(conversation.user_id)
    search.index_all(session, search.MESSAGES, owner, [(row.id, row.content) for row in rows])
    if rows:
        conversation.head_seq, conversation.next_seq = rows[-1].seq, len(rows)


def grow(session: Session, process: str, user: str, message_id: int, content: str) -> MessageRow:
    """Replace the text of an answer that this process is writing. Raises NotFoundError, ConflictError."""
    _, row = _in_the_making(session, process, user, message_id)
    row.content, row.grown_at = content, datetime.now(UTC)
    return row


def finish(
    session: Session, process: str, user: str, message_id: int, content: str, status: str, answer: AnswerRecord | None
) -> MessageRow:
    """Give an answer its last text, status and receipt. Raises NotFoundError, ConflictError."""
    conversation, row = _in_the_making(session, process, user, message_id)
    row.content, row.status, row.grown_at = content, status, None
    row.answer = None if answer is None else answer_row(answer)
    conversation.updated_at = datetime.now(UTC)
    _settle(session, conversation, row)
    return row


def break_abandoned(session: Session, own: str, known_gone: str | None) -> int:
    """Mark streaming answers whose process is gone as broken, their text kept. Returns how many."""
    streaming = select(MessageRow.conversation_id, MessageRow.id, MessageRow.process, MessageRow.grown_at)
    silent_before = datetime.now(UTC) - FOREIGN_SILENCE
    abandoned = []
    for conversation_id, message_id, process, grown_at in session.execute(streaming.filter_by(status="streaming")):
        if process is None or process == own:
            continue
        gone = process == known_gone or is_gone(process)
        if gone is None:
            gone = grown_at is None or grown_at < silent_before
        if gone:
            abandoned.append((conversation_id, message_id))
    for conversation_id, message_id in sorted(abandoned):  # in one order, so that two processes cannot block each other
        conversation = session.get_one(ConversationRow, conversation_id, with_for_update=True)
        row = session.get_one(MessageRow, message_id, populate_existing=True)
        if row.status == "streaming":
            row.status = "broken"
            _settle(session, conversation, row)
    return len(abandoned)


# -- reading ---


def at_seq(session: Session, conversation_id: str, seq: int | None) -> MessageRow | None:
    return (
        None if seq is None else session.scalar(select(MessageRow).filter_by(conversation_id=conversation_id, seq=seq))
    )


def branch_of(session: Session, conversation: ConversationRow) -> Iterator[tuple[int, int]]:
    """The active branch and those it grew from: each one's number, and the `seq` before which it is followed."""
    number, limit = conversation.branch, conversation.next_seq
    while True:
        yield number, limit
        if number == 0:
            return
        branch = session.get_one(BranchRow, (conversation.id, number))
        number, limit = branch.parent, min(limit, branch.seq)


def last(
    session: Session,
    conversation: ConversationRow,
    limit: int | None = None,
    before: int | None = None,
    session_number: int | None = None,
) -> list[MessageRow]:
    """The last messages of the active branch with a `seq` smaller than `before`, in order.

    Branch by branch from the newest one on, so that a page costs no more than its messages and the branches it spans.
    """
    found: list[MessageRow] = []
    for number, end in branch_of(session, conversation):
        query = select(MessageRow).filter_by(conversation_id=conversation.id, branch=number)
        query = query.where(MessageRow.seq < (end if before is None else min(end, before)))
        if session_number is not None:
            query = query.where(MessageRow.session == session_number)
        query = query.order_by(MessageRow.seq.desc()).options(*with_answer())
        found += session.scalars(query if limit is None else query.limit(limit - len(found)))
        if limit is not None and len(found) >= limit:
            break
    return found[::-1]


def with_answer() -> tuple[ORMOption, ...]:
    answer = selectinload(MessageRow.answer)
    parts = (AnswerRow.citations, AnswerRow.unread, AnswerRow.context, AnswerRow.settings, AnswerRow.evidence)
    return tuple(answer.selectinload(part) for part in parts)


# -- hashes ---


def seal(rows: Sequence[MessageRow], hashes: dict[int, str]) -> None:
    """Give final messages their hash, in order of `seq`, where the one before has its own (`hashes`: by `seq`)."""
    for row in rows:
        before = ROOT if row.parent_seq is None else hashes.get(row.parent_seq)
        if row.status != "streaming":
            _seal_row(row, before)
        if row.hash is not None:
            hashes[row.seq] = row.hash


def _seal_row(row: MessageRow, before: str | None) -> None:
    if before is not None:
        row.parent_hash, row.hash = before, message_hash(before, row.role, row.content)


def _settle(session: Session, conversation: ConversationRow, row: MessageRow) -> None:
    """What a message that has just become final needs: its place in the index, its hash, and those behind it."""
    session.flush()
    search.index(session, search.MESSAGES, row.id, search.user_word(conversation.user_id), row.content)
    _seal_from(session, conversation, row.seq)


def _seal_from(session: Session, conversation: ConversationRow, seq: int) -> None:
    unsealed = select(MessageRow).filter_by(conversation_id=conversation.id, hash=None)
    unsealed = unsealed.where(MessageRow.seq >= seq).order_by(MessageRow.seq)
    rows = session.scalars(unsealed, execution_options={"populate_existing": True}).all()
    parents = [row.parent_seq for row in rows if row.parent_seq is not None]
    hashes: dict[int, str] = {}
    for at in range(0, len(parents), _AT_ONCE):
        known = select(MessageRow.seq, MessageRow.hash).filter_by(conversation_id=conversation.id)
        known = known.where(MessageRow.seq.in_(parents[at : at + _AT_ONCE]), MessageRow.hash.is_not(None))
        hashes |= {found: each for found, each in session.execute(known) if each is not None}
    seal(rows, hashes)
    session.flush()


def _in_the_making(session: Session, process: str, user: str, message_id: int) -> tuple[ConversationRow, MessageRow]:
    """An answer that this process writes, with its conversation, which is locked."""
    query = select(ConversationRow).join(MessageRow, ConversationRow.id == MessageRow.conversation_id)
    query = query.where(ConversationRow.user_id == user, MessageRow.id == message_id, MessageRow.process == process)
    conversation = session.scalar(query.with_for_update(of=ConversationRow))
    row = None if conversation is None else session.get(MessageRow, message_id, populate_existing=True)
    if conversation is None or row is None:
        raise NotFoundError("There is no such answer in the making.")
    if row.grown_at is None:
        raise ConflictError("This answer is already finished.")
    if row.status != "streaming":  # another process took this one for dead and called the answer broken
        search.forget(session, search.MESSAGES, row.id)
        behind = update(MessageRow).filter_by(conversation_id=conversation.id).where(MessageRow.seq >= row.seq)
        session.execute(behind.values(hash=None, parent_hash=None))
        session.refresh(row)
        row.status = "streaming"
        session.flush()
        _seal_from(session, conversation, row.seq)  # other branches do not follow this answer
    return conversation, row
