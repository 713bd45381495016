"""A copy of a SQLite database made while it is written to, checked before it counts; and the way back.

PostgreSQL has its own tools, pg_dump and pg_restore, which docs/storage.md shows and a test runs.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL

from storage.database import database_url, explained
from storage.records import ConflictError, NotFoundError, StorageError
from storage.records_support import Verification
from storage.store import Store


def back_up(where: str | Path, copy: Path) -> Verification:
    """Copy the database as it is at one moment to a new file; writers go on meanwhile.

    The copy appears under its name only after it was verified and synced. Raises ConflictError when the file is there,
    StorageError when the database is not SQLite, cannot be read, or its copy does not verify.
    """
    source = _file(database_url(where))
    if not source.is_file():
        raise NotFoundError(f"There is no database at {source}; check the data folder.")
    if copy.exists():
        raise ConflictError(f"{copy} is there already; choose another name for the backup.")
    return _copied(source, copy)


def restore(copy: Path, where: str | Path) -> Verification:
    """Put a backup where no database is. Raises as `back_up` does; the backup stays."""
    target = _file(database_url(where))
    if not copy.is_file():
        raise NotFoundError(f"There is no backup at {copy}; check its name.")
    if target.exists():
        raise ConflictError(f"{target} is there already; move it away before restoring a backup.")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _copied(copy, target)


def _copied(source: Path, target: Path) -> Verification:
    partial = target.with_name(f".{target.name}.partial.db")
    try:
        with explained(database_url(source)):
            with (
                closing(sqlite3.connect(f"file:{_quoted(source)}?mode=ro", uri=True)) as old,
                closing(sqlite3.connect(partial)) as new,
            ):
                old.backup(new)  # in one step: a read transaction, which in WAL mode stops no writer
            store = Store(partial)
            try:
                found = store.verify()
            finally:
                store.close()
            if found.problems:
                first = found.problems[0]
                raise StorageError(f"The copy does not verify, so it was not kept: {first.where}: {first.what}.")
            with closing(sqlite3.connect(partial)) as new:
                new.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
            _sync(partial)
            partial.rename(target)
            _sync(target.parent)
            return found
    except sqlite3.Error as error:
        raise StorageError(f"{source} could not be copied: {error}.") from error
    finally:
        for leftover in (partial, *(Path(f"{partial}-{end}") for end in ("wal", "shm", "journal"))):
            leftover.unlink(missing_ok=True)


def _file(url: URL) -> Path:
    if url.get_backend_name() != "sqlite" or not url.database:
        raise StorageError("This is no SQLite database; for PostgreSQL use pg_dump and pg_restore (docs/storage.md).")
    return Path(url.database)


def _quoted(path: Path) -> str:
    """A path inside a `file:` URI."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
