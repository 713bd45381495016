"""Sessions and branches as rows, messages addressed by a hash of everything said, idempotency keys of the user.

A key that one user gave in several conversations stays with the first message only.

Revises: 0002
"""

import hashlib
import json
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW_OF_CONVERSATION: dict[str, Any] = {
    "state": sa.String(16),
    "pinned": sa.Boolean(),
    "branch": sa.Integer(),
    "next_seq": sa.Integer(),
    "purged_before": sa.Integer(),
    "version": sa.Integer(),
}
MESSAGE_IDS = (("answers", "message_id"), ("citations", "answer_id"), ("unread", "answer_id"))
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("conversation_id", "number", name="pk_sessions"),
        _of_conversation("sessions"),
    )
    op.create_table(
        "branches",
        sa.Column("conversation_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", "number", name="pk_branches"),
        _of_conversation("branches"),
    )
    _widen(sa.BigInteger())
    for name, kind in NEW_OF_CONVERSATION.items():
        op.add_column("conversations", sa.Column(name, kind, nullable=True))
    op.add_column("conversations", sa.Column("head_seq", sa.Integer(), nullable=True))
    op.add_column("conversations", sa.Column("import_key", sa.Text(), nullable=True))
    op.add_column("conversations", sa.Column("archived_at", TIME, nullable=True))
    for name in ("number", "branch", "parent_seq"):
        op.add_column("messages", sa.Column(name, sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("author", sa.Text(), nullable=True))
    for name in ("parent_hash", "hash"):
        op.add_column("messages", sa.Column(name, sa.String(128), nullable=True))
    _fill()
    with op.batch_alter_table("conversations") as batch:
        for name, kind in NEW_OF_CONVERSATION.items():
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.create_unique_constraint("uq_conversations_user_id_import_key", ["user_id", "import_key"])
    op.create_table(
        "request_keys",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_request_keys"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_request_keys_message_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_request_keys_message_id", "request_keys", ["message_id"])
    op.get_bind().execute(
        sa.text(
            "INSERT INTO request_keys (user_id, key, message_id) "
            "SELECT c.user_id, m.idempotency_key, min(m.id) FROM messages m "
            "JOIN conversations c ON c.id = m.conversation_id "
            "WHERE m.idempotency_key IS NOT NULL GROUP BY c.user_id, m.idempotency_key"
        )
    )
    with op.batch_alter_table("messages") as batch:
        batch.alter_column("number", existing_type=sa.Integer(), nullable=False)
        batch.alter_column("branch", existing_type=sa.Integer(), nullable=False)
        batch.drop_constraint("uq_messages_conversation_id_idempotency_key", type_="unique")
        batch.drop_column("idempotency_key")
        batch.drop_constraint("fk_messages_conversation_id", type_="foreignkey")
        batch.create_foreign_key(
            "fk_messages_conversation_id_session",
            "sessions",
            ["conversation_id", "session"],
            ["conversation_id", "number"],
            ondelete="CASCADE",
        )
    op.create_index("ix_messages_conversation_id_branch_seq", "messages", ["conversation_id", "branch", "seq"])
    op.create_index("ix_messages_conversation_id_session_seq", "messages", ["conversation_id", "session", "seq"])


def downgrade() -> None:
    op.drop_index("ix_messages_conversation_id_session_seq", "messages")
    op.drop_index("ix_messages_conversation_id_branch_seq", "messages")
    op.add_column("messages", sa.Column("idempotency_key", sa.Text(), nullable=True))
    connection = op.get_bind()
    connection.execute(
        sa.text(
            "UPDATE messages SET idempotency_key = "
            "(SELECT min(k.key) FROM request_keys k WHERE k.message_id = messages.id)"
        )
    )
    connection.execute(sa.text("UPDATE messages SET role = 'assistant' WHERE role = 'agent'"))
    op.drop_table("request_keys")
    with op.batch_alter_table("messages") as batch:
        for name in ("hash", "parent_hash", "author", "parent_seq", "branch", "number"):
            batch.drop_column(name)
        batch.drop_constraint("fk_messages_conversation_id_session", type_="foreignkey")
        batch.create_foreign_key(
            "fk_messages_conversation_id", "conversations", ["conversation_id"], ["id"], ondelete="CASCADE"
        )
        batch.create_unique_constraint(
            "uq_messages_conversation_id_idempotency_key", ["conversation_id", "idempotency_key"]
        )
    with op.batch_alter_table("conversations") as batch:
        batch.drop_constraint("uq_conversations_user_id_import_key", type_="unique")
        for name in ("archived_at", "import_key", "head_seq", *NEW_OF_CONVERSATION):
            batch.drop_column(name)
    _widen(sa.Integer())
    op.drop_table("branches")
    op.drop_table("sessions")


def _of_conversation(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_conversation_id"
    return sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=name, ondelete="CASCADE")


def _widen(kind: sa.types.TypeEngine[int]) -> None:
    """Ids of messages have 64 bits; in SQLite every integer has."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.alter_column("messages", "id", type_=kind)
    op.execute(f"ALTER SEQUENCE messages_id_seq AS {'bigint' if isinstance(kind, sa.BigInteger) else 'integer'}")
    for table, column in MESSAGE_IDS:
        op.alter_column(table, column, type_=kind)


def _fill() -> None:
    """What the new columns are for what is there: one branch, everything in its order."""
    connection = op.get_bind()
    text = sa.text
    connection.execute(
        text(
            "UPDATE conversations SET state = 'bot', pinned = :no, branch = 0, purged_before = 0, version = 1, "
            "head_seq = (SELECT max(seq) FROM messages m WHERE m.conversation_id = conversations.id), "
            "next_seq = coalesce((SELECT max(seq) + 1 FROM messages m WHERE m.conversation_id = conversations.id), 0)"
        ).bindparams(sa.bindparam("no", False, sa.Boolean()))
    )
    connection.execute(
        text(
            "UPDATE messages SET branch = 0, author = (SELECT c.user_id FROM conversations c "
            "WHERE c.id = messages.conversation_id AND messages.role = 'user')"
        )
    )
    messages = sa.table(
        "messages",
        *(sa.column(name) for name in ("id", "conversation_id", "seq", "session", "role", "content", "status")),
        sa.column("created_at", TIME),
    )
    rows = connection.execute(sa.select(messages).order_by(messages.c.conversation_id, messages.c.seq))
    starts: dict[tuple[str, int], Any] = {}
    update = text("UPDATE messages SET number = :number, parent_seq = :parent, parent_hash = :before, hash = :hash WHERE id = :id")
    for conversation_id, group in groupby(rows.mappings().all(), key=lambda row: row["conversation_id"]):
        changes, before, number, last = [], "", 0, None
        sealed = True
        for row in group:
            number = number + 1 if last is not None and last["session"] == row["session"] else 1
            starts.setdefault((conversation_id, row["session"]), row["created_at"])
            sealed = sealed and row["status"] != "streaming"
            found = _hash(before, row["role"], row["content"]) if sealed else None
            changes.append(
                {
                    "id": row["id"],
                    "number": number,
                    "parent": None if last is None else last["seq"],
                    "before": before if sealed else None,
                    "hash": found,
                }
            )
            before, last = found or before, row
        connection.execute(update, changes)
    _fill_sessions(starts)


def _fill_sessions(starts: dict[tuple[str, int], Any]) -> None:
    """A session without messages begins with the one before it; each ends when the next one begins."""
    connection = op.get_bind()
    conversations = sa.table("conversations", sa.column("id"), sa.column("sessions"), sa.column("created_at", TIME))
    sessions = sa.table(
        "sessions",
        sa.column("conversation_id"),
        sa.column("number"),
        sa.column("started_at", TIME),
        sa.column("ended_at", TIME),
    )
    for row in connection.execute(sa.select(conversations)).mappings().all():
        began = [row["created_at"]]
        for number in range(2, row["sessions"] + 1):
            began.append(starts.get((row["id"], number), began[-1]))
        ended = [*began[1:], None]
        found = [
            {"conversation_id": row["id"], "number": number, "started_at": start, "ended_at": end}
            for number, (start, end) in enumerate(zip(began, ended, strict=True), 1)
        ]
        connection.execute(sessions.insert(), found)


def _hash(before: str, role: str, content: str) -> str:
    canonical = json.dumps([before, role, content], ensure_ascii=False, separators=(",", ":"))
    return "u1:" + hashlib.sha256(canonical.encode()).hexdigest()
