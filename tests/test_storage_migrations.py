"""The migrations lead from nothing and from every released version to the models, back, and lose nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text

from storage import StorageError, Store
from storage.database import build_engine, database_url
from storage.hashes import message_hash
from storage.migrate import _newest, alembic_config, current_revision, downgrade, in_models, upgrade
from storage.records import ConflictError
from storage.schema import Base

T0 = "2026-01-01 08:00:00.000001"
T1 = "2026-01-02 09:30:00.000002"
DATA = """
INSERT INTO documents (user_id, id, name, path, media_type, bytes, pages, tokens, created_at) VALUES
  ('ann', 'd0', 'lease.pdf', 'p', 'application/pdf', 9, 2, 300, '{0}'),
  ('zoe', 'd0', 'copy.pdf', 'p', 'application/pdf', 9, 2, 300, '{0}');
INSERT INTO conversations (id, user_id, bot, title, sessions, created_at, updated_at, deleted_at) VALUES
  ('c1', 'ann', 'legal', 'Lease', 3, '{0}', '{1}', NULL), ('c2', 'ann', 'legal', 'Gone', 1, '{0}', '{1}', '{1}'),
  ('c3', 'bob', 'legal', 'Empty', 1, '{0}', '{0}', NULL);
INSERT INTO conversation_documents (conversation_id, document_id, user_id, position) VALUES ('c1', 'd0', 'ann', 0);
INSERT INTO messages (id, conversation_id, seq, session, role, content, status, created_at, idempotency_key, process,
  grown_at) VALUES
  (11, 'c1', 0, 1, 'user', 'how long is the léase?', 'complete', '{0}', 'k', NULL, NULL),
  (12, 'c1', 1, 1, 'assistant', 'two years', 'complete', '{0}', NULL, 'h/b/1/2', NULL),
  (13, 'c1', 2, 3, 'user', 'and then?', 'complete', '{1}', 'k2', NULL, NULL),
  (14, 'c1', 3, 3, 'assistant', 'half an ans', 'streaming', '{1}', NULL, 'elsewhere/0/1/2',
   '2999-01-01 00:00:00.000000'),
  (15, 'c1', 4, 3, 'user', 'hello?', 'complete', '{1}', NULL, NULL, NULL),
  (16, 'c2', 0, 1, 'user', 'same key', 'complete', '{0}', 'k', NULL, NULL);
INSERT INTO answers (message_id, model, pattern, level, impl, finish_reason, supported, tokens, tokens_read,
  cached_tokens, generated_tokens, pages, files, parse_s, read_s, first_token_s, total_s) VALUES
  (12, 'm', 'headers', 'fast', 'cpu', 'stop', TRUE, 300, 300, 0, 3, 2, 1, 0.1, 0.2, 0.3, 0.4);
INSERT INTO citations (answer_id, position, number, path, page, page_label, line, section, quote, start, "end",
  verified, kind, score) VALUES (12, 0, 1, 'lease.pdf', 2, 'ii', NULL, 'Term', 'two years', 5, 14, TRUE, 'quote', 0.5);
INSERT INTO unread (answer_id, position, path, page, reason) VALUES (12, 0, '', 1, '');
"""
TABLES = ("documents", "conversations", "conversation_documents", "messages", "answers", "citations", "unread")


@contextmanager
def connected(where: str | Path) -> Iterator[Connection]:
    engine = build_engine(database_url(where))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def differences(where: str | Path) -> list[object]:
    with connected(where) as connection:
        options = {"compare_type": True, "include_object": in_models}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, Base.metadata))


def tables(where: str | Path) -> set[str]:
    with connected(where) as connection:
        return set(inspect(connection).get_table_names())


def contents(where: str) -> dict[str, Sequence[Any]]:
    """All rows of the first version's tables, by column name."""
    with connected(where) as connection:
        found: dict[str, Sequence[Any]] = {}
        for table in TABLES:
            rows = connection.execute(text(f"SELECT * FROM {table}")).mappings().all()
            found[table] = sorted(sorted(map(repr, row.items())) for row in rows)
        return found


@pytest.fixture
def old(blank: str) -> str:
    """A database of the first released version, in use."""
    upgrade(database_url(blank), "0001")
    with connected(blank) as connection:
        for statement in DATA.format(T0, T1).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('messages_id_seq', 16)"))
    return blank


def test_migrating_from_nothing_equals_the_models(blank: str) -> None:
    upgrade(database_url(blank))
    assert differences(blank) == []


def test_the_comparison_would_see_a_difference(blank: str) -> None:
    upgrade(database_url(blank))
    with connected(blank) as connection:
        connection.execute(text("DROP INDEX ix_messages_status"))
        connection.execute(text("ALTER TABLE documents DROP COLUMN media_type"))
    assert len(differences(blank)) == 2


def test_keys_and_cascades_equal_the_models(blank: str) -> None:
    """What `compare_metadata` does not look at: foreign keys with their actions, primary keys, uniqueness."""
    facets = ("get_foreign_keys", "get_pk_constraint", "get_unique_constraints", "get_columns")

    def structure() -> dict[tuple[str, str], list[str]]:
        with connected(blank) as connection:
            inspector = inspect(connection)
            return {
                (table, facet): sorted(map(repr, getattr(inspector, facet)(table)))
                for table in Base.metadata.tables
                for facet in facets
            }

    upgrade(database_url(blank))
    migrated = structure()
    downgrade(database_url(blank), "base")
    with connected(blank) as connection:
        Base.metadata.create_all(connection)
    made = structure()
    for key, expected in made.items():
        assert migrated[key] == expected, key


def test_down_and_up_again(blank: str) -> None:
    url = database_url(blank)
    upgrade(url)
    downgrade(url, "base")
    assert tables(blank) == {"alembic_version"}
    upgrade(url)
    assert differences(blank) == []


def test_a_used_database_of_the_first_version_keeps_everything(old: str) -> None:
    store = Store.open(old)
    messages = store.messages("ann", "c1")
    assert [(m.seq, m.session, m.number, m.parent, m.author) for m in messages] == [
        (0, 1, 1, None, "ann"),
        (1, 1, 2, 0, None),
        (2, 3, 1, 1, "ann"),
        (3, 3, 2, 2, None),
        (4, 3, 3, 3, "ann"),
    ]
    assert messages[0].hash == message_hash("", "user", "how long is the léase?")
    assert [bool(m.hash) for m in messages] == [True, True, True, False, False]  # one answer is still being written
    assert messages[1].answer is not None
    assert messages[1].answer.citations[0].quote == "two years"
    assert (messages[1].answer.pages_unread, messages[1].answer.seed, messages[1].answer.context) == ((1,), None, ())
    sessions = store.sessions("ann", "c1")
    assert [(s.number, s.messages, s.ended_at is None) for s in sessions] == [
        (1, 2, False),
        (2, 0, False),
        (3, 3, True),
    ]
    assert store.conversation("ann", "c1").document_ids == ("d0",)
    assert store.conversation("ann", "c2").deleted
    assert [each.version for each in store.versions("zoe", "d0")] == [1]
    assert store.counts()["users"] == 3
    assert store.accounts.user("bob").role == "member"
    verified = store.verify()
    assert (verified.messages, verified.pending, verified.problems) == (4, 2, ())
    store.close()


def test_a_used_database_of_the_first_version_works_on(old: str) -> None:
    store = Store.open(old)
    assert [hit.seq for hit in store.search("ann", "lease", kinds=["message"])] == [0]
    assert [hit.title for hit in store.search("zoe", "copy")] == ["copy.pdf"]
    again = store.append("ann", "c1", "user", "how long is the léase?", idempotency_key="k")
    assert again.seq == 0
    with pytest.raises(ConflictError):  # the key now belongs to the user
        store.append("ann", store.create_conversation("ann", "legal", "t").id, "user", "x", idempotency_key="k")
    assert store.mark_broken("elsewhere/0/1/2") == 1
    assert all(m.hash for m in store.messages("ann", "c1"))
    assert store.append("ann", "c1", "user", "next").id not in (None, *range(1, 17))
    assert store.append("bob", "c3", "user", "first").number == 1
    assert store.verify().problems == ()
    store.close()


def test_going_back_to_the_first_version_gives_its_rows_again(old: str) -> None:
    before = contents(old)
    url = database_url(old)
    for revision in ("0002", "0003", "0004", "0005", "0006", "0007", "0008"):
        upgrade(url, revision)
    for revision in ("0005", "0004", "0003", "0002", "0001"):
        downgrade(url, revision)
    after = contents(old)
    keys = [row for row in after["messages"] if "('id', 16)" in row]
    assert "('idempotency_key', None)" in keys[0]  # the second use of a key by one user is the one thing not kept
    with connected(old) as connection:
        connection.execute(text("UPDATE messages SET idempotency_key = 'k' WHERE id = 16"))
    assert contents(old) == before
    Store.open(old).close()


def test_opening_again_changes_nothing(blank: str) -> None:
    store = Store.open(blank)
    conversation = store.create_conversation("ann", "legal", "t")
    store.close()
    store = Store.open(blank)
    assert store.conversations("ann") == [conversation]
    store.close()


def test_there_is_one_line_of_revisions(tmp_path: Path) -> None:
    with connected(tmp_path) as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        assert scripts.get_heads() == [_newest()]
        assert current_revision(connection) == ""


def test_a_failing_migration_leaves_nothing(blank: str) -> None:
    with connected(blank) as connection:
        connection.execute(text("CREATE TABLE citations (in_the_way INTEGER)"))
    with pytest.raises(StorageError, match=r"citations.* already exists"):
        Store.open(blank)
    assert tables(blank) == {"citations"}


def test_a_folder_of_a_newer_version_is_left_alone(blank: str) -> None:
    store = Store.open(blank)
    store.create_conversation("ann", "legal", "t")
    with store._begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StorageError, match="newer version of this program; update the program"):
        Store.open(blank)
    store = Store(blank)
    assert (store.counts()["conversations"], store.counts()["schema_revision"]) == (1, "9999")
    store.close()


def test_foreign_keys_hold_in_the_migrated_database(store: Store) -> None:
    message = "INSERT INTO messages (conversation_id, seq, session, number, branch, role, content, status, created_at) "
    with pytest.raises(StorageError, match=r"(?i)foreign key"), store._begin() as session:
        session.execute(text(message + "VALUES ('none', 0, 1, 1, 0, 'user', '', 'complete', '2026-01-01 00:00:00')"))


def test_every_constraint_has_a_name() -> None:
    metadata: MetaData = Base.metadata
    named = [(table, c) for table in metadata.tables.values() for c in table.constraints]
    assert all(constraint.name for _, constraint in named)
