"""How answers went, for the people of an organisation who look after them: figures of its own users, never a word.

Readings belong to the machine: what was read serves everybody, so no organisation is told whose they were.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, selectinload

from storage.access import user_with_role
from storage.records import NotFoundError
from storage.records_signals import AnswerFigures, HandOffFigures, Reading, SecondLook, Thumb
from storage.records_support import HAND_OFF_STATES
from storage.room import Room
from storage.rows import picked
from storage.schema import AnswerRow, ConversationRow, MessageRow, SettingRow
from storage.schema_signals import ReadingRow, SecondLookRow
from storage.schema_support import FeedbackRow, HandOffRow

_LOOK = tuple(field.name for field in fields(SecondLook))
_READING = tuple(field.name for field in fields(Reading))
_NOTED = ("context_tokens", "looked_at", "refused")  # the settings of an answer that are figures


class Signals(Room):
    """`reader`: an agent or admin; NotAllowedError for others. Times: `since` ≤ at < `until`, oldest first."""

    # -- writing ---

    def note_look(self, user: str, message_id: int, look: SecondLook) -> None:
        """Store the second look at an answer of the user's; a later one takes its place. Raises NotFoundError."""
        with self._begin() as session:
            own = select(AnswerRow.message_id).join(MessageRow, MessageRow.id == AnswerRow.message_id)
            own = own.join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
            if session.scalar(own.where(ConversationRow.user_id == user, MessageRow.id == message_id)) is None:
                raise NotFoundError("There is no such answer.")
            session.merge(SecondLookRow(message_id=message_id, **picked(look, _LOOK)))

    def note_reading(self, reading: Reading) -> None:
        """Store that something was read, or found ready."""
        with self._begin() as session:
            session.add(ReadingRow(**picked(reading, _READING)))

    # -- reading ---

    def answers(self, reader: str, since: datetime, until: datetime) -> list[AnswerFigures]:
        """The bots' answers of that time, deleted conversations included; imported ones are nobody's work here."""
        query = select(MessageRow, ConversationRow.bot, SecondLookRow)
        query = query.join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        query = query.outerjoin(SecondLookRow, SecondLookRow.message_id == MessageRow.id)
        query = query.where(MessageRow.role == "assistant", MessageRow.process.is_not(None))
        query = query.where(MessageRow.status != "streaming")
        query = query.where(MessageRow.created_at >= since, MessageRow.created_at < until)
        query = query.order_by(MessageRow.created_at, MessageRow.id).options(selectinload(MessageRow.answer))
        with self._begin(write=False) as session:
            rows = session.execute(query.where(self._own(session, reader))).tuples().all()
            noted = _settings(session, [row.id for row, _, _ in rows])
            return [_figures(row, bot, look, noted.get(row.id, {})) for row, bot, look in rows]

    def feedback(self, reader: str, since: datetime, until: datetime) -> list[Thumb]:
        """The thumbs of that time."""
        query = select(FeedbackRow.at, ConversationRow.bot, FeedbackRow.thumb)
        query = query.join(MessageRow, MessageRow.id == FeedbackRow.message_id)
        query = query.join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        query = query.where(FeedbackRow.at >= since, FeedbackRow.at < until).order_by(FeedbackRow.at)
        with self._begin(write=False) as session:
            found = session.execute(query.where(self._own(session, reader))).tuples()
            return [Thumb(*row) for row in found]

    def hand_offs(self, reader: str, since: datetime, until: datetime) -> list[HandOffFigures]:
        """The hand-offs that were asked for in that time."""
        columns = (HandOffRow.requested_at, HandOffRow.taken_at, HandOffRow.closed_at, ConversationRow.bot)
        query = select(*columns, HandOffRow.reason, HandOffRow.state)
        query = query.join(ConversationRow, ConversationRow.id == HandOffRow.conversation_id)
        query = query.where(HandOffRow.requested_at >= since, HandOffRow.requested_at < until)
        query = query.order_by(HandOffRow.requested_at, HandOffRow.id)
        with self._begin(write=False) as session:
            found = session.execute(query.where(self._own(session, reader))).tuples()
            return [HandOffFigures(*row) for row in found]

    def readings(self, reader: str, since: datetime, until: datetime) -> list[Reading]:
        """The readings of this machine in that time."""
        query = select(ReadingRow).where(ReadingRow.at >= since, ReadingRow.at < until)
        with self._begin(write=False) as session:
            user_with_role(session, reader, "agent", "admin")
            rows = session.scalars(query.order_by(ReadingRow.at, ReadingRow.id))
            return [Reading(**picked(row, _READING)) for row in rows]

    def handed_off(self) -> dict[str, int]:
        """How many hand-offs of all organisations are in each state; for the operator."""
        with self._begin(write=False) as session:
            found = session.execute(select(HandOffRow.state, func.count()).group_by(HandOffRow.state))
            return dict.fromkeys(HAND_OFF_STATES, 0) | dict(found.tuples().all())

    def _own(self, session: Session, reader: str) -> ColumnElement[bool]:
        """Conversations of the reader's organisation, where the reader may look after them."""
        return ConversationRow.organisation_id == user_with_role(session, reader, "agent", "admin").organisation_id


def _settings(session: Session, ids: Sequence[int], at_once: int = 500) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for start in range(0, len(ids), at_once):
        query = select(SettingRow.answer_id, SettingRow.name, SettingRow.value)
        query = query.where(SettingRow.answer_id.in_(ids[start : start + at_once]), SettingRow.name.in_(_NOTED))
        for answer, name, value in session.execute(query).tuples():
            found.setdefault(answer, {})[name] = value
    return found


def _figures(row: MessageRow, bot: str, look: SecondLookRow | None, noted: dict[str, str]) -> AnswerFigures:
    answer = row.answer
    return AnswerFigures(
        at=row.created_at,
        bot=bot,
        status=row.status,
        supported=answer is not None and answer.supported,
        refused={"yes": True, "no": False}.get(noted.get("refused", "")),
        first_token_s=answer.first_token_s if answer else 0.0,
        total_s=answer.total_s if answer else 0.0,
        generated=answer.generated_tokens if answer else 0,
        context=int(noted.get("context_tokens", "0")),
        cached=answer.cached_tokens if answer else 0,
        looked_at=int(noted.get("looked_at", "0")),
        look=None if look is None else look_value(look),
    )


def look_value(row: SecondLookRow) -> SecondLook:
    return SecondLook(**picked(row, _LOOK))
