"""Where somebody is logged in, and whom an OpenID issuer's subjects are here.

Tokens are made and hashed by the caller; so is the check of a password.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, or_, select

from storage.access import check_free, known_user
from storage.accounts import user_value
from storage.audit import log
from storage.records import LOCAL, ConflictError, NotAllowedError, NotFoundError
from storage.records_people import Identity, Login, User
from storage.room import Room
from storage.schema_logins import IdentityRow, LoginRow
from storage.schema_people import UserRow

NOTED = timedelta(minutes=1)  # `seen_at` is exact to this, so that not every request writes


class Logins(Room):
    """Logins begin, are found again by the hash of their token, and end."""

    def begin(
        self, user: str, token_hash: str, *, now: datetime, expires_at: datetime, agent: str, how: str = "password"
    ) -> Login:
        """A new login. Raises NotFoundError, and NotAllowedError for a user who is barred."""
        with self._begin() as session:
            person = known_user(session, user)
            if person.barred_at is not None:
                raise NotAllowedError("This account is closed; ask an admin.")
            row = LoginRow(
                id=uuid4().hex,
                user_id=user,
                token_hash=token_hash,
                agent=agent,
                created_at=now,
                seen_at=now,
                expires_at=expires_at,
            )
            session.add(row)
            log(session, person.organisation_id, user, "login", how)
            session.flush()
            return login_value(row)

    def find(self, token_hash: str, now: datetime, idle: timedelta) -> tuple[Login, User]:
        """The login of a token and its user. Raises NotFoundError when it is unknown, ended, or was idle too long."""
        with self._begin(write=False) as session:
            row = session.scalar(select(LoginRow).filter_by(token_hash=token_hash))
            person = None if row is None else known_user(session, row.user_id)
            if row is None or person is None or person.barred_at is not None or not _lasts(row, now, idle):
                raise NotFoundError("You are not logged in.")
            found, stale = (login_value(row), user_value(person)), now - row.seen_at > NOTED
        if stale:
            with self._begin() as session:
                again = session.get(LoginRow, found[0].id)
                if again is not None:  # it may have ended meanwhile
                    again.seen_at = max(again.seen_at, now)
        return found

    def of(self, user: str, now: datetime, idle: timedelta) -> list[Login]:
        """The user's logins that last, the newest first."""
        with self._begin(write=False) as session:
            query = select(LoginRow).filter_by(user_id=user).order_by(LoginRow.created_at.desc(), LoginRow.id)
            return [login_value(row) for row in session.scalars(query) if _lasts(row, now, idle)]

    def end(self, user: str, login_id: str) -> None:
        """End one login of this very user. Raises NotFoundError."""
        with self._begin() as session:
            row = session.scalar(select(LoginRow).filter_by(id=login_id, user_id=user))
            if row is None:
                raise NotFoundError("There is no such login.")
            session.delete(row)
            log(session, known_user(session, user).organisation_id, user, "logout", "one")

    def end_all(self, user: str, *, keep: str | None = None) -> None:
        """End all logins of a user but `keep`, an id."""
        with self._begin() as session:
            gone = delete(LoginRow).filter_by(user_id=user)
            session.execute(gone if keep is None else gone.where(LoginRow.id != keep))
            log(session, known_user(session, user).organisation_id, user, "logout", "all")

    def forget(self, now: datetime, idle: timedelta) -> None:
        """Remove what has expired."""
        with self._begin() as session:
            session.execute(delete(LoginRow).where(or_(LoginRow.expires_at <= now, LoginRow.seen_at <= now - idle)))

    # -- identities elsewhere ---

    def user_of_identity(self, issuer: str, subject: str) -> User:
        """Raises NotFoundError for a subject that is nobody here."""
        with self._begin(write=False) as session:
            row = session.get(IdentityRow, (issuer, subject))
            if row is None:
                raise NotFoundError("Nobody here has this identity; ask an admin for an invitation.")
            return user_value(known_user(session, row.user_id))

    def admit(self, user: str, issuer: str, subject: str, now: datetime) -> User:
        """A new member of the installation's own organisation who is known by an identity. Raises ConflictError."""
        with self._begin() as session:
            if session.get(IdentityRow, (issuer, subject)) is not None:
                raise ConflictError("This identity belongs to an account here already.")
            check_free(session, user, "ask an admin for an invitation")
            person = UserRow(id=user, organisation_id=LOCAL, name=user, role="member", zone="UTC", created_at=now)
            session.add(person)
            session.flush()
            session.add(IdentityRow(issuer=issuer, subject=subject, user_id=user, created_at=now))
            log(session, LOCAL, user, "user.admit", user)
            return user_value(person)


def identity_value(row: IdentityRow) -> Identity:
    return Identity(row.issuer, row.subject, row.user_id, row.created_at)


def login_value(row: LoginRow) -> Login:
    return Login(row.id, row.user_id, row.agent, row.created_at, row.seen_at, row.expires_at)


def _lasts(row: LoginRow, now: datetime, idle: timedelta) -> bool:
    return now < row.expires_at and now < row.seen_at + idle
