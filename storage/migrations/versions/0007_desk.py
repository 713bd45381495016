"""Second looks at sampled answers, and readings: figures without content.

Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "second_looks",
        sa.Column("message_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("overlap", sa.Float(53), nullable=False),
        sa.Column("evidence", sa.Float(53), nullable=True),
        sa.Column("supported", sa.Boolean(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("read_s", sa.Float(53), nullable=False),
        sa.Column("total_s", sa.Float(53), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_second_looks"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["answers.message_id"], name="fk_second_looks_message_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "readings",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("bot", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("fresh", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("parse_s", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_readings"),
    )
    op.create_index("ix_readings_at", "readings", ["at"])


def downgrade() -> None:
    op.drop_table("readings")
    op.drop_table("second_looks")
