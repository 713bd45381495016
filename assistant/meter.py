"""How the model's room is filled: what the context of the next question is made of, in tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meter:
    """Tokens of the `system` text, the `documents`, the `history` of turns and the `question`.

    `answer`: kept free for the longest answer. `limit`: what the model was trained for; `beyond`: whether it may read
    more than that, answers then look at a selection.
    """

    system: int
    documents: int
    history: int
    question: int
    answer: int
    limit: int
    beyond: bool

    @property
    def used(self) -> int:
        """Everything that is there already."""
        return self.system + self.documents + self.history + self.question

    @property
    def room(self) -> int:
        """What is left beside the longest answer; 0 when nothing is."""
        return max(0, self.limit - self.used - self.answer)
