"""The values that storage takes and gives. They are frozen and know nothing of SQL.

Documents and conversations here, people in records_people.py, hand-offs and promises in records_support.py.
Datetimes are aware and in UTC, `*_s` fields are seconds, `seq` counts from 0 inside a conversation. `version` counts
the changes of a thing: give the one you saw as `expected`, and a change that somebody else made meanwhile raises
ConflictError. The errors, each one sentence fit for the user:

    StorageError
    ├── NotFoundError    no such thing, or it belongs to another user (the two are not told apart)
    ├── ConflictError    the state of the thing forbids it, or somebody else changed it meanwhile
    ├── NotAllowedError  the role of this user does not reach that far
    └── DiskFullError    nothing of the refused write was kept
"""

from dataclasses import dataclass
from datetime import datetime

ROLES = ("user", "assistant", "agent")  # who speaks: the customer, the bot, a person of the organisation
FINAL_STATUSES = ("complete", "stopped", "broken", "error")
CONVERSATION_STATES = ("bot", "waiting", "human")
LOCAL = "local"  # the organisation of users that nobody registered


class StorageError(Exception):
    """Base of all storage errors; `str(error)` is one sentence for the user."""


class NotFoundError(StorageError):
    """This user has no such conversation, document or answer."""


class ConflictError(StorageError):
    """The thing exists, but its state forbids the operation."""


class NotAllowedError(StorageError):
    """The user exists, but only another role may do this."""


class DiskFullError(StorageError):
    """The disk is full; the write was rolled back as a whole."""


# -- documents ---


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document of one user. `id` is the hex hash of its content, `path` where the original lies.

    `version` counts from 1 along the versions of one document; `shared`: the owner's organisation may read it.
    """

    id: str
    name: str
    path: str
    media_type: str
    bytes: int
    pages: int
    tokens: int
    created_at: datetime
    version: int = 1
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A page, or another piece of a document, for people's full-text search. `start`: character offset."""

    text: str
    path: str
    start: int
    page: int | None = None
    line: int | None = None


# -- conversations ---


@dataclass(frozen=True, slots=True)
class CitationRecord:
    """One proof under an answer. `start` and `end` are character offsets in the cited text.

    It cites a document (`document_id`) or a message of a session (`conversation_id`, `session`, `seq`).
    """

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
    document_id: str | None = None
    conversation_id: str | None = None
    session: int | None = None
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class SectionEvidence:
    """`weight`: the share (0 to 1) of the attention on the document that fell on the words of this section alone.

    `section`: its index in the document, or the number of its session in a history, from 0; -1: before the first.
    """

    section: int
    weight: float


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """The receipt of an answer: how it was made, what was read, what not (`files_unread`: path, reason).

    The last fields, with the messages before it, are what it takes to compute the same answer again. `bot_digest`: of
    the bot's definition; `model_digest`: of the weights; `context`: ids of the segments in order; `settings`: sampling
    and limits by name. `evidence`: where the model looked, by section.
    """

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
    seed: int | None = None
    dtype: str = ""
    bot_digest: str = ""
    model_digest: str = ""
    context: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    evidence: tuple[SectionEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `seq` counts without gaps over all branches of a conversation, `session` and `number` from 1.

    `number`: its place in its session; `parent`: `seq` of the message before it; `author`: the person who wrote it,
    None for the bot. `hash` covers role, text and all before (hashes.py), and is empty until earlier answers end.
    """

    id: int | None
    conversation_id: str
    seq: int
    session: int
    role: str  # one of ROLES
    content: str
    status: str  # "streaming" or one of FINAL_STATUSES
    created_at: datetime
    answer: AnswerRecord | None
    number: int = 1
    branch: int = 0
    parent: int | None = None
    author: str | None = None
    hash: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One sitting of a conversation; `number` from 1. `ended_at` is None while it runs."""

    conversation_id: str
    number: int
    started_at: datetime
    ended_at: datetime | None
    messages: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of messages. It leaves `parent` before `seq` (0 and None for the first one); `messages` are its own.

    `first`: `seq` of the first of them that still exists, None where it has none.
    """

    number: int
    parent: int | None
    seq: int
    messages: int
    active: bool
    first: int | None = None


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
    organisation: str = LOCAL
    state: str = "bot"  # one of CONVERSATION_STATES
    pinned: bool = False
    archived: bool = False
    branch: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """The last messages of a conversation's active branch before some point, in order; `more`: earlier ones exist."""

    conversation: Conversation
    messages: tuple[Message, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message of an imported history; `role` is one of ROLES."""

    role: str
    content: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PastSession:
    started_at: datetime
    messages: tuple[PastMessage, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that the search found. `quote` is a piece of its text around the first found word.

    A message has `conversation_id`, `session`, `number` and `seq`; a document has `document_id`, `path`, `page`, `line`
    and `start`.
    """

    kind: str  # "message" | "document"
    title: str
    quote: str
    at: datetime
    conversation_id: str | None = None
    session: int | None = None
    number: int | None = None
    seq: int | None = None
    document_id: str | None = None
    path: str | None = None
    page: int | None = None
    line: int | None = None
    start: int | None = None
