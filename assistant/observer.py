"""Who wants to know what happens, such as metrics. Of the content only sizes, times and verdicts are told."""

from __future__ import annotations

from sparse_backend import Read
from storage import AnswerRecord
from storage.records_signals import SecondLook


class Observer:
    """Is told of every reading and answer, in the thread that did it; must be quick and must not fail."""

    def read(self, bot: str, read: Read, parse_s: float) -> None:
        """A document was read, or taken from the cache, for a bot; `parse_s`: 0 when it was parsed before."""

    def answered(self, bot: str, status: str, record: AnswerRecord | None) -> None:
        """An answer ended and is stored; without a record when it failed."""

    def looked_again(self, bot: str, look: SecondLook) -> None:
        """A sampled answer was compared with what dense attention says."""


class Observers(Observer):
    """Tells all that were added."""

    def __init__(self) -> None:
        self._all: list[Observer] = []

    def add(self, observer: Observer) -> None:
        """From now on it is told, too."""
        self._all.append(observer)

    def read(self, bot: str, read: Read, parse_s: float) -> None:
        """See Observer."""
        for observer in self._all:
            observer.read(bot, read, parse_s)

    def answered(self, bot: str, status: str, record: AnswerRecord | None) -> None:
        """See Observer."""
        for observer in self._all:
            observer.answered(bot, status, record)

    def looked_again(self, bot: str, look: SecondLook) -> None:
        """See Observer."""
        for observer in self._all:
            observer.looked_again(bot, look)
