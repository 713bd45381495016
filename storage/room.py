"""The database behind all rooms of the store, and what a room is: methods that are one transaction each."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy.orm import Session

from storage.database import BUSY_TIMEOUT_MS, build_engine, database_url, explained, writer
from storage.process import current_tag
from storage.records import StorageError
from storage.turns import Turns


class Database:
    """Engine, write lock and the identity of this process, shared by the rooms of one store."""

    def __init__(self, url_or_path: str | Path, process_tag: str | None = None) -> None:
        self.url = database_url(url_or_path)
        self.engine = build_engine(self.url)
        self.process = process_tag or current_tag()
        self._writer = writer(self.engine)
        self._turns = Turns() if self.sqlite else None

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def begin(self, *, write: bool = True) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on any error. Values are built inside it."""
        turn = self._writing() if write and self._turns else nullcontext()
        with explained(self.url), turn, Session(self._writer if write else self.engine) as session, session.begin():
            yield session

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Threads of this process queue here: SQLite itself lets waiting writers poll, and the unlucky starve."""
        assert self._turns is not None
        if not self._turns.acquire(BUSY_TIMEOUT_MS / 1000):
            raise StorageError(f"{self.url.database} is too busy right now; try again in a moment.")
        try:
            yield
        finally:
            self._turns.release()


class Room:
    """Methods about one kind of thing; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def _begin(self, *, write: bool = True) -> Iterator[Session]:
        with self._database.begin(write=write) as session:
            yield session
