"""Values about looking after people: hand-offs, promises, feedback, what is told to other systems, what was removed."""

from dataclasses import dataclass
from datetime import datetime

HAND_OFF_STATES = ("waiting", "human", "closed")
PROMISE_STATES = ("open", "kept", "broken")


@dataclass(frozen=True, slots=True)
class HandOff:
    """A conversation that a person takes over. `reason`: the rule that asked for it; `packet`: what the agent is given.

    It is waiting until an agent takes it, then `human` until closed; a conversation has one that is not closed at most.
    """

    id: str
    conversation_id: str
    user: str
    bot: str
    state: str  # one of HAND_OFF_STATES
    reason: str
    packet: str
    agent: str | None
    requested_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    note: str  # what the agent left for the bot when closing
    version: int


@dataclass(frozen=True, slots=True)
class Promise:
    """Who promised what to whom, and in which message. `by` and `to` are words for people, such as "agent Kim"."""

    id: str
    conversation_id: str
    seq: int
    by: str
    to: str
    text: str
    due_at: datetime | None
    state: str  # one of PROMISE_STATES
    made_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user thinks of an answer: `thumb` is 1 or -1."""

    conversation_id: str
    seq: int
    user: str
    thumb: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for another system. `key` is the same at every attempt, so that the receiver can drop repetitions.

    `state`: "pending" until it is "delivered", or "failed" for good; `next_at`: not before this time.
    """

    id: int
    organisation: str
    key: str
    event: str  # "hand_off.waiting" and the like
    url: str
    body: str  # JSON
    state: str
    attempts: int
    next_at: datetime
    last_error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `verify` found: where, and what is wrong there."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of `verify`; `messages`: how many hashes were derived again; `pending`: of unfinished answers."""

    messages: int
    pending: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """What left the database for good. `documents`: ids that nobody has any more, so files and KV can go as well."""

    conversations: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    messages: int = 0
