"""The tables of documents, conversations, messages and answers. One row a message, no JSON blob.

A change here needs a new file in migrations/versions; a test compares the two. The full-text index is no table of the
models, as the databases have nothing in common there: search.py.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from storage.columns import Base, RowId

__all__ = [
    "AnswerRow",
    "Base",
    "BranchRow",
    "CitationRow",
    "ContextRow",
    "ConversationRow",
    "DocumentRow",
    "EvidenceRow",
    "LinkRow",
    "MessageRow",
    "PassageRow",
    "RequestKeyRow",
    "SessionRow",
    "SettingRow",
    "UnreadRow",
]


class DocumentRow(Base):
    """One version of a document; `series`, the id of the first one, holds the versions together."""

    __tablename__ = "documents"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id", "user_id"], ["users.organisation_id", "users.id"]),
        UniqueConstraint("user_id", "series", "version"),
        Index(None, "organisation_id", "id"),
        Index(None, "id"),
    )

    user_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str]
    path: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int]
    tokens: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    series: Mapped[str] = mapped_column(String(128))
    version: Mapped[int]
    shared: Mapped[bool]


class PassageRow(Base):
    """A piece of a document that people can search. Position 0 is its name."""

    __tablename__ = "passages"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "document_id"], ["documents.user_id", "documents.id"], ondelete="CASCADE"),
        UniqueConstraint("user_id", "document_id", "position"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    user_id: Mapped[str]
    document_id: Mapped[str] = mapped_column(String(128))
    position: Mapped[int]
    text: Mapped[str]
    path: Mapped[str]
    start: Mapped[int] = mapped_column(BigInteger)
    page: Mapped[int | None]
    line: Mapped[int | None]


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = (
        ForeignKeyConstraint(["organisation_id", "user_id"], ["users.organisation_id", "users.id"]),
        UniqueConstraint("user_id", "import_key"),
        Index(None, "user_id", "updated_at"),
        Index(None, "organisation_id", "updated_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str]
    bot: Mapped[str]
    title: Mapped[str]
    sessions: Mapped[int]  # the number of the running one
    state: Mapped[str] = mapped_column(String(16), default="bot")
    pinned: Mapped[bool] = mapped_column(default=False)
    branch: Mapped[int] = mapped_column(default=0)  # the active one
    head_seq: Mapped[int | None]  # the last message of the active branch
    next_seq: Mapped[int] = mapped_column(default=0)
    purged_before: Mapped[int] = mapped_column(default=0)  # messages with a smaller `seq` went with retention
    version: Mapped[int] = mapped_column(default=1)
    import_key: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    links: Mapped[list["LinkRow"]] = relationship(order_by="LinkRow.position", cascade="all, delete-orphan")


class LinkRow(Base):
    """Which documents a conversation is about, in the order they were attached; `user_id` is the document's owner."""

    __tablename__ = "conversation_documents"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "document_id"], ["documents.user_id", "documents.id"]),
        Index(None, "user_id", "document_id"),
    )

    conversation_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    user_id: Mapped[str]
    position: Mapped[int]


class SessionRow(Base):
    """One sitting of a conversation."""

    __tablename__ = "sessions"

    conversation_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class BranchRow(Base):
    """A branch that an edit began: it follows `parent` up to, and without, the message `seq`. Branch 0 has no row."""

    __tablename__ = "branches"

    conversation_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent: Mapped[int]
    seq: Mapped[int]
    created_at: Mapped[datetime]


class MessageRow(Base):
    __tablename__ = "messages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["conversation_id", "session"], ["sessions.conversation_id", "sessions.number"], ondelete="CASCADE"
        ),
        UniqueConstraint("conversation_id", "seq"),
        Index(None, "conversation_id", "branch", "seq"),
        # With `seq`, though a session alone is looked for: without it PostgreSQL's planner, as long as it has counted
        # nothing in a new conversation, reads all of it by this index and sorts, instead of taking the last page.
        Index(None, "conversation_id", "session", "seq"),
        Index(None, "status"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(String(32))
    seq: Mapped[int]
    session: Mapped[int]
    number: Mapped[int]
    branch: Mapped[int]
    parent_seq: Mapped[int | None]
    role: Mapped[str] = mapped_column(String(16))
    author: Mapped[str | None]
    content: Mapped[str]
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    parent_hash: Mapped[str | None] = mapped_column(String(128))  # set with `hash`; "" when nothing is before it
    hash: Mapped[str | None] = mapped_column(String(128))
    process: Mapped[str | None]  # who writes this answer, see process.py
    grown_at: Mapped[datetime | None]  # set until the answer is finished

    answer: Mapped["AnswerRow | None"] = relationship(cascade="all, delete-orphan")


class RequestKeyRow(Base):
    """The idempotency keys of a user's requests, and the message that each of them became."""

    __tablename__ = "request_keys"
    __table_args__ = (Index(None, "message_id"),)

    user_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(RowId, ForeignKey("messages.id", ondelete="CASCADE"))


class AnswerRow(Base):
    __tablename__ = "answers"

    message_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    model: Mapped[str]
    pattern: Mapped[str]
    level: Mapped[str]
    impl: Mapped[str]
    finish_reason: Mapped[str]
    supported: Mapped[bool]
    tokens: Mapped[int] = mapped_column(BigInteger)
    tokens_read: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    generated_tokens: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int]
    files: Mapped[int]
    parse_s: Mapped[float] = mapped_column(Float(53))
    read_s: Mapped[float] = mapped_column(Float(53))
    first_token_s: Mapped[float] = mapped_column(Float(53))
    total_s: Mapped[float] = mapped_column(Float(53))
    seed: Mapped[int | None] = mapped_column(BigInteger)
    dtype: Mapped[str]
    bot_digest: Mapped[str]
    model_digest: Mapped[str]

    citations: Mapped[list["CitationRow"]] = relationship(order_by="CitationRow.position", cascade="all, delete-orphan")
    unread: Mapped[list["UnreadRow"]] = relationship(order_by="UnreadRow.position", cascade="all, delete-orphan")
    context: Mapped[list["ContextRow"]] = relationship(order_by="ContextRow.position", cascade="all, delete-orphan")
    settings: Mapped[list["SettingRow"]] = relationship(order_by="SettingRow.position", cascade="all, delete-orphan")
    evidence: Mapped[list["EvidenceRow"]] = relationship(order_by="EvidenceRow.position", cascade="all, delete-orphan")


class OfAnswer:
    """The key of what an answer has several of."""

    answer_id: Mapped[int] = mapped_column(
        RowId, ForeignKey("answers.message_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)


class CitationRow(OfAnswer, Base):
    """What it cites is no foreign key: a receipt stays as it was when the cited thing is deleted."""

    __tablename__ = "citations"

    number: Mapped[int]
    path: Mapped[str]
    page: Mapped[int | None]
    page_label: Mapped[str | None]
    line: Mapped[int | None]
    section: Mapped[str]
    quote: Mapped[str]
    start: Mapped[int] = mapped_column(BigInteger)
    end: Mapped[int] = mapped_column(BigInteger)
    verified: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(16))
    score: Mapped[float] = mapped_column(Float(53))
    document_id: Mapped[str | None] = mapped_column(String(128))
    conversation_id: Mapped[str | None] = mapped_column(String(32))
    session: Mapped[int | None]
    seq: Mapped[int | None]


class UnreadRow(OfAnswer, Base):
    """A page (`page` is set) or a file (`path` and `reason`) that an answer could not take into account."""

    __tablename__ = "unread"

    path: Mapped[str]
    page: Mapped[int | None]
    reason: Mapped[str]


class ContextRow(OfAnswer, Base):
    """A segment that the model had read, in the order of the context."""

    __tablename__ = "answer_context"

    segment: Mapped[str]


class SettingRow(OfAnswer, Base):
    """A setting under which the answer was computed."""

    __tablename__ = "answer_settings"

    name: Mapped[str]
    value: Mapped[str]


class EvidenceRow(OfAnswer, Base):
    """The share of the model's attention that fell on one section while it answered."""

    __tablename__ = "answer_evidence"

    section: Mapped[int]
    weight: Mapped[float] = mapped_column(Float(53))
