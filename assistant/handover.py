"""From the bot to a person: a profile's rules after each turn, the packet for the person, what the customer is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from assistant.handoff import State, bot_answers
from assistant.handoff_rules import Reason, reason_to_hand_off, verdict_of
from assistant.history_check import HistoryCheck
from assistant.packet import build_packet, exchanges
from assistant.profiles import Profile
from assistant.reading import ReadDocument
from storage import Conversation, Message, Store
from storage.records import ConflictError


@dataclass(frozen=True, slots=True)
class HandedOff:
    """The bot does not go on. `text`: what the customer is told, "" while a person answers; `state`: as stored.

    `reason` says why a person was called just now, None when one was called before. `message`: where `text` stands in
    the conversation, None when it was not said again.
    """

    text: str
    state: State
    reason: Reason | None = None
    message: Message | None = None


class Handover:
    """The rules of one bot over the conversations of a store."""

    def __init__(self, store: Store, profile: Profile) -> None:
        self._store, self._profile, self._rules = store, profile, profile.escalation
        rules = self._rules
        self.active = any(
            (rules.person, rules.repeated, rules.frustration, rules.refused, rules.low_evidence, rules.words)
        )

    def owned(self, conversation: Conversation) -> HandedOff | None:
        """What a message gets while the conversation is not the bot's: nothing; or the word to wait."""
        state = State(conversation.state)
        if bot_answers(state):
            return None
        return HandedOff(self._rules.waiting if state is State.WAITING else "", state)

    def reason(self, user: str, conversation: Conversation, question: Message) -> Reason | None:
        """The rule that holds for a question, before or after its answer; see handoff_rules."""
        if not self.active:
            return None
        said = self._since_bot(user, conversation)
        earlier = [each.content for each in said if each.role == "user" and each.seq < question.seq]
        verdicts = [
            verdict_of(each.content, each.answer, self._profile.not_stated) for each in said if each.role == "assistant"
        ]
        return reason_to_hand_off(self._rules, question.content, earlier, verdicts)

    def call(self, user: str, conversation: Conversation, reason: Reason, document: ReadDocument | None) -> HandedOff:
        """Calls a person with the packet for them, and tells the customer."""
        history = HistoryCheck(document.held.document) if document and document.places is not None else None
        packet = build_packet(
            reason,
            exchanges(self._since_bot(user, conversation), self._profile.not_stated),
            now=datetime.now(UTC),
            promises=history.promises if history else (),
            issues=history.issues if history else (),
        )
        try:
            self._store.hand_offs.request(user, conversation.id, reason.rule, json.dumps(packet.as_json()))
        except ConflictError:  # somebody called one just now
            state = State(self._store.conversation(user, conversation.id).state)
            return HandedOff(self._rules.waiting if state is State.WAITING else "", state)
        message = self._store.append(user, conversation.id, "assistant", self._rules.waiting)
        return HandedOff(self._rules.waiting, State.WAITING, reason, message)

    def _since_bot(self, user: str, conversation: Conversation) -> Sequence[Message]:
        """What was said in the running session since the bot last took over."""
        closed = [each.closed_at for each in self._store.hand_offs.of(user, conversation.id) if each.closed_at]
        number = self._store.conversation(user, conversation.id).sessions
        messages = self._store.messages(user, conversation.id, session_number=number)
        return [message for message in messages if not closed or message.created_at > max(closed)]
