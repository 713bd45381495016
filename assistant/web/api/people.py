"""Who asks: a key or a login as the database knows it, or the one person of a machine that serves nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from assistant.entrance import Entrance, Visit
from assistant.keys import key_hash
from storage import NotFoundError, Store

COOKIE = "unabridged_login"
SECURE_COOKIE = "__Host-unabridged_login"  # browsers take it over TLS only, and from this very host


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the role they have: “admin”, “agent” or “member”."""

    user: str
    role: str


class People:
    """Tells callers by their keys and cookies."""

    def __init__(self, store: Store, open_user: str | None, entrance: Entrance | None = None) -> None:
        self._store, self._entrance = store, entrance
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

    def visit(self, headers: Headers) -> Visit | None:
        """Who is logged in in this browser; None when nobody is."""
        return self._entrance.visit(login_token(headers)) if self._entrance else None


def login_token(headers: Headers) -> str | None:
    """The token in the cookie of a login."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    found = cookies.get(SECURE_COOKIE) or cookies.get(COOKIE)
    return found.value if found else None
