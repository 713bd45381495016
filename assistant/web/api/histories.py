"""Which stored conversation a client's own history is: clients of OpenAI's API send all that was said each time."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence

from assistant.prompt import Turn

MOST = 4096


class Histories:
    """The conversations last asked through the API, by user, bot, document and all that was said in them.

    Kept in memory: after a restart a longer history becomes a new conversation, with its earlier turns.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, str] = OrderedDict()

    def find(self, user: str, bot: str, document_id: str, turns: Sequence[Turn]) -> str | None:
        """The conversation that says exactly this; it is taken out, as it will say more."""
        with self._lock:
            return self._known.pop(_key(user, bot, document_id, turns), None) if turns else None

    def note(self, user: str, bot: str, document_id: str, turns: Sequence[Turn], conversation_id: str) -> None:
        """The conversation now says this."""
        with self._lock:
            self._known[_key(user, bot, document_id, turns)] = conversation_id
            while len(self._known) > MOST:
                self._known.popitem(last=False)


def _key(user: str, bot: str, document_id: str, turns: Sequence[Turn]) -> str:
    said = [[turn.question.strip(), turn.answer.strip()] for turn in turns]
    return hashlib.sha256(json.dumps([user, bot, document_id, said]).encode()).hexdigest()
