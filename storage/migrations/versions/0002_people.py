"""Organisations and users own what was owned by names; keys, bots and an audit log beside them.

Everybody who has a conversation or document becomes a member of the organisation `local`.

Revises: 0001
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

OWNED = ("documents", "conversations")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    organisations = op.create_table(
        "organisations",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column("undo_days", sa.Integer(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=False),
        sa.Column("webhook_secret", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
    )
    users = op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name="fk_users_organisation_id"),
        sa.UniqueConstraint("organisation_id", "id", name="uq_users_organisation_id_id"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.String(256), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id", ondelete="CASCADE"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])
    op.create_table(
        "bots",
        sa.Column("organisation_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organisation_id", "name", "version", name="pk_bots"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_bots_organisation_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "audit",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("organisation_id", sa.String(64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_audit_organisation_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_audit_organisation_id_id", "audit", ["organisation_id", "id"])
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_subject", "audit", ["subject"])

    connection, now = op.get_bind(), datetime.now(UTC)
    known = connection.execute(sa.text("SELECT user_id FROM documents UNION SELECT user_id FROM conversations"))
    if names := sorted(known.scalars()):
        connection.execute(
            organisations.insert().values(
                id="local", name="", undo_days=30, webhook_url="", webhook_secret="", created_at=now, version=1
            )
        )
        common = {"organisation_id": "local", "role": "member", "zone": "UTC", "created_at": now}
        connection.execute(users.insert(), [{"id": name, "name": name} | common for name in names])

    for table in OWNED:
        op.add_column(table, sa.Column("organisation_id", sa.String(64), nullable=True))
        connection.execute(sa.text(f"UPDATE {table} SET organisation_id = 'local'"))
        with op.batch_alter_table(table) as batch:
            batch.alter_column("organisation_id", existing_type=sa.String(64), nullable=False)
            batch.create_foreign_key(
                f"fk_{table}_organisation_id_user_id", "users", ["organisation_id", "user_id"], ["organisation_id", "id"]
            )
    op.create_index("ix_documents_organisation_id_id", "documents", ["organisation_id", "id"])
    op.create_index("ix_documents_id", "documents", ["id"])
    op.create_index("ix_conversations_organisation_id_updated_at", "conversations", ["organisation_id", "updated_at"])


def downgrade() -> None:
    op.drop_index("ix_conversations_organisation_id_updated_at", "conversations")
    op.drop_index("ix_documents_id", "documents")
    op.drop_index("ix_documents_organisation_id_id", "documents")
    for table in OWNED:
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_organisation_id_user_id", type_="foreignkey")
            batch.drop_column("organisation_id")
    for table in ("audit", "bots", "api_keys", "users", "organisations"):
        op.drop_table(table)
