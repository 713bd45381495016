"""The migrations lead from nothing to the models, back, and never lose a folder of a newer version."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, create_engine, inspect, text

from storage import StorageError, Store
from storage.database import build_engine, database_url
from storage.migrate import alembic_config, current_revision, downgrade, upgrade
from storage.schema import Base


def differences(folder: Path) -> list[object]:
    engine = build_engine(database_url(folder))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found: list[object] = compare_metadata(context, Base.metadata)
    engine.dispose()
    return found


def tables(folder: Path) -> set[str]:
    engine = build_engine(database_url(folder))
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_migrating_from_nothing_equals_the_models(tmp_path: Path) -> None:
    upgrade(database_url(tmp_path))
    assert differences(tmp_path) == []


def test_the_comparison_would_see_a_difference(tmp_path: Path) -> None:
    upgrade(database_url(tmp_path))
    engine = build_engine(database_url(tmp_path))
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX ix_messages_status"))
        connection.execute(text("ALTER TABLE documents DROP COLUMN media_type"))
    engine.dispose()
    assert len(differences(tmp_path)) == 2


def test_keys_and_cascades_equal_the_models(tmp_path: Path) -> None:
    """What `compare_metadata` does not look at: foreign keys with their actions, primary keys, uniqueness."""
    upgrade(database_url(tmp_path / "migrated"))
    made = create_engine("sqlite://")
    Base.metadata.create_all(made)
    migrated = build_engine(database_url(tmp_path / "migrated"))
    for table in Base.metadata.tables:
        for facet in ("get_foreign_keys", "get_pk_constraint", "get_unique_constraints", "get_columns"):
            expected, found = (getattr(inspect(engine), facet)(table) for engine in (made, migrated))
            assert sorted(map(repr, found)) == sorted(map(repr, expected)), (table, facet)
    migrated.dispose()
    made.dispose()


def test_down_and_up_again(tmp_path: Path) -> None:
    url = database_url(tmp_path)
    upgrade(url)
    downgrade(url, "base")
    assert tables(tmp_path) == {"alembic_version"}
    upgrade(url)
    assert differences(tmp_path) == []


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    conversation = store.create_conversation("ann", "legal", "t")
    store.close()
    store = Store.open(tmp_path)
    assert store.conversations("ann") == [conversation]
    store.close()


def test_there_is_one_line_of_revisions(tmp_path: Path) -> None:
    engine = build_engine(database_url(tmp_path))
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        assert len(scripts.get_heads()) == 1
        assert current_revision(connection) == ""
    engine.dispose()


def test_a_failing_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = build_engine(database_url(tmp_path))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE citations (in_the_way INTEGER)"))
    engine.dispose()
    with pytest.raises(StorageError, match="citations already exists"):
        Store.open(tmp_path)
    assert tables(tmp_path) == {"citations"}


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.create_conversation("ann", "legal", "t")
    with store._begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StorageError, match="newer version of this program; update the program"):
        Store.open(tmp_path)
    store = Store(tmp_path)
    assert (store.counts()["conversations"], store.counts()["schema_revision"]) == (1, "9999")
    store.close()


def test_foreign_keys_hold_in_the_migrated_database(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    message = "INSERT INTO messages (conversation_id, seq, session, role, content, status, created_at) VALUES "
    with pytest.raises(StorageError, match="FOREIGN KEY"), store._begin() as session:
        session.execute(text(message + "('none', 0, 1, 'user', '', 'complete', '2026-01-01 00:00:00')"))
    store.close()


def test_every_constraint_has_a_name() -> None:
    metadata: MetaData = Base.metadata
    named = [(table, c) for table in metadata.tables.values() for c in table.constraints]
    assert all(constraint.name for _, constraint in named)
