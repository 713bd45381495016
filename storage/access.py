"""Who may touch what. Every row of a user is looked up here, by its id and its user together."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.records import LOCAL, ConflictError, NotAllowedError, NotFoundError
from storage.records_people import RESERVED
from storage.schema import ConversationRow, DocumentRow, LinkRow
from storage.schema_people import OrganisationRow, UserRow
from storage.schema_support import HandOffRow, PromiseRow

UNDO_DAYS = 30


def known_user(session: Session, user: str, *, lock: bool = False) -> UserRow:
    """The row of a user. Raises NotFoundError."""
    row = session.get(UserRow, user, with_for_update=True if lock else None)
    if row is None:
        raise NotFoundError("There is no such user.")
    return row


def user_with_role(session: Session, user: str, *roles: str) -> UserRow:
    """The row of a user of one of these roles. Raises NotFoundError, NotAllowedError."""
    row = known_user(session, user)
    if row.role not in roles:
        raise NotAllowedError(f"Only {' and '.join(f'{role}s' for role in roles)} may do this.")
    return row


def some_user(session: Session, user: str) -> UserRow:
    """The row of a user; whoever was never registered becomes a member of the local organisation."""
    row = session.get(UserRow, user)
    if row is not None:
        return row
    check_reserved(user)  # not check_free: whoever has the name by now has just done the same
    now = datetime.now(UTC)
    # Another transaction may do the same at this moment, which must not fail either of them.
    local = {"id": LOCAL, "name": "", "undo_days": UNDO_DAYS, "webhook_url": "", "webhook_secret": ""}
    insert_missing(session, OrganisationRow, **local, created_at=now, version=1)
    person = {"id": user, "organisation_id": LOCAL, "name": user, "role": "member", "zone": "UTC"}
    insert_missing(session, UserRow, **person, created_at=now)
    return session.get_one(UserRow, user)


def check_free(session: Session, user: str, otherwise: str = "choose another one") -> None:
    """Raises ConflictError for a name that somebody has, or that stands for nobody in particular.

    `otherwise`: what the person at the screen can do about it.
    """
    check_reserved(user, otherwise)
    if session.get(UserRow, user) is not None:
        raise ConflictError(f"The user name “{user}” is taken; {otherwise}.")


def check_reserved(user: str, otherwise: str = "choose another one") -> None:
    """Raises ConflictError for a name that stands for nobody in particular."""
    if user in RESERVED:
        raise ConflictError(f"The user name “{user}” is taken; {otherwise}.")


def insert_missing(session: Session, table: type[OrganisationRow] | type[UserRow], **values: object) -> None:
    """Insert a row, unless one with this key is there."""
    postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(table) if postgres else sqlite.insert(table)
    session.execute(insert.values(**values).on_conflict_do_nothing())


def own_conversation(session: Session, user: str, conversation_id: str, *, lock: bool = False) -> ConversationRow:
    """A conversation of this user, deleted or not. Raises NotFoundError."""
    query = select(ConversationRow).filter_by(id=conversation_id, user_id=user)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return row


def open_conversation(session: Session, user: str, conversation_id: str) -> ConversationRow:
    """A conversation that may be written to, locked. Raises NotFoundError, ConflictError."""
    # The row lock is for PostgreSQL; SQLite knows none and holds its write lock instead.
    row = own_conversation(session, user, conversation_id, lock=True)
    if row.deleted_at is not None:
        raise ConflictError(f"{names([row])} was deleted; restore it first.")
    return row


def own_document(session: Session, user: str, document_id: str) -> DocumentRow:
    """A document of this very user. Raises NotFoundError."""
    row = session.get(DocumentRow, (user, document_id))
    if row is None:
        raise NotFoundError("There is no such document.")
    return row


def readable_document(session: Session, user: UserRow, document_id: str) -> DocumentRow:
    """A document of the user, or one that somebody of the same organisation shares. Raises NotFoundError."""
    query = select(DocumentRow).filter_by(organisation_id=user.organisation_id, id=document_id)
    query = query.where(or_(DocumentRow.user_id == user.id, DocumentRow.shared))
    # The user's own one first, then whoever shared it first.
    query = query.order_by(DocumentRow.user_id != user.id, DocumentRow.created_at, DocumentRow.user_id)
    row = session.scalar(query.limit(1))
    if row is None:
        raise NotFoundError("There is no such document.")
    return row


def attach(session: Session, row: ConversationRow, document_id: str) -> bool:
    """Link a document that the conversation's user may read; returns False when it was linked before."""
    document = readable_document(session, known_user(session, row.user_id), document_id)
    if any(link.document_id == document_id for link in row.links):
        return False
    row.links.append(LinkRow(document_id=document_id, user_id=document.user_id, position=len(row.links)))
    return True


def served_hand_off(session: Session, agent: str, hand_off_id: str, *, lock: bool = False) -> HandOffRow:
    """A hand-off of the agent's organisation. Raises NotFoundError, also to those who are no agents there."""
    person = session.get(UserRow, agent)
    query = select(HandOffRow).filter_by(id=hand_off_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None or person is None or person.role == "member" or person.organisation_id != row.organisation_id:
        raise NotFoundError("There is no such hand-off.")
    return row


def check_version(row: ConversationRow | HandOffRow | PromiseRow | OrganisationRow, expected: int | None) -> None:
    """Raises ConflictError when somebody changed the row since the caller saw version `expected`; else counts up."""
    if expected is not None and expected != row.version:
        raise ConflictError("Somebody else changed this meanwhile; load it again and repeat your change.")
    row.version += 1


def names(rows: Sequence[ConversationRow]) -> str:
    """The conversations as an error names them."""
    shown = ", ".join(f"“{row.title or row.id}”" for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"the conversation{'s' if len(rows) > 1 else ''} {shown}{more}"
