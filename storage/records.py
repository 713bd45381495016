"""The values that storage takes and gives. They are frozen and know nothing of SQL.

Datetimes are aware and in UTC, `*_s` fields are seconds. The errors, each one sentence fit for the user:

    StorageError
    ├── NotFoundError    no such thing, or it belongs to another user (the two are not told apart)
    ├── ConflictError    the state of the thing forbids it
    └── DiskFullError    nothing of the refused write was kept
"""

from dataclasses import dataclass
from datetime import datetime

ROLES = ("user", "assistant")
FINAL_STATUSES = ("complete", "stopped", "broken", "error")


class StorageError(Exception):
    """Base of all storage errors; `str(error)` is one sentence for the user."""


class NotFoundError(StorageError):
    """This user has no such conversation, document or answer."""


class ConflictError(StorageError):
    """The thing exists, but its state forbids the operation."""


class DiskFullError(StorageError):
    """The disk is full; the write was rolled back as a whole."""


@dataclass(frozen=True, slots=True)
class CitationRecord:
    """One proof under an answer. `start` and `end` are character offsets in the document's text."""

    number: int
    path: str
    page: int | None
    page_label: str | None
    line: int | None
    section: str
    quote: str
    start: int
    end: int
    verified: bool
    kind: str  # "quote" | "evidence"
    score: float


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """The receipt of an answer: how it was made, what was read, what not (`files_unread`: path, reason)."""

    model: str
    pattern: str
    level: str
    impl: str
    finish_reason: str
    supported: bool
    tokens: int
    tokens_read: int
    cached_tokens: int
    generated_tokens: int
    pages: int
    pages_unread: tuple[int, ...]
    files: int
    files_unread: tuple[tuple[str, str], ...]
    parse_s: float
    read_s: float
    first_token_s: float
    total_s: float
    citations: tuple[CitationRecord, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `seq` counts from 0 without gaps inside a conversation, `session` from 1."""

    id: int | None
    conversation_id: str
    seq: int
    session: int
    role: str  # one of ROLES
    content: str
    status: str  # "streaming" or one of FINAL_STATUSES
    created_at: datetime
    answer: AnswerRecord | None


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document of one user. `id` is the hex hash of its content, `path` where the original lies."""

    id: str
    name: str
    path: str
    media_type: str
    bytes: int
    pages: int
    tokens: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation over many sessions. `updated_at`: when a message, session or document was last added."""

    id: str
    user: str
    bot: str
    title: str
    created_at: datetime
    updated_at: datetime
    document_ids: tuple[str, ...]
    sessions: int
    deleted: bool
