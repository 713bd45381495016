"""Organisations, their users, and the keys that stand for users. Of passwords and keys only hashes are kept.

Hashing, and comparing in constant time, is the caller's work; so is who may call the methods that take no admin.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import delete, or_, select

from storage.access import UNDO_DAYS, check_free, check_version, known_user, some_user, user_with_role
from storage.audit import log
from storage.records import LOCAL, ConflictError, NotFoundError, StorageError
from storage.records_people import OPERATOR, USER_ROLES, ApiKey, Organisation, User
from storage.room import Room
from storage.schema_logins import IdentityRow, LoginRow
from storage.schema_people import ApiKeyRow, OrganisationRow, UserRow


class Accounts(Room):
    """Who there is. User ids are unique over all organisations, so an id alone says whose data is meant."""

    # -- organisations ---

    def create_organisation(
        self, name: str, *, organisation_id: str | None = None, retention_days: int | None = None
    ) -> Organisation:
        """A new tenant, by default kept for ever, with 30 days to undo a deletion. Raises ConflictError."""
        _check_days(retention_days, UNDO_DAYS)
        with self._begin() as session:
            key = organisation_id or uuid4().hex
            if session.get(OrganisationRow, key) is not None:
                raise ConflictError(f"There is an organisation “{key}” already; choose another id.")
            row = OrganisationRow(
                id=key,
                name=name,
                retention_days=retention_days,
                undo_days=UNDO_DAYS,
                webhook_url="",
                webhook_secret="",
                created_at=datetime.now(UTC),
                version=1,
            )
            session.add(row)
            session.flush()
            return _organisation(row)

    def organisation(self, user: str) -> Organisation:
        """The organisation that the user belongs to."""
        with self._begin(write=False) as session:
            return _organisation(session.get_one(OrganisationRow, known_user(session, user).organisation_id))

    def organisations(self, admin: str) -> list[Organisation]:
        """The admin's organisation; for admins of the installation's own one, all there are, by id."""
        with self._begin(write=False) as session:
            own = user_with_role(session, admin, "admin").organisation_id
            query = select(OrganisationRow).order_by(OrganisationRow.id)
            return [_organisation(row) for row in session.scalars(query) if own in (row.id, LOCAL)]

    def configure(self, admin: str, changed: Organisation, *, webhook_secret: str | None = None) -> Organisation:
        """Store a changed value of the admin's organisation; its `version` is the one expected.

        `webhook_secret`: what deliveries are signed with; None leaves it.
        """
        _check_days(changed.retention_days, changed.undo_days)
        with self._begin() as session:
            person = user_with_role(session, admin, "admin")
            row = session.get(OrganisationRow, person.organisation_id, with_for_update=True)
            if row is None or row.id != changed.id:
                raise NotFoundError("There is no such organisation.")
            check_version(row, changed.version)
            row.name, row.webhook_url = changed.name, changed.webhook_url
            row.retention_days, row.undo_days = changed.retention_days, changed.undo_days
            row.webhook_secret = row.webhook_secret if webhook_secret is None else webhook_secret
            log(session, row.id, admin, "organisation.configure", row.id)
            return _organisation(row)

    def webhook_secret(self, organisation_id: str) -> str:
        """For whoever signs deliveries."""
        with self._begin(write=False) as session:
            row = session.get(OrganisationRow, organisation_id)
            if row is None:
                raise NotFoundError("There is no such organisation.")
            return row.webhook_secret

    # -- users ---

    def add_user(
        self,
        organisation_id: str,
        user: str,
        *,
        name: str = "",
        role: str = "member",
        zone: str = "UTC",
        password_hash: str | None = None,
        by: str = OPERATOR,
    ) -> User:
        """A new person of an organisation. Raises ConflictError when the id is taken, by whomever."""
        check_role(role)
        _check_zone(zone)
        with self._begin() as session:
            if session.get(OrganisationRow, organisation_id) is None:
                raise NotFoundError("There is no such organisation.")
            check_free(session, user)
            row = UserRow(
                id=user,
                organisation_id=organisation_id,
                name=name or user,
                role=role,
                zone=zone,
                password_hash=password_hash,
                created_at=datetime.now(UTC),
            )
            session.add(row)
            log(session, organisation_id, by, "user.add", user)
            session.flush()
            return user_value(row)

    def user(self, user: str) -> User:
        with self._begin(write=False) as session:
            return user_value(known_user(session, user))

    def users(self, admin: str) -> list[User]:
        """Everybody in the admin's organisation, by id."""
        with self._begin(write=False) as session:
            organisation = user_with_role(session, admin, "admin").organisation_id
            query = select(UserRow).filter_by(organisation_id=organisation).order_by(UserRow.id)
            return [user_value(row) for row in session.scalars(query)]

    def set_role(self, admin: str, user: str, role: str) -> User:
        """Give somebody of the admin's organisation another role. Admins cannot take their own away."""
        check_role(role)
        with self._begin() as session:
            person = user_with_role(session, admin, "admin")
            row = session.get(UserRow, user, with_for_update=True)
            if row is None or row.organisation_id != person.organisation_id:
                raise NotFoundError("There is no such user.")
            if user == admin and role != "admin":
                raise ConflictError("You cannot take your own admin role away; ask another admin.")
            row.role = role
            log(session, row.organisation_id, admin, f"user.role.{role}", user)
            return user_value(row)

    def set_barred(self, admin: str, user: str, barred: bool) -> User:
        """Close or open an account of the admin's organisation. Nothing of it is lost; its logins end."""
        with self._begin() as session:
            person = user_with_role(session, admin, "admin")
            row = session.get(UserRow, user, with_for_update=True)
            if row is None or row.organisation_id != person.organisation_id:
                raise NotFoundError("There is no such user.")
            if user == admin:
                raise ConflictError("You cannot close your own account; ask another admin.")
            row.barred_at = datetime.now(UTC) if barred else None
            session.execute(delete(LoginRow).filter_by(user_id=user))
            log(session, row.organisation_id, admin, "user.bar" if barred else "user.unbar", user)
            return user_value(row)

    def has_admin(self) -> bool:
        """Whether an admin of the installation's own organisation can log in."""
        with self._begin(write=False) as session:
            known = select(IdentityRow.user_id)
            query = select(UserRow.id).filter_by(organisation_id=LOCAL, role="admin", barred_at=None)
            query = query.where(or_(UserRow.password_hash.is_not(None), UserRow.id.in_(known)))
            return session.scalar(query.limit(1)) is not None

    def appoint(self, user: str, role: str) -> User:
        """Lift a member, or somebody new of the local organisation, into a role; others keep theirs. The operator's."""
        check_role(role)
        with self._begin() as session:
            row = some_user(session, user)
            if row.role == "member" != role:
                row.role = role
                log(session, row.organisation_id, OPERATOR, f"user.role.{role}", user)
            return user_value(row)

    def set_zone(self, user: str, zone: str) -> User:
        """The time zone in which the user sees dates, by its IANA name. What is stored stays in UTC."""
        _check_zone(zone)
        return self._changed(user, lambda row: setattr(row, "zone", zone))

    def set_password_hash(self, user: str, password_hash: str | None) -> User:
        """None: this user cannot log in with a password."""
        return self._changed(user, lambda row: setattr(row, "password_hash", password_hash), "user.password")

    def password_hash(self, user: str) -> str | None:
        """None when there is no such user or no password; a login need not tell the two apart."""
        with self._begin(write=False) as session:
            row = session.get(UserRow, user)
            return None if row is None else row.password_hash

    # -- keys ---

    def add_key(self, user: str, name: str, key_hash: str, *, expires_at: datetime | None = None) -> ApiKey:
        """Keep the hash of a key of the user. Raises ConflictError when it is known."""
        with self._begin() as session:
            person = known_user(session, user)
            if session.scalar(select(ApiKeyRow.id).filter_by(key_hash=key_hash)) is not None:
                raise ConflictError("This key exists already; make a new one.")
            row = ApiKeyRow(
                id=uuid4().hex,
                user_id=user,
                name=name,
                key_hash=key_hash,
                created_at=datetime.now(UTC),
                expires_at=expires_at,
                revoked_at=None,
            )
            session.add(row)
            log(session, person.organisation_id, user, "key.add", row.id)
            session.flush()
            session.refresh(row)  # its times come back in UTC
            return key_value(row)

    def keys(self, user: str) -> list[ApiKey]:
        """The user's keys, also those that are revoked, oldest first."""
        with self._begin(write=False) as session:
            query = select(ApiKeyRow).filter_by(user_id=user).order_by(ApiKeyRow.created_at, ApiKeyRow.id)
            return [key_value(row) for row in session.scalars(query)]

    def revoke_key(self, user: str, key_id: str) -> ApiKey:
        with self._begin() as session:
            row = session.scalar(select(ApiKeyRow).filter_by(id=key_id, user_id=user).with_for_update())
            if row is None:
                raise NotFoundError("There is no such key.")
            row.revoked_at = row.revoked_at or datetime.now(UTC)
            log(session, known_user(session, user).organisation_id, user, "key.revoke", key_id)
            return key_value(row)

    def user_of_key(self, key_hash: str, now: datetime) -> User:
        """Whom a key stands for. Raises NotFoundError for a key that is unknown, revoked or has expired."""
        with self._begin(write=False) as session:
            row = session.scalar(select(ApiKeyRow).filter_by(key_hash=key_hash))
            person = None if row is None else known_user(session, row.user_id)
            if row is None or person is None or person.barred_at is not None or not key_value(row).active(now):
                raise NotFoundError("This key is unknown or no longer valid.")
            return user_value(person)

    def _changed(self, user: str, change: Callable[[UserRow], None], action: str | None = None) -> User:
        with self._begin() as session:
            row = known_user(session, user, lock=True)
            change(row)
            if action:
                log(session, row.organisation_id, user, action, user)
            return user_value(row)


def _organisation(row: OrganisationRow) -> Organisation:
    return Organisation(
        row.id, row.name, row.retention_days, row.undo_days, row.webhook_url, row.created_at, row.version
    )


def user_value(row: UserRow) -> User:
    return User(
        row.id,
        row.organisation_id,
        row.name,
        row.role,
        row.zone,
        row.created_at,
        row.password_hash is not None,
        row.barred_at is not None,
    )


def key_value(row: ApiKeyRow) -> ApiKey:
    return ApiKey(row.id, row.user_id, row.name, row.created_at, row.expires_at, row.revoked_at)


def check_role(role: str) -> None:
    if role not in USER_ROLES:
        raise ValueError(f"role must be one of {USER_ROLES}, not {role!r}")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise StorageError(f"“{zone}” is no time zone; give a name such as Europe/Berlin.") from error


def _check_days(retention: int | None, undo: int) -> None:
    if (retention is not None and retention < 1) or undo < 0:
        raise StorageError("Retention must be at least one day, and the days to undo a deletion not negative.")
