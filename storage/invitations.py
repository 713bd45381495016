"""One-time links: made by admins or by whoever runs the program, accepted once by whoever holds them."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from storage.access import check_free, known_user, user_with_role
from storage.accounts import check_role, user_value
from storage.audit import log
from storage.records import LOCAL, ConflictError, NotFoundError
from storage.records_people import OPERATOR, Invitation, User
from storage.room import Room
from storage.schema_logins import IdentityRow, InvitationRow, LoginRow
from storage.schema_people import OrganisationRow, UserRow

GONE = "This link is unknown, was used, or has expired; ask for a new one."


class Invitations(Room):
    """Admins invite into their own organisation; admins of the installation's own (`LOCAL`) into any.

    Links for a new password stay within the admin's organisation: nobody takes over an account of another one.
    """

    def invite(
        self, by: str, token_hash: str, *, organisation: str, role: str, expires_at: datetime, user: str | None = None
    ) -> Invitation:
        """A link for somebody new, or for a new password of `user`. Raises NotFoundError, NotAllowedError."""
        check_role(role)
        with self._begin() as session:
            _reach(session, by, organisation, anywhere=user is None)
            if session.get(OrganisationRow, organisation) is None:
                raise NotFoundError("There is no such organisation.")
            if user is not None and known_user(session, user).organisation_id != organisation:
                raise NotFoundError("There is no such user.")
            row = InvitationRow(
                id=uuid4().hex,
                token_hash=token_hash,
                organisation_id=organisation,
                role=role,
                user_id=user,
                made_by=by,
                created_at=datetime.now(UTC),
                expires_at=expires_at,
                used_at=None,
            )
            session.add(row)
            log(session, organisation, by, f"invite.{role}" if user is None else "invite.password", user or row.id)
            session.flush()
            return invitation_value(row)

    def renew_first(self, token_hash: str, expires_at: datetime) -> Invitation:
        """The link that makes the first admin of the installation; unused ones before it are withdrawn."""
        with self._begin() as session:
            old = delete(InvitationRow).filter_by(made_by=OPERATOR, role="admin", organisation_id=LOCAL, user_id=None)
            session.execute(old.where(InvitationRow.used_at.is_(None)))
        return self.invite(OPERATOR, token_hash, organisation=LOCAL, role="admin", expires_at=expires_at)

    def open(self, token_hash: str, now: datetime) -> Invitation:
        """What a link offers. Raises NotFoundError for one that is unknown, was used, or has expired."""
        with self._begin(write=False) as session:
            return invitation_value(_open(session, token_hash, now))

    def accept(
        self,
        token_hash: str,
        now: datetime,
        *,
        user: str,
        password_hash: str | None = None,
        identity: tuple[str, str] | None = None,
    ) -> User:
        """Use a link up: a new user with a password or an identity (issuer, subject), or either for the link's user.

        A link of whoever runs the program may also give a password to a user without one, such as the one whose
        documents were read before there were accounts. Raises NotFoundError, ConflictError.
        """
        with self._begin() as session:
            link = _open(session, token_hash, now, lock=True)
            person = self._person(session, link, user, now)
            if password_hash is not None:
                person.password_hash = password_hash
            if identity is not None:
                if session.get(IdentityRow, identity) is not None:
                    raise ConflictError("This identity belongs to an account here already.")
                session.add(IdentityRow(issuer=identity[0], subject=identity[1], user_id=person.id, created_at=now))
            session.execute(delete(LoginRow).filter_by(user_id=person.id))
            link.used_at = now
            log(session, person.organisation_id, person.id, "invitation.accept", link.id)
            session.flush()
            return user_value(person)

    def pending(self, admin: str, now: datetime) -> list[Invitation]:
        """The links of the admin's organisation that can still be used, oldest first."""
        with self._begin(write=False) as session:
            organisation = user_with_role(session, admin, "admin").organisation_id
            query = select(InvitationRow).where(InvitationRow.used_at.is_(None), InvitationRow.expires_at > now)
            if organisation != LOCAL:
                query = query.filter_by(organisation_id=organisation)
            return [invitation_value(row) for row in session.scalars(query.order_by(InvitationRow.created_at))]

    def withdraw(self, admin: str, invitation_id: str) -> None:
        """Make a link useless. Raises NotFoundError."""
        with self._begin() as session:
            row = session.get(InvitationRow, invitation_id)
            if row is None:
                raise NotFoundError("There is no such invitation.")
            _reach(session, admin, row.organisation_id)
            session.delete(row)
            log(session, row.organisation_id, admin, "invite.withdraw", invitation_id)

    def _person(self, session: Session, link: InvitationRow, user: str, now: datetime) -> UserRow:
        if link.user_id is not None:
            return known_user(session, link.user_id, lock=True)
        person = session.get(UserRow, user, with_for_update=True)
        if person is None:
            check_free(session, user)
            person = UserRow(
                id=user, organisation_id=link.organisation_id, name=user, role=link.role, zone="UTC", created_at=now
            )
            session.add(person)
            session.flush()
        elif (
            link.made_by != OPERATOR
            or person.password_hash is not None
            or person.organisation_id != link.organisation_id
            or session.scalar(select(IdentityRow.subject).filter_by(user_id=user).limit(1)) is not None
        ):
            raise ConflictError(f"The user name “{user}” is taken; choose another one.")
        person.role = link.role
        return person


def invitation_value(row: InvitationRow) -> Invitation:
    return Invitation(
        row.id, row.organisation_id, row.role, row.user_id, row.made_by, row.created_at, row.expires_at, row.used_at
    )


def _open(session: Session, token_hash: str, now: datetime, *, lock: bool = False) -> InvitationRow:
    query = select(InvitationRow).filter_by(token_hash=token_hash)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise NotFoundError(GONE)
    return row


def _reach(session: Session, by: str, organisation: str, *, anywhere: bool = True) -> None:
    """Raises unless `by` may make links into the organisation; `anywhere`: for `LOCAL`'s admins also into others."""
    if by == OPERATOR:
        return
    own = user_with_role(session, by, "admin").organisation_id
    if own != organisation and not (anywhere and own == LOCAL):
        raise NotFoundError("There is no such organisation.")
