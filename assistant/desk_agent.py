"""The desk of the people who take over: who waits, what they need to know, their words, and the way back to the bot.

Every function takes the agent, and reaches a conversation through its hand-off only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from assistant.errors import AssistantError
from assistant.history_file import note_promises
from assistant.packet import Packet
from storage import Message, Store
from storage.records import Page
from storage.records_support import HandOff, Promise


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conversation in the queue; `summary` is the packet's first paragraph."""

    hand_off: HandOff
    reason: str
    summary: str


class AgentDesk:
    """The inbox of a store's organisations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def queue(self, agent: str, *, mine: bool | None = False) -> list[Waiting]:
        """The first 100 who wait, the longest first; `mine`: those that this agent has taken; None: that anybody has.

        Raises NotAllowedError.
        """
        states = ("waiting",) if mine is False else ("human",)
        rows = self._store.hand_offs.inbox(agent, states=states, mine=bool(mine))
        packets = [packet_of(each) for each in rows]
        return [Waiting(each, packet.reason, packet.summary) for each, packet in zip(rows, packets, strict=True)]

    def packet(self, agent: str, hand_off_id: str) -> Packet:
        """What the agent needs to go on: summary, what was tried, promises, open issues, what was cited."""
        return packet_of(self._store.hand_offs.get(agent, hand_off_id))

    def page(self, agent: str, hand_off_id: str, *, limit: int = 50, before: int | None = None) -> Page:
        """The conversation itself, its last messages."""
        return self._store.hand_offs.page(agent, hand_off_id, limit=limit, before=before)

    def promises(self, agent: str, hand_off_id: str) -> list[Promise]:
        """What this customer was promised in the conversation."""
        return self._store.promises.of_hand_off(agent, hand_off_id)

    def take(self, agent: str, hand_off_id: str, *, expected: int | None = None) -> HandOff:
        """From now on this agent answers and the bot is silent. Raises ConflictError when another one does."""
        return self._store.hand_offs.take(agent, hand_off_id, expected=expected)

    def reply(self, agent: str, hand_off_id: str, content: str, *, idempotency_key: str | None = None) -> Message:
        """Says something to the customer; what it promises is noted. The same key again says nothing twice."""
        if not content.strip():
            raise AssistantError("The message is empty; type what the customer should read.")
        said = self._store.hand_offs.reply(agent, hand_off_id, content, idempotency_key=idempotency_key)
        note_promises(self._store, self._store.hand_offs.get(agent, hand_off_id).user)
        return said

    def release(self, agent: str, hand_off_id: str) -> HandOff:
        """Back into the queue, for another agent."""
        return self._store.hand_offs.release(agent, hand_off_id)

    def hand_back(self, agent: str, hand_off_id: str, *, note: str = "") -> HandOff:
        """The bot goes on in the same conversation, with everything that was said."""
        return self._store.hand_offs.close(agent, hand_off_id, note=note)


def packet_of(hand_off: HandOff) -> Packet:
    """The stored packet as a value."""
    stored: dict[str, Any] = json.loads(hand_off.packet)
    return Packet(**{name: _tupled(stored[name]) for name in Packet.__slots__})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
