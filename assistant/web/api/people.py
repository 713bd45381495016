"""Who asks: a key as the database knows it, or the one person of a machine that serves nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from assistant.keys import key_hash
from storage import NotFoundError, Store


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the role they have: “admin”, “agent” or “member”."""

    user: str
    role: str


class People:
    """Tells callers by their keys."""

    def __init__(self, store: Store, open_user: str | None) -> None:
        self._store = store
        self.open_user = open_user

    def caller(self, key: str | None) -> Caller | None:
        """Whose key this is; None when it is nobody's. Without accounts everybody is the one local user."""
        if self.open_user is not None:
            return Caller(self.open_user, "admin")
        if not key:
            return None
        try:
            user = self._store.accounts.user_of_key(key_hash(key), datetime.now(UTC))
        except NotFoundError:
            return None
        return Caller(user.id, user.role)
