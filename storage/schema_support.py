"""The tables of hand-offs, promises, feedback, and of events that other systems are told."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.columns import Base, RowId

_OPEN = text("state <> 'closed'")


class HandOffRow(Base):
    __tablename__ = "hand_offs"
    __table_args__ = (
        # A conversation is in one pair of hands at most.
        Index("uq_hand_offs_open", "conversation_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index(None, "conversation_id"),
        Index(None, "organisation_id", "state", "requested_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(32), ForeignKey("conversations.id", ondelete="CASCADE"))
    organisation_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    packet: Mapped[str]
    agent: Mapped[str | None]
    requested_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    note: Mapped[str]
    version: Mapped[int]


class PromiseRow(Base):
    __tablename__ = "promises"
    __table_args__ = (Index(None, "conversation_id"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(32), ForeignKey("conversations.id", ondelete="CASCADE"))
    seq: Mapped[int]
    by: Mapped[str] = mapped_column("promised_by")
    to: Mapped[str] = mapped_column("promised_to")
    text: Mapped[str]
    due_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    made_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    version: Mapped[int]


class FeedbackRow(Base):
    __tablename__ = "feedback"

    message_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[str] = mapped_column(primary_key=True)
    thumb: Mapped[int]
    reason: Mapped[str]
    at: Mapped[datetime]


class DeliveryRow(Base):
    """The outbox: written in the transaction of the event itself, sent afterwards."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("organisation_id", "key"),
        Index(None, "state", "next_at"),
        Index(None, "conversation_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(String(64), ForeignKey("organisations.id", ondelete="CASCADE"))
    conversation_id: Mapped[str | None] = mapped_column(String(32), ForeignKey("conversations.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(128))
    event: Mapped[str] = mapped_column(String(64))
    url: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    last_error: Mapped[str]
    created_at: Mapped[datetime]
