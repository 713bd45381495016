"""API keys: made here, shown once, kept as hashes."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from storage import NotFoundError, Store
from storage.records import LOCAL, ConflictError
from storage.records_people import ApiKey

PREFIX = "un-"  # lets scanners for leaked secrets find keys


def issue_key(store: Store, user: str, name: str, *, days: int | None = None) -> tuple[str, ApiKey]:
    """A new key of a user: the secret, which is shown once and kept nowhere, and what is known of it.

    `days`: how long it is valid; None is until it is revoked. Raises NotFoundError for a user that does not exist.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    return secret, store.accounts.add_key(user, name, key_hash(secret), expires_at=expires_at)


def key_hash(key: str) -> str:
    """What is kept of a key. It holds 256 random bits, so one round of SHA-256 cannot be guessed backwards."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def ensure_user(store: Store, user: str, role: str = "member") -> None:
    """Makes somebody who never was here a user of this installation's own organisation."""
    try:
        store.accounts.user(user)
    except NotFoundError:
        ensure_local(store)
        store.accounts.add_user(LOCAL, user, role=role)


def ensure_local(store: Store) -> None:
    """Makes this installation's own organisation, unless it is there."""
    with contextlib.suppress(ConflictError):
        store.accounts.create_organisation("", organisation_id=LOCAL)
