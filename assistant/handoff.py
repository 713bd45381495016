"""Who owns a conversation: the bot, nobody for the moment (a person is called), or a person. A table, no more.

    bot ──request──▶ waiting ──take──▶ human
     ▲ ◀──cancel────────┘ ◀──release─────┤
     └──────────────close────────────────┘

The bot answers in the state `bot` alone. While a person is waited for, only the profile's `waiting` sentence is said.
"""

from __future__ import annotations

from enum import StrEnum

from assistant.errors import AssistantError


class HandOffError(AssistantError):
    """Base of what can go wrong when a conversation changes hands."""


class IllegalTransitionError(HandOffError):
    """This cannot happen to a conversation in this state, or not by this one."""


class State(StrEnum):
    """Who owns the conversation; the same words as in the database."""

    BOT = "bot"
    WAITING = "waiting"
    HUMAN = "human"


class Action(StrEnum):
    """What changes the owner."""

    REQUEST = "request"  # a rule of the profile, the customer or an agent asks for a person
    CANCEL = "cancel"  # the customer goes on with the bot
    TAKE = "take"  # an agent takes the conversation
    RELEASE = "release"  # the agent puts it back for another one
    CLOSE = "close"  # the agent is done: back to the bot, in the same conversation


class Actor(StrEnum):
    """Who acts."""

    BOT = "bot"
    CUSTOMER = "customer"
    AGENT = "agent"


TRANSITIONS = {
    (State.BOT, Action.REQUEST): State.WAITING,
    (State.WAITING, Action.CANCEL): State.BOT,
    (State.WAITING, Action.TAKE): State.HUMAN,
    (State.HUMAN, Action.RELEASE): State.WAITING,
    (State.HUMAN, Action.CLOSE): State.BOT,
}
ALLOWED = {
    Action.REQUEST: frozenset(Actor),
    Action.CANCEL: frozenset((Actor.CUSTOMER,)),
    Action.TAKE: frozenset((Actor.AGENT,)),
    Action.RELEASE: frozenset((Actor.AGENT,)),
    Action.CLOSE: frozenset((Actor.AGENT,)),
}
_TOLD = {
    State.BOT: "the bot answers in this conversation",
    State.WAITING: "this conversation waits for a person",
    State.HUMAN: "a person owns this conversation",
}


def after(state: State, action: Action, actor: Actor) -> State:
    """The state that `action` by `actor` leads to; IllegalTransitionError, one sentence, where it leads nowhere."""
    if actor not in ALLOWED[action]:
        who = " or ".join(sorted(ALLOWED[action]))
        raise IllegalTransitionError(f"“{action}” is not for the {actor}; only the {who} may do it.")
    if (state, action) not in TRANSITIONS:
        possible = ", ".join(actions(state, actor)) or "nothing"
        raise IllegalTransitionError(f"“{action}” is not possible while {_TOLD[state]}; possible now: {possible}.")
    return TRANSITIONS[state, action]


def actions(state: State, actor: Actor) -> tuple[Action, ...]:
    """What `actor` may do in this state."""
    return tuple(action for (at, action) in TRANSITIONS if at is state and actor in ALLOWED[action])


def bot_answers(state: State) -> bool:
    """Whether the bot may speak: never while a person owns the conversation or is on the way."""
    return state is State.BOT
