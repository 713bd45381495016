"""The tables. One row a message; what an answer cites and what it left unread are rows too, no JSON blob.

A change here needs a new file in migrations/versions; a test compares the two.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. SQLite keeps no zone, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    # Named constraints can be dropped by later migrations, unnamed ones cannot on SQLite.
    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


class DocumentRow(Base):
    __tablename__ = "documents"

    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    bytes: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int] = mapped_column(Integer)
    tokens: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = (Index(None, "user_id", "updated_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(Text)
    bot: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    sessions: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    links: Mapped[list["LinkRow"]] = relationship(order_by="LinkRow.position", cascade="all, delete-orphan")


class LinkRow(Base):
    """Which documents a conversation is about, in the order they were attached."""

    __tablename__ = "conversation_documents"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "document_id"], ["documents.user_id", "documents.id"]),
        Index(None, "user_id", "document_id"),
    )

    conversation_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    user_id: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(Integer)


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "idempotency_key"),
        Index(None, "status"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(32), ForeignKey("conversations.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(Integer)
    session: Mapped[int] = mapped_column(Integer)
    role: Mapped[str] = mapped_column(String(16))
    content: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    process: Mapped[str | None] = mapped_column(Text)  # who writes this answer, see process.py
    grown_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set until the answer is finished

    answer: Mapped["AnswerRow | None"] = relationship(cascade="all, delete-orphan")


class AnswerRow(Base):
    __tablename__ = "answers"

    message_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    model: Mapped[str] = mapped_column(Text)
    pattern: Mapped[str] = mapped_column(Text)
    level: Mapped[str] = mapped_column(Text)
    impl: Mapped[str] = mapped_column(Text)
    finish_reason: Mapped[str] = mapped_column(Text)
    supported: Mapped[bool] = mapped_column(Boolean)
    tokens: Mapped[int] = mapped_column(BigInteger)
    tokens_read: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    generated_tokens: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int] = mapped_column(Integer)
    files: Mapped[int] = mapped_column(Integer)
    parse_s: Mapped[float] = mapped_column(Float(53))
    read_s: Mapped[float] = mapped_column(Float(53))
    first_token_s: Mapped[float] = mapped_column(Float(53))
    total_s: Mapped[float] = mapped_column(Float(53))

    citations: Mapped[list["CitationRow"]] = relationship(order_by="CitationRow.position", cascade="all, delete-orphan")
    unread: Mapped[list["UnreadRow"]] = relationship(order_by="UnreadRow.position", cascade="all, delete-orphan")


class CitationRow(Base):
    __tablename__ = "citations"

    answer_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("answers.message_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    path: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None] = mapped_column(Integer)
    page_label: Mapped[str | None] = mapped_column(Text)
    line: Mapped[int | None] = mapped_column(Integer)
    section: Mapped[str] = mapped_column(Text)
    quote: Mapped[str] = mapped_column(Text)
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    verified: Mapped[bool] = mapped_column(Boolean)
    kind: Mapped[str] = mapped_column(String(16))
    score: Mapped[float] = mapped_column(Float(53))


class UnreadRow(Base):
    """A page (`page` is set) or a file (`path` and `reason`) that an answer could not take into account."""

    __tablename__ = "unread"

    answer_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("answers.message_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(Text)
    page: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
