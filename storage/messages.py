"""Messages, answers and branches of a user's conversations, feedback on them, and search."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage import ledger, search
from storage.access import check_version, known_user, open_conversation, own_conversation, readable_document
from storage.records import (
    FINAL_STATUSES,
    AnswerRecord,
    Branch,
    ConflictError,
    Hit,
    Message,
    NotFoundError,
    Page,
)
from storage.records_support import Feedback
from storage.room import Room
from storage.rows import conversation_value, message_value
from storage.schema import BranchRow, ConversationRow, MessageRow
from storage.schema_support import FeedbackRow

_OWN_ROLES = ("user", "assistant")  # agents speak through a hand-off


class Messages(Room):
    """A message is durable when the method that adds it returns, so before its answer starts."""

    def append(
        self, user: str, conversation_id: str, role: str, content: str, *, idempotency_key: str | None = None
    ) -> Message:
        """Add a complete message. The same request again, by its key, returns what it became the first time.

        A key belongs to the user; with another text or in another conversation it is a ConflictError.
        """
        if role not in _OWN_ROLES:
            raise ValueError(f"role must be one of {_OWN_ROLES}, not {role!r}")
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            author = user if role == "user" else None
            return message_value(put(session, conversation, user, role, content, author, idempotency_key))

    def begin_answer(self, user: str, conversation_id: str) -> Message:
        """Add an empty answer, which only this process may grow and finish, by its `id`.

        Raises ConflictError while a person answers this conversation.
        """
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            if conversation.state == "human":
                raise ConflictError("A person answers this conversation; the bot is silent until they hand it back.")
            process = self._database.process
            return message_value(
                ledger.add(session, conversation, "assistant", "", status="streaming", process=process)
            )

    def grow_answer(self, user: str, message_id: int, content: str) -> None:
        """Replace the text so far. Each call waits for the disk: call it per second, not per token."""
        with self._begin() as session:
            ledger.grow(session, self._database.process, user, message_id, content)

    def finish_answer(
        self, user: str, message_id: int, content: str, status: str, answer: AnswerRecord | None
    ) -> Message:
        """Store the last text, status and receipt together. Raises ConflictError when finished before.

        Raises NotFoundError when the answer cites a document or conversation that is not this user's to read.
        """
        if status not in FINAL_STATUSES:
            raise ValueError(f"status must be one of {FINAL_STATUSES}, not {status!r}")
        with self._begin() as session:
            if answer is not None:
                _check_citations(session, user, answer)
            process = self._database.process
            return message_value(ledger.finish(session, process, user, message_id, content, status, answer))

    def mark_broken(self, process_tag: str | None = None) -> int:
        """Call answers "broken" whose process is gone, their text kept; returns how many. `open` does it.

        `process_tag`: a process that is known to be gone though it ran on a machine that cannot be asked.
        The answers of this process are never touched.
        """
        with self._begin() as session:
            return ledger.break_abandoned(session, self._database.process, process_tag)

    def messages(self, user: str, conversation_id: str, *, session_number: int | None = None) -> list[Message]:
        """The active branch in order, over all sessions or of one, with answers; also of a deleted conversation."""
        with self._begin(write=False) as session:
            conversation = own_conversation(session, user, conversation_id)
            rows = ledger.last(session, conversation, session_number=session_number)
            return [message_value(row) for row in rows]

    def message(self, user: str, conversation_id: str, seq: int) -> Message:
        """One message of any branch."""
        with self._begin(write=False) as session:
            return message_value(_message(session, own_conversation(session, user, conversation_id), seq))

    def page(self, user: str, conversation_id: str, *, limit: int = 50, before: int | None = None) -> Page:
        """The conversation with its last messages, or those before the message `before`.

        It costs the same however long the history is.
        """
        with self._begin(write=False) as session:
            return page_of(session, own_conversation(session, user, conversation_id), limit, before)

    # -- branches ---

    def edit(
        self, user: str, conversation_id: str, seq: int, content: str, *, idempotency_key: str | None = None
    ) -> Message:
        """Say something else in place of an own message: a new branch beside it, which becomes the active one."""
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            if idempotency_key is not None:
                known = ledger.by_key(session, user, idempotency_key, conversation.id, "user", content)
                if known is not None:
                    return message_value(known)
            edited = _message(session, conversation, seq)
            if edited.author != user:
                raise ConflictError("Only your own messages can be edited.")
            numbers = select(func.max(BranchRow.number)).filter_by(conversation_id=conversation.id)
            branch = BranchRow(
                conversation_id=conversation.id,
                number=(session.scalar(numbers) or 0) + 1,
                parent=edited.branch,
                seq=edited.seq,
                created_at=datetime.now(UTC),
            )
            session.add(branch)
            session.flush()
            check_version(conversation, None)
            conversation.branch, conversation.head_seq = branch.number, edited.parent_seq
            return message_value(put(session, conversation, user, "user", content, user, idempotency_key))

    def branches(self, user: str, conversation_id: str) -> list[Branch]:
        """All branches in the order in which they began; 0 is the first one."""
        with self._begin(write=False) as session:
            conversation = own_conversation(session, user, conversation_id)
            counted = select(MessageRow.branch, func.count(), func.min(MessageRow.seq))
            counted = counted.where(MessageRow.conversation_id == conversation.id).group_by(MessageRow.branch)
            counts = {number: (count, first) for number, count, first in session.execute(counted).tuples()}
            rows = session.scalars(
                select(BranchRow).filter_by(conversation_id=conversation.id).order_by(BranchRow.number)
            )
            known: list[tuple[int, int | None, int]] = [
                (0, None, 0),
                *((row.number, row.parent, row.seq) for row in rows),
            ]
            return [
                Branch(number, parent, seq, count, number == conversation.branch, first)
                for number, parent, seq in known
                for count, first in [counts.get(number, (0, None))]
            ]

    def switch_branch(self, user: str, conversation_id: str, number: int, *, expected: int | None = None) -> None:
        """Go on with another branch. Raises ConflictError while an answer still grows on the active one."""
        with self._begin() as session:
            conversation = open_conversation(session, user, conversation_id)
            check_version(conversation, expected)
            if number and session.get(BranchRow, (conversation.id, number)) is None:
                raise NotFoundError("There is no such branch.")
            head = ledger.at_seq(session, conversation.id, conversation.head_seq)
            if head is not None and head.status == "streaming":
                raise ConflictError("An answer is still being written here; wait for it or stop it.")
            conversation.branch = number
            found = ledger.last(session, conversation, 1)
            conversation.head_seq = found[0].seq if found else None

    # -- feedback ---

    def give_feedback(self, user: str, conversation_id: str, seq: int, thumb: int, reason: str = "") -> Feedback:
        """Say what the user thinks of an answer: 1 or -1. The last word stands."""
        if thumb not in (1, -1):
            raise ValueError(f"thumb must be 1 or -1, not {thumb!r}")
        with self._begin() as session:
            row = _message(session, own_conversation(session, user, conversation_id, lock=True), seq)
            if row.role == "user":
                raise ConflictError("Feedback is for answers, not for questions.")
            given = session.get(FeedbackRow, (row.id, user)) or FeedbackRow(message_id=row.id, user_id=user)
            given.thumb, given.reason, given.at = thumb, reason, datetime.now(UTC)
            session.add(given)
            return Feedback(conversation_id, seq, user, thumb, reason, given.at)

    def feedback(self, user: str, conversation_id: str) -> list[Feedback]:
        """The user's feedback on a conversation, in its order."""
        with self._begin(write=False) as session:
            own_conversation(session, user, conversation_id)
            query = select(FeedbackRow, MessageRow.seq).join(MessageRow, MessageRow.id == FeedbackRow.message_id)
            query = query.where(MessageRow.conversation_id == conversation_id, FeedbackRow.user_id == user)
            found = session.execute(query.order_by(MessageRow.seq))
            return [Feedback(conversation_id, seq, user, row.thumb, row.reason, row.at) for row, seq in found]

    # -- search ---

    def search(
        self,
        user: str,
        query: str,
        *,
        kinds: Sequence[str] = search.KINDS,
        bot: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
    ) -> list[Hit]:
        """Messages and documents that hold all words, newest first: `word`, `begin*`, `"some phrase"`.

        `since` ≤ date < `until`; next page: `until` = the last one's `at`. Raises StorageError without any word.
        """
        if limit < 1 or not set(kinds) <= set(search.KINDS):
            raise ValueError(f"limit must be at least 1 and kinds of {search.KINDS}")
        with self._begin(write=False) as session:
            return search.find(session, user, query, kinds, bot, since, until, limit)


def put(
    session: Session,
    conversation: ConversationRow,
    writer: str,
    role: str,
    content: str,
    author: str | None,
    key: str | None,
) -> MessageRow:
    """Add a complete message once, whoever writes it. `writer` owns the idempotency key."""
    if key is not None and (known := ledger.by_key(session, writer, key, conversation.id, role, content)):
        return known
    row = ledger.add(session, conversation, role, content, author=author)
    if key is not None:
        ledger.keep_key(session, writer, key, row)
    return row


def page_of(session: Session, conversation: ConversationRow, limit: int, before: int | None) -> Page:
    """The last messages before `before`; one more is looked for, to know whether there are earlier ones."""
    if limit < 1:
        raise ValueError("limit must be at least 1")
    rows = ledger.last(session, conversation, limit + 1, before)
    values = tuple(message_value(row) for row in rows[-limit:])
    return Page(conversation_value(conversation), values, more=len(rows) > limit)


def _message(session: Session, conversation: ConversationRow, seq: int) -> MessageRow:
    row = ledger.at_seq(session, conversation.id, seq)
    if row is None:
        raise NotFoundError("There is no such message.")
    return row


def _check_citations(session: Session, user: str, answer: AnswerRecord) -> None:
    person = known_user(session, user)
    for document_id in {each.document_id for each in answer.citations} - {None}:
        readable_document(session, person, str(document_id))
    for conversation_id in {each.conversation_id for each in answer.citations} - {None}:
        own_conversation(session, user, str(conversation_id))
