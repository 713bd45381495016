"""The one door to the database. Every method is one transaction: durable on return, or nothing happened.

Methods that touch a user's data take that user and raise NotFoundError for what belongs to another one; all
raise StorageError (DiskFullError when there is no room). A Store may be shared by threads, not by forks.
"""

from pathlib import Path
from typing import Self

from sqlalchemy import FromClause, func, select

from storage.accounts import Accounts
from storage.audit import Audit
from storage.bots import Bots
from storage.columns import Base
from storage.conversations import Conversations
from storage.database import database_url, explained
from storage.documents import Documents
from storage.hand_offs import HandOffs
from storage.invitations import Invitations
from storage.logins import Logins
from storage.messages import Messages
from storage.migrate import current_revision, upgrade
from storage.outbox import Outbox
from storage.privacy import Privacy
from storage.promises import Promises
from storage.pulse import Pulse
from storage.records_support import Verification
from storage.room import Database
from storage.schema import ConversationRow, DocumentRow, MessageRow
from storage.schema_people import UserRow
from storage.signals import Signals
from storage.verify import verify


class Store(Documents, Conversations, Messages):
    """Conversations, messages and documents of all users in one database; what surrounds them is in rooms."""

    accounts: Accounts
    logins: Logins
    invitations: Invitations
    bots: Bots
    hand_offs: HandOffs
    promises: Promises
    outbox: Outbox
    audit: Audit
    privacy: Privacy
    signals: Signals
    pulse: Pulse

    def __init__(self, url_or_path: str | Path, *, process_tag: str | None = None) -> None:
        """For a database that is already up to date; connects on first use. Others use `Store.open`."""
        database = Database(url_or_path, process_tag)
        super().__init__(database)
        self.accounts = Accounts(database)
        self.logins = Logins(database)
        self.invitations = Invitations(database)
        self.bots = Bots(database)
        self.hand_offs = HandOffs(database)
        self.promises = Promises(database)
        self.outbox = Outbox(database)
        self.audit = Audit(database)
        self.privacy = Privacy(database)
        self.signals = Signals(database)
        self.pulse = Pulse(database)

    @classmethod
    def open(cls, path: str | Path, *, process_tag: str | None = None) -> Self:
        """Create or upgrade the database and mark the answers that a dead process left unfinished.

        `path` is the data folder (the file is `unabridged.db` in it), a file ending in `.db`, or a URL.
        """
        url = database_url(path)
        with explained(url):
            upgrade(url)
        store = cls(path, process_tag=process_tag)
        store.mark_broken()
        return store

    def close(self) -> None:
        """Close all connections; the store may still be used and then connects again."""
        self._database.engine.dispose()

    def verify(self) -> Verification:
        """Derive every hash again and check order, parents, search index and the database's own structure."""
        with self._begin(write=False) as session:
            return verify(session)

    def counts(self) -> dict[str, int | str]:
        """How many users, conversations (deleted ones too), messages, documents; and `schema_revision`."""
        tables: dict[str, FromClause | type[Base]] = {
            "users": UserRow,
            "conversations": ConversationRow,
            "messages": MessageRow,
            "documents": DocumentRow,
        }
        with self._begin(write=False) as session:
            found: dict[str, int | str] = {
                name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()
            }
            return found | {"schema_revision": current_revision(session.connection())}
