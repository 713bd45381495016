"""Versions and sharing of documents, their passages, and full-text search over messages and passages.

SQLite: an FTS5 table each, whose triggers take out what is deleted. PostgreSQL: a table each with tsvector and GIN.

Revises: 0004
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.search import MESSAGES, PASSAGES, index_all, organisation_word, user_word

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW: dict[str, Any] = {"series": sa.String(128), "version": sa.Integer(), "shared": sa.Boolean()}
SEARCHED = ("messages", "passages")


def upgrade() -> None:
    for name, kind in NEW.items():
        op.add_column("documents", sa.Column(name, kind, nullable=True))
    no = sa.bindparam("no", False, sa.Boolean())
    op.get_bind().execute(
        sa.text("UPDATE documents SET series = id, version = 1, shared = :no").bindparams(no)
    )
    with op.batch_alter_table("documents") as batch:
        for name, kind in NEW.items():
            batch.alter_column(name, existing_type=kind, nullable=False)
        batch.create_unique_constraint("uq_documents_user_id_series_version", ["user_id", "series", "version"])
    op.create_table(
        "passages",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("document_id", sa.String(128), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_passages"),
        sa.ForeignKeyConstraint(
            ["user_id", "document_id"],
            ["documents.user_id", "documents.id"],
            name="fk_passages_user_id_document_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("user_id", "document_id", "position", name="uq_passages_user_id_document_id_position"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in SEARCHED:
        if sqlite:
            # The words are found by words.py; FTS5 shall only split them at spaces.
            op.execute(
                f"CREATE VIRTUAL TABLE search_{table} USING fts5(words, tokenize = \"ascii tokenchars '='\")"
            )
            op.execute(
                f"CREATE TRIGGER forget_{table} AFTER DELETE ON {table} "
                f"BEGIN DELETE FROM search_{table} WHERE rowid = old.id; END"
            )
        else:
            op.execute(
                f"CREATE TABLE search_{table} (entry BIGINT NOT NULL REFERENCES {table} (id) ON DELETE CASCADE, "
                f"part INTEGER NOT NULL, words TSVECTOR NOT NULL, PRIMARY KEY (entry, part))"
            )
            op.execute(f"CREATE INDEX ix_search_{table}_words ON search_{table} USING gin (words)")
    _fill()


def downgrade() -> None:
    for table in SEARCHED:
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER forget_{table}")
        op.execute(f"DROP TABLE search_{table}")
    op.drop_table("passages")
    with op.batch_alter_table("documents") as batch:
        batch.drop_constraint("uq_documents_user_id_series_version", type_="unique")
        for name in NEW:
            batch.drop_column(name)


def _fill() -> None:
    """What is there becomes findable: messages that are final, and documents by their names."""
    session = sa.orm.Session(op.get_bind())
    messages = sa.text(
        "SELECT c.user_id, m.id, m.content FROM messages m JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.status <> 'streaming'"
    )
    for user, row, content in session.execute(messages).all():
        index_all(session, MESSAGES, user_word(user), [(row, content)])
    session.execute(
        sa.text(
            "INSERT INTO passages (user_id, document_id, position, text, path, start) "
            "SELECT user_id, id, 0, name, name, 0 FROM documents"
        )
    )
    passages = sa.text(
        "SELECT d.organisation_id, p.id, p.text FROM passages p "
        "JOIN documents d ON d.user_id = p.user_id AND d.id = p.document_id"
    )
    for organisation, row, content in session.execute(passages).all():
        index_all(session, PASSAGES, organisation_word(organisation), [(row, content)])
    session.flush()
