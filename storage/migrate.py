"""Brings a database to the newest schema, by one process at a time. Alembic without an alembic.ini."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, Connection, inspect, text

from storage.database import build_engine, writer
from storage.records import StorageError

_SCRIPTS = Path(__file__).parent / "migrations"
_MIGRATING = 0x756E6162  # "unab": any number that no other program would lock


def alembic_config(connection: Connection) -> Config:
    """The configuration that env.py expects: its connection is the caller's, and so is the transaction."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def upgrade(url: URL, revision: str = "head") -> None:
    """Create the folder if need be and run what is missing up to `revision`, all of it or nothing.

    Raises StorageError when a newer version of the program wrote this database.
    """
    with _alone(url), _connected(url) as connection:
        if revision == "head" and _revision(connection) == _newest():
            return  # Alembic would find the same, in ten times as long
        try:
            command.upgrade(alembic_config(connection), revision)
        except CommandError as error:
            raise StorageError(
                f"{url.database} was written by a newer version of this program; update the program "
                "or choose another data folder."
            ) from error


def downgrade(url: URL, revision: str) -> None:
    """Undo migrations down to `revision` (`base`: all), with what their tables hold. For developers."""
    with _alone(url), _connected(url) as connection:
        command.downgrade(alembic_config(connection), revision)


def in_models(_: object, name: str | None, kind: str, *__: object) -> bool:
    """Whether Alembic shall compare a thing with the models; the full-text index is made by migrations alone."""
    return kind != "table" or not (name or "").startswith("search_")


def current_revision(connection: Connection) -> str:
    """The revision of this database; empty when it has none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _newest() -> str:
    """The files are numbered along the one line of revisions that there is (a test sees to that)."""
    return max(file.name for file in (_SCRIPTS / "versions").glob("[0-9]*.py")).split("_")[0]


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    """One write transaction, with foreign keys off: rebuilding a table must not delete what points to it."""
    engine = build_engine(url, foreign_keys=False)
    try:
        with writer(engine).begin() as connection:
            if connection.dialect.name == "postgresql":  # SQLite's write lock and lock file do the same
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Hold the lock file beside a SQLite file, so that one process at a time makes, switches and fills it."""
    if not url.drivername.startswith("sqlite") or not url.database:
        yield
        return
    file = Path(url.database)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.with_name(file.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file releases it, and so does the death of the process
        yield
