"""Where the model looked while it answered, by section.

Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "answer_evidence",
        sa.Column("answer_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("section", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("answer_id", "position", name="pk_answer_evidence"),
        sa.ForeignKeyConstraint(
            ["answer_id"],
            ["answers.message_id"],
            name="fk_answer_evidence_answer_id",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("answer_evidence")
