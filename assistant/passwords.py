"""Passwords, hashed with Argon2id (RFC 9106) by argon2-cffi and checked in constant time."""

from __future__ import annotations

import threading
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from assistant.errors import AssistantError

SHORTEST = 12  # characters
LONGEST = 256
_AT_ONCE = 2  # each check takes 64 MiB; more of them wait


class WeakPasswordError(AssistantError):
    """The password is none to keep an account with; the text says why."""


class Passwords:
    """Makes and checks hashes; at most two at a time, so that a flood of logins cannot fill the memory."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """The default costs 64 MiB and three rounds, RFC 9106's second choice."""
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.Semaphore(_AT_ONCE)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("nobody's")

    def hash(self, password: str, user: str) -> str:
        """What is kept of a new password of `user`. Raises WeakPasswordError."""
        text = _normal(password)
        if not SHORTEST <= len(text) <= LONGEST:
            raise WeakPasswordError(f"A password has {SHORTEST} to {LONGEST} characters; several words are a good one.")
        if len(set(text)) < 5 or text.casefold() in (user.casefold(), user.casefold() * 2):
            raise WeakPasswordError("This password is too easy to guess; take several words.")
        with self._turn:
            return self._hasher.hash(text)

    def right(self, kept: str | None, password: str) -> bool:
        """Whether this is the password of a hash; None (no such user) takes as long and is False."""
        text = _normal(password[: LONGEST * 4])
        with self._turn:
            try:
                return self._hasher.verify(kept or self._nobody, text) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

    def stale(self, kept: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """The same password typed on another keyboard may arrive in other code points (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password.replace("\0", "\ufffd"))
