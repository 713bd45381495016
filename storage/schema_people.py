"""The tables of organisations, users, their keys, bots, and the audit log."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.columns import Base, RowId


class OrganisationRow(Base):
    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str]
    retention_days: Mapped[int | None]
    undo_days: Mapped[int]
    webhook_url: Mapped[str]
    webhook_secret: Mapped[str]
    created_at: Mapped[datetime]
    version: Mapped[int]


class UserRow(Base):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("organisation_id", "id"),)  # what belongs to a user points to both

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(String(64), ForeignKey("organisations.id"))
    name: Mapped[str]
    role: Mapped[str] = mapped_column(String(16))
    zone: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime]
    barred_at: Mapped[datetime | None]


class ApiKeyRow(Base):
    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash"), Index(None, "user_id"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    key_hash: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class BotRow(Base):
    """One version of a bot; the highest one counts, and none does once it is retired."""

    __tablename__ = "bots"

    organisation_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str]
    digest: Mapped[str] = mapped_column(String(128))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class AuditRow(Base):
    __tablename__ = "audit"
    __table_args__ = (Index(None, "organisation_id", "id"), Index(None, "actor"), Index(None, "subject"))

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(String(64), ForeignKey("organisations.id", ondelete="CASCADE"))
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str]
    at: Mapped[datetime]
