"""Hand-offs, promises, feedback, the outbox; what it takes to compute an answer again; citations of sessions.

Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
TEXTS = ("dtype", "bot_digest", "model_digest")


def upgrade() -> None:
    op.add_column("answers", sa.Column("seed", sa.BigInteger(), nullable=True))
    for name in TEXTS:
        op.add_column("answers", sa.Column(name, sa.Text(), nullable=True))
        op.execute(f"UPDATE answers SET {name} = ''")
    with op.batch_alter_table("answers") as batch:
        for name in TEXTS:
            batch.alter_column(name, existing_type=sa.Text(), nullable=False)
    op.add_column("citations", sa.Column("document_id", sa.String(128), nullable=True))
    op.add_column("citations", sa.Column("conversation_id", sa.String(32), nullable=True))
    op.add_column("citations", sa.Column("session", sa.Integer(), nullable=True))
    op.add_column("citations", sa.Column("seq", sa.Integer(), nullable=True))
    _of_answer("answer_context", sa.Column("segment", sa.Text(), nullable=False))
    _of_answer(
        "answer_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("message_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("thumb", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "user_id", name="pk_feedback"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_feedback_message_id", ondelete="CASCADE"),
    )
    op.create_table(
        "hand_offs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("organisation_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("packet", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("taken_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hand_offs"),
        _of_conversation("hand_offs"),
    )
    open_ones = sa.text("state <> 'closed'")
    op.create_index(
        "uq_hand_offs_open",
        "hand_offs",
        ["conversation_id"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )
    op.create_index("ix_hand_offs_conversation_id", "hand_offs", ["conversation_id"])
    op.create_index(
        "ix_hand_offs_organisation_id_state_requested_at", "hand_offs", ["organisation_id", "state", "requested_at"]
    )
    op.create_table(
        "promises",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("promised_by", sa.Text(), nullable=False),
        sa.Column("promised_to", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_promises"),
        _of_conversation("promises"),
    )
    op.create_index("ix_promises_conversation_id", "promises", ["conversation_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("organisation_id", sa.String(64), nullable=False),
        sa.Column("conversation_id", sa.String(32), nullable=True),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_deliveries_organisation_id", ondelete="CASCADE"
        ),
        _of_conversation("deliveries"),
        sa.UniqueConstraint("organisation_id", "key", name="uq_deliveries_organisation_id_key"),
    )
    op.create_index("ix_deliveries_state_next_at", "deliveries", ["state", "next_at"])
    op.create_index("ix_deliveries_conversation_id", "deliveries", ["conversation_id"])


def downgrade() -> None:
    for table in ("deliveries", "promises", "hand_offs", "feedback", "answer_settings", "answer_context"):
        op.drop_table(table)
    with op.batch_alter_table("citations") as batch:
        for name in ("seq", "session", "conversation_id", "document_id"):
            batch.drop_column(name)
    with op.batch_alter_table("answers") as batch:
        for name in ("seed", *TEXTS):
            batch.drop_column(name)


def _of_answer(table: str, *columns: "sa.Column[str]") -> None:
    op.create_table(
        table,
        sa.Column("answer_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("answer_id", "position", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["answers.message_id"], name=f"fk_{table}_answer_id", ondelete="CASCADE"
        ),
    )


def _of_conversation(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_conversation_id"
    return sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=name, ondelete="CASCADE")
