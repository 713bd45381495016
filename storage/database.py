"""The connection: where the database lies, how it is opened, and what its failures mean to the user."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.records import DiskFullError, StorageError

FILE_NAME = "unabridged.db"
BUSY_TIMEOUT_MS = 10_000

_DENIED = "{place} cannot be opened for writing; check its permissions or choose another data folder."
_DAMAGED = "{place} is damaged or not a database; restore a backup or choose another data folder."
_FULL = "The disk is full, so {place} cannot grow; free space or choose another data folder."
_LOCKED = "{place} is locked by another program; close that program or try again in a moment."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: _DENIED,
    sqlite3.SQLITE_PERM: _DENIED,
    sqlite3.SQLITE_READONLY: _DENIED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR: "Reading or writing {place} failed; check the disk that holds it.",
}
_POSTGRES_DISK_FULL = "53100"
_BUSY = "{place} is too busy right now; try again in a moment."
_POSTGRES_SENTENCES = {
    "40001": _BUSY,  # serialization failure
    "40P01": _BUSY,  # deadlock
    "55P03": _BUSY,  # lock not available in time
    "53300": _BUSY,  # too many connections
}
_REFUSED = "{place} refuses the connection, saying: {reason}; check the database URL."
_UNREACHABLE = "{place} cannot be reached; check that the database server runs and that the URL is right."


def database_url(where: str | Path) -> URL:
    """A URL as it is; a path ending in `.db` as that SQLite file; any other path as the folder around it.

    PostgreSQL is spoken to by psycopg, whichever way its URL is written.
    """
    if isinstance(where, str) and "://" in where:
        url = make_url(where)
        return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url
    path = Path(where).expanduser()
    file = path if path.suffix == ".db" else path / FILE_NAME
    return URL.create("sqlite", database=str(file))


def build_engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    """An engine that connects on first use. `foreign_keys=False` is for migrations, which rebuild tables."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url)
        _prepare_sqlite(engine, foreign_keys)
        return engine
    # A connection is asked whether it still lives: the server may have been started anew.
    engine = create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True)
    _prepare_postgres(engine)
    return engine


def writer(engine: Engine) -> Engine:
    """The same engine and pool, whose transactions take the write lock when they begin."""
    return engine.execution_options(takes_write_lock=True)


def _prepare_sqlite(engine: Engine, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions on its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")  # a committed message survives a power cut
        cursor.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
        cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail at once when another one wrote between.
        lock = connection.get_execution_options().get("takes_write_lock", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if lock else "BEGIN")


def _prepare_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        connection.autocommit = True  # the settings must outlive the first transaction
        cursor = connection.cursor()
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute("SET synchronous_commit TO on")  # a committed message survives a power cut
        cursor.execute(f"SET lock_timeout TO {BUSY_TIMEOUT_MS}")
        cursor.close()
        connection.autocommit = False


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn failures of the database and of its folder into StorageErrors of one sentence."""
    place = url.database if url.drivername.startswith("sqlite") else url.render_as_string()
    try:
        yield
    except DBAPIError as error:
        raise _explain(error.orig, str(place)) from error
    except StatementError as error:
        # A value that no column can take is the caller's mistake, so it is shown as it is.
        own = isinstance(error.orig, (ValueError, StorageError))
        raise (error.orig if own and error.orig else _explain(error, str(place))) from error
    except PoolTimeoutError as error:
        raise StorageError(f"{place} has too many requests at once; try again in a moment.") from error
    except SQLAlchemyError as error:
        raise _explain(error, str(place)) from error
    except UnicodeEncodeError as error:
        raise StorageError("The text holds characters that are not valid Unicode; it was not saved.") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (
            DiskFullError(_FULL.format(place=place)) if full else StorageError(_DENIED.format(place=place))
        ) from error


def _explain(error: BaseException | None, place: str) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0)
    # Without room for its index of the log, SQLite reports an input/output error.
    full = code & 0xFF == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE
    if full or getattr(error, "sqlstate", None) == _POSTGRES_DISK_FULL:
        return DiskFullError(_FULL.format(place=place))
    state = getattr(error, "sqlstate", None)
    if sentence := _SENTENCES.get(code & 0xFF) or _POSTGRES_SENTENCES.get(state or ""):
        return StorageError(sentence.format(place=place))
    if state is None and type(error).__name__ == "OperationalError" and not code:
        # What the server answers while connecting comes without a code, as text.
        _, refused, reason = str(error).partition("FATAL:")
        found = _REFUSED if refused else _UNREACHABLE
        return StorageError(found.format(place=place, reason=reason.strip().splitlines()[0] if refused else ""))
    reason = (str(error).splitlines() or ["no reason given"])[0]
    return StorageError(f"The database refused the operation: {reason}.")
