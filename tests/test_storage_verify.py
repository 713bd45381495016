"""`verify` finds whatever was changed behind the store's back, and says where."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import DocumentRecord, Store
from storage.__main__ import main
from storage.verify import verify

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def talk(store: Store) -> str:
    talk = store.create_conversation("ann", "support", "t").id
    for n in range(4):
        store.append("ann", talk, "user", f"message {n}")
    store.add_document("ann", DocumentRecord("d0", "lease.pdf", "p", "text/plain", 1, 1, 1, NOW))
    assert store.verify().problems == ()
    return talk


TAMPERING = {
    "UPDATE messages SET content = 'forged' WHERE seq = 1": ("message 1", "text or role"),
    "UPDATE messages SET role = 'agent' WHERE seq = 1": ("message 1", "text or role"),
    "UPDATE messages SET hash = 'u1:0' WHERE seq = 1": ("message 1", "text or role"),
    "UPDATE messages SET parent_seq = 0 WHERE seq = 2": ("message 2", "does not follow"),
    "UPDATE messages SET parent_seq = NULL WHERE seq = 2": ("message 2", "does not follow"),
    "UPDATE messages SET hash = NULL WHERE seq = 3": ("message 3", "finished but has no hash"),
    "DELETE FROM messages WHERE seq = 3": ("conversation", "missing: 3"),
    "DELETE FROM messages WHERE seq = 1": ("message 2", "the message before it, 1, is missing"),
    "UPDATE messages SET seq = 9 WHERE seq = 3": ("conversation", "nobody wrote: [9]"),
    "UPDATE conversations SET next_seq = 6": ("conversation", "missing: 4, 5"),
    "DELETE FROM messages": ("conversation", "missing: 0, 1, 2, 3"),
    "DELETE FROM search_messages": ("search index of messages", "4 cannot be found"),
    "DELETE FROM search_passages": ("search index of passages", "1 cannot be found"),
}


@pytest.mark.parametrize("statement", TAMPERING)
def test_what_was_changed_is_named(store: Store, talk: str, statement: str) -> None:
    where, what = TAMPERING[statement]
    with store._begin() as session:
        session.execute(text(statement))
        session.flush()
        found = verify(session)
        session.rollback()
    assert any(where in problem.where and what in problem.what for problem in found.problems), found.problems
    assert store.verify().problems == ()


def test_a_history_written_anew_from_some_point_on_is_found_by_its_head(store: Store, talk: str) -> None:
    """Whoever derives all hashes again after a change deceives `verify`, but not who kept the last hash."""
    kept = store.messages("ann", talk)[-1].hash
    other = store.create_conversation("ann", "support", "forged").id
    for text_ in ("message 0", "message one", "message 2", "message 3"):
        store.append("ann", other, "user", text_)
    assert store.messages("ann", other)[-1].hash != kept


def test_rows_that_belong_to_nothing_are_found_in_sqlite(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / "unabridged.db", isolation_level=None)) as other:  # checks no foreign keys
        other.execute("INSERT INTO feedback VALUES (7, 'ann', 1, '', '2026-01-01 00:00:00.000000')")
    assert any("messages is missing" in problem.what for problem in store.verify().problems)
    store.close()


def test_the_command(store: Store, database: str, talk: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", database, "verify"]) == 0
    assert "4 messages verified, 0 unfinished, 0 problems." in capsys.readouterr().out
    with store._begin() as session:
        session.execute(text("UPDATE messages SET content = 'forged' WHERE seq = 1"))
    assert main(["--data-dir", database, "verify"]) == 2
    assert f"conversation {talk}, message 1: its text or role" in capsys.readouterr().out
    assert main(["--data-dir", database, "purge"]) == 0
    assert "are gone for good" in capsys.readouterr().out
