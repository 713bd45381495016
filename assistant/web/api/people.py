"""Who asks: a key as the database knows it, or the one person of a machine that serves nobody else."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from storage import NotFoundError, Store
from storage.records_people import ApiKey

PREFIX = "un-"  # lets scanners for leaked secrets find keys


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


def issue_key(store: Store, user: str, name: str, *, expires_at: datetime | None = None) -> tuple[str, ApiKey]:
    """A new key of a user: the secret, which is shown once and kept nowhere, and what is known of it.

    Raises NotFoundError for a user that does not exist.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, store.accounts.add_key(user, name, key_hash(secret), expires_at=expires_at)


def key_hash(key: str) -> str:
    """What is kept of a key. It holds 256 random bits, so one round of SHA-256 cannot be guessed backwards."""
    return hashlib.sha256(key.encode()).hexdigest()
