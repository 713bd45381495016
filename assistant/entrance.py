"""How people get in: one-time links, passwords, identities of an OpenID issuer; and how they get out again."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assistant.attempts import Attempts
from assistant.errors import AssistantError
from assistant.keys import ensure_local
from assistant.passwords import Passwords
from storage import NotFoundError, StorageError, Store
from storage.records_people import OPERATOR, RESERVED, Invitation, Login, User

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class WrongLoginError(AssistantError):
    """The name or the password is wrong; which one is not told."""


@dataclass(frozen=True, slots=True)
class EntranceOptions:
    """`idle`: how long an unused login lasts; `longest`: any login; `link`: an unused one-time link."""

    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=14)
    link: timedelta = timedelta(hours=72)
    first_link: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is logged in. `token` is in their browser's cookie and nowhere else."""

    token: str
    login: Login
    user: User


class Entrance:
    """Logs people in and out. Tokens hold 256 random bits, so one round of SHA-256 cannot be guessed backwards."""

    def __init__(
        self, store: Store, options: EntranceOptions | None = None, passwords: Passwords | None = None
    ) -> None:
        self.options = options or EntranceOptions()
        self.passwords = passwords or Passwords()
        self._store = store
        self._attempts = Attempts()

    # -- logins ---

    def log_in(self, name: str, password: str, *, address: str, agent: str, old: str | None = None) -> Visit:
        """A new login under a new token; the login of the `old` token, if any, ends.

        Raises WrongLoginError, TooManyAttemptsError, NotAllowedError (a closed account).
        """
        user = name.strip().lower()[:64]
        with self._attempts.attempt(user, address, WrongLoginError):
            kept = self._store.accounts.password_hash(user)
            if not self.passwords.right(kept, password):
                raise WrongLoginError("The name or the password is wrong.")
        if kept is not None and self.passwords.stale(kept):
            with suppress(StorageError, AssistantError):  # the old hash serves as well: no reason to turn them away
                self._store.accounts.set_password_hash(user, self.passwords.hash(password, user))
        return self.begin(user, agent=agent, old=old)

    def begin(self, user: str, *, agent: str, old: str | None = None, how: str = "password") -> Visit:
        """A new login of somebody who has proved who they are. Raises NotAllowedError for a closed account."""
        now, token = datetime.now(UTC), secrets.token_urlsafe(32)
        self._store.logins.forget(now, self.options.idle)
        if old:
            self.log_out(old)
        login = self._store.logins.begin(
            user, digest(token), now=now, expires_at=now + self.options.longest, agent=agent[:200], how=how
        )
        return Visit(token, login, self._store.accounts.user(user))

    def visit(self, token: str | None) -> Visit | None:
        """Who has this token; None when nobody has."""
        if not token or len(token) > 100:
            return None
        try:
            login, user = self._store.logins.find(digest(token), datetime.now(UTC), self.options.idle)
        except NotFoundError:
            return None
        return Visit(token, login, user)

    def log_out(self, token: str) -> None:
        """Ends a login; whoever has none is logged out already."""
        visit = self.visit(token)
        if visit is not None:
            self._store.logins.end(visit.user.id, visit.login.id)

    def logins(self, user: str) -> list[Login]:
        """The user's logins that last, the newest first."""
        return self._store.logins.of(user, datetime.now(UTC), self.options.idle)

    def change_password(self, visit: Visit, old: str, new: str, *, address: str) -> None:
        """Raises WrongLoginError, WeakPasswordError, TooManyAttemptsError. All other logins of the user end."""
        user = visit.user.id
        with self._attempts.attempt(user, address, WrongLoginError):
            if not self.passwords.right(self._store.accounts.password_hash(user), old):
                raise WrongLoginError("The old password is wrong.")
        self._store.accounts.set_password_hash(user, self.passwords.hash(new, user))
        self._store.logins.end_all(user, keep=visit.login.id)

    # -- one-time links ---

    def invite(self, by: str, *, organisation: str, role: str, user: str | None = None) -> str:
        """The token of a link that admits somebody new once, or lets `user` choose a new password."""
        token = secrets.token_urlsafe(32)
        self._store.invitations.invite(
            by,
            digest(token),
            organisation=organisation,
            role=role,
            user=user,
            expires_at=datetime.now(UTC) + self.options.link,
        )
        return token

    def first_admin(self) -> str | None:
        """The token that makes the first admin; None where there is one. Earlier such links stop working."""
        if self._store.accounts.has_admin():
            return None
        ensure_local(self._store)
        token = secrets.token_urlsafe(32)
        self._store.invitations.renew_first(digest(token), datetime.now(UTC) + self.options.first_link)
        return token

    def link_for(self, user: str) -> str:
        """A link for a new password, made by whoever runs the program. Raises NotFoundError."""
        known = self._store.accounts.user(user)
        return self.invite(OPERATOR, organisation=known.organisation, role=known.role, user=user)

    def invitation(self, token: str, *, address: str) -> Invitation:
        """What a link offers. Raises NotFoundError, TooManyAttemptsError."""
        counted = f"a link from {address}"  # links have no account, so only addresses are slowed
        with self._attempts.attempt(counted, address, NotFoundError):
            return self._store.invitations.open(digest(token), datetime.now(UTC))

    def join(self, token: str, name: str, password: str, *, address: str) -> User:
        """Uses a link up. Raises NotFoundError, ConflictError, WeakPasswordError, AssistantError for an odd name."""
        link = self.invitation(token, address=address)
        user = link.user or user_name(name)
        kept = self.passwords.hash(password, user)
        return self._store.invitations.accept(digest(token), datetime.now(UTC), user=user, password_hash=kept)

    def join_as(self, token: str, name: str, identity: tuple[str, str], *, address: str) -> User:
        """Uses a link up with an identity (issuer, subject) in place of a password."""
        link = self.invitation(token, address=address)
        user = link.user or user_name(name)
        return self._store.invitations.accept(digest(token), datetime.now(UTC), user=user, identity=identity)

    def known_as(self, issuer: str, subject: str) -> User:
        """Whom an identity is here. Raises NotFoundError."""
        return self._store.logins.user_of_identity(issuer, subject)

    def admit(self, name: str, identity: tuple[str, str]) -> User:
        """A new member of the installation's own organisation, whom the issuer vouches for. Raises ConflictError."""
        ensure_local(self._store)
        return self._store.logins.admit(user_name(name), *identity, datetime.now(UTC))


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def user_name(text: str) -> str:
    """A name to log in with, in lower case; raises AssistantError for one that could be mistaken for another."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise AssistantError(
            "A user name has up to 64 letters a-z, digits and . _ - + @, and begins with one of the first."
        )
    return name
