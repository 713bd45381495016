"""Values about who there is: organisations, users, their keys, the organisation's bots, the audit log."""

from dataclasses import dataclass
from datetime import datetime

USER_ROLES = ("admin", "agent", "member")
OPERATOR = "operator"  # whoever runs the program itself
ERASED = "erased"  # stands where the name of an erased person stood
RESERVED = (OPERATOR, ERASED)  # no person's name: the first may do everything, the second belongs to several


@dataclass(frozen=True, slots=True)
class Organisation:
    """A tenant. `retention_days`: what is older goes with `purge` (None: never); `undo_days`: how long deleted
    conversations can be restored. `webhook_url`: where hand-offs are told of; empty: nowhere.
    """

    id: str
    name: str
    retention_days: int | None
    undo_days: int
    webhook_url: str
    created_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class User:
    """A person of one organisation. `zone`: IANA name of the time zone in which dates are shown to them."""

    id: str
    organisation: str
    name: str
    role: str  # one of USER_ROLES
    zone: str
    created_at: datetime
    has_password: bool
    barred: bool = False  # cannot log in, and their keys are good for nothing


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a user, of which only the hash is kept. `active` until it is revoked or expires."""

    id: str
    user: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Login:
    """A browser in which a user is logged in. `agent`: what it calls itself; `seen_at` is exact to a minute."""

    id: str
    user: str
    agent: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an OpenID issuer's `subject` is here."""

    issuer: str
    subject: str
    user: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time link into an organisation; with `user`, for a new password of somebody who is there."""

    id: str
    organisation: str
    role: str  # of somebody new
    user: str | None
    made_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class BotRecord:
    """One version of an organisation's bot. `source`: its definition as text; `digest`: hex SHA-256 of that."""

    name: str
    version: int
    source: str
    digest: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which thing. It never holds content."""

    id: int
    actor: str
    action: str  # "conversation.delete" and the like
    subject: str
    at: datetime
