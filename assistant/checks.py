"""The checks that a profile asks for, run over one answer on one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property

from assistant.advice import advice_in
from assistant.checked import Checked, merged
from assistant.code_check import CodeCheck
from assistant.code_tree import Tree
from assistant.contract_check import ContractCheck
from assistant.exhaustive import Exhausted, Exhaustive
from assistant.history_check import HistoryCheck
from assistant.passages import LiteralIndex
from ingest import Document
from storage import CitationRecord

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class AnswerChecks:
    """Prepared for one document; what a check needs is built when it first runs. `checks`: keys of profiles.CHECKS."""

    def __init__(self, document: Document, checks: Sequence[str], clock: Clock = utc_now) -> None:
        self._document = document
        self._checks = frozenset(checks)
        self._clock = clock

    @cached_property
    def _contract(self) -> ContractCheck:
        return ContractCheck(self._document)

    @cached_property
    def _code(self) -> CodeCheck:
        return CodeCheck(Tree(self._document))

    @cached_property
    def _history(self) -> HistoryCheck:
        return HistoryCheck(self._document)

    @cached_property
    def _exhaustive(self) -> Exhaustive:
        return Exhaustive(self._document)

    @cached_property
    def _literal(self) -> LiteralIndex:
        return LiteralIndex(self._document.text)

    def check(self, question: str, answer: str, citations: Sequence[CitationRecord]) -> Checked:
        """Everything the checks say of `answer`, whose proof is `citations`."""
        parts: list[Checked] = []
        if "references" in self._checks:
            parts.append(self._contract.beside(question, answer, citations))
        if "lint" in self._checks:
            parts.append(self._contract.problems(question))
        if "advice" in self._checks:
            advice = advice_in(answer, lambda words: bool(self._literal.find(words)))
            parts.append(Checked(unverified=tuple(advice)))
        if self._checks & {"paths", "symbols"}:
            found = self._code.names(answer, kinds=self._checks & {"paths", "symbols"})
            parts += [found, self._code.uses(question)]
        if "promises" in self._checks:
            parts.append(self._history.asked(question, self._clock()))
        return merged(parts)

    def listing(
        self, question: str, answer: str, citations: Sequence[CitationRecord], refused: bool
    ) -> Exhausted | None:
        """Everything that `question` asks for, whatever the profile; None where it asks for no such thing."""
        return self._exhaustive.check(question, answer, citations, refused=refused)
