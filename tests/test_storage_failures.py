"""When the disk or the database refuses: one sentence, and never half a row."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from storage import AnswerRecord, CitationRecord, DocumentRecord, StorageError, Store
from storage.records import DiskFullError

CITATION = CitationRecord(1, "a.pdf", 1, "i", None, "§ 1", "q" * 2000, 0, 2000, True, "quote", 0.5)
ANSWER = AnswerRecord(
    "m",
    "headers",
    "fast",
    "cpu",
    "stop",
    True,
    9,
    9,
    0,
    3,
    1,
    (),
    1,
    (),
    0.1,
    0.2,
    0.3,
    0.4,
    (CITATION,) * 50,
)


@pytest.fixture
def store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    shutil.copyfile(sqlite_template, tmp_path / "unabridged.db")
    store = Store(tmp_path)
    yield store
    store.close()


def limit_pages(store: Store, pages: int) -> None:
    """SQLite then says what it says on a full disk. The pool of an idle store holds one connection."""
    with store._begin() as session:
        session.execute(text(f"PRAGMA max_page_count={pages}"))


def rows(store: Store) -> list[int]:
    tables = (
        "users",
        "documents",
        "passages",
        "search_passages",
        "search_messages",
        "sessions",
        "conversations",
        "conversation_documents",
        "messages",
        "answers",
        "citations",
        "unread",
    )
    with store._begin(write=False) as session:
        return [session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables]


def test_a_full_disk_leaves_no_half_row(store: Store) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id
    asked = store.append("ann", conversation, "user", "question")
    begun = store.begin_answer("ann", conversation)
    store.grow_answer("ann", begun.id or 0, "so far")
    before, rows_before = store.messages("ann", conversation), rows(store)
    limit_pages(store, 1)  # SQLite takes the present size, when that is more
    for write in (
        lambda: store.append("ann", conversation, "user", "x" * 100_000),
        lambda: store.grow_answer("ann", begun.id or 0, "x" * 100_000),
        lambda: store.finish_answer("ann", begun.id or 0, "short", "complete", ANSWER),
        lambda: store.create_conversation("ann", "legal", "x" * 100_000),
        lambda: store.rename("ann", conversation, "x" * 100_000),
        lambda: store.add_document(
            "ann", DocumentRecord("d", "x" * 100_000, "p", "text/plain", 1, 1, 1, datetime.now(UTC))
        ),
    ):
        with pytest.raises(DiskFullError, match=r"disk is full.*free space or choose another data folder"):
            write()
        assert rows(store) == rows_before
    assert store.messages("ann", conversation) == before == [asked, before[1]]
    limit_pages(store, 1_000_000)
    finished = store.finish_answer("ann", begun.id or 0, "so far and on", "complete", ANSWER)
    assert store.messages("ann", conversation) == [asked, finished]
    assert finished.answer == ANSWER


def test_a_full_disk_when_the_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(DiskFullError, match="free space"):
        Store.open(tmp_path / "new")


def test_a_lock_held_by_another_program_is_named(store: Store, tmp_path: Path) -> None:
    conversation = store.create_conversation("ann", "legal", "t").id
    with store._begin() as session:
        session.execute(text("PRAGMA busy_timeout=50"))
    other = sqlite3.connect(tmp_path / "unabridged.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked by another program"):
        store.append("ann", conversation, "user", "x")
    assert store.messages("ann", conversation) == []  # readers do not wait for writers
    other.execute("ROLLBACK")
    other.close()
    assert store.append("ann", conversation, "user", "x").seq == 0


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "unabridged.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    with pytest.raises(StorageError, match=r"unabridged\.db is damaged or not a database"):
        Store.open(tmp_path)
    assert (tmp_path / "unabridged.db").read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be opened for writing"):
        Store.open(tmp_path / "file" / "folder")


def test_an_error_shows_no_password() -> None:
    from storage.database import database_url, explained

    url = database_url("postgresql://ann:secret@host/base")
    with pytest.raises(StorageError) as caught, explained(url):
        raise PermissionError(errno.EACCES, "denied")
    assert "secret" not in str(caught.value)


def test_every_connection_is_durable_and_keeps_foreign_keys(store: Store) -> None:
    def pragmas() -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        with store._begin(write=False) as session:
            return {name: session.scalar(text(f"PRAGMA {name}")) for name in names}

    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
    with store._begin(write=False):  # holds one connection, so that the check gets another
        assert pragmas() == expected
    assert pragmas() == expected


# -- PostgreSQL ---


def test_a_server_that_cannot_be_reached_is_named() -> None:
    with pytest.raises(StorageError, match=r"cannot be reached; check that the database server runs") as caught:
        Store.open("postgresql://ann:secret@127.0.0.1:1/unabridged?connect_timeout=2")
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_exist_is_named(postgres_server: URL) -> None:
    with pytest.raises(
        StorageError,
        match=r"refuses the connection, saying: database .nowhere. does not exist; check the database URL\.$",
    ):
        Store.open(postgres_server.set(database="nowhere").render_as_string(hide_password=False))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_waits_too_long_for_a_lock_is_told_so(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT_MS", 50)
    one, two = Store(database), Store(database)
    talk = one.create_conversation("ann", "legal", "t").id
    with one._begin() as session:
        session.execute(text("SELECT 1 FROM conversations FOR UPDATE"))
        with pytest.raises(StorageError, match="too busy right now"):
            two.append("ann", talk, "user", "x")
    assert two.append("ann", talk, "user", "x").seq == 0
    one.close()
    two.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_closed_is_replaced(database: str) -> None:
    store, other = Store(database), Store(database)
    talk = store.create_conversation("ann", "legal", "t").id
    with other._begin() as session:
        closed = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        session.execute(text(closed + " AND backend_type = 'client backend'"))
    assert store.append("ann", talk, "user", "x").seq == 0
    store.close()
    other.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_every_connection_to_postgresql_is_durable_and_in_utc(database: str) -> None:
    store = Store(database)
    for _ in range(2):
        with store._begin(write=False) as session:
            found = [
                session.scalar(text(f"SHOW {name}")) for name in ("synchronous_commit", "timezone", "lock_timeout")
            ]
            assert found == ["on", "UTC", "10s"]
            session.rollback()
    store.close()
