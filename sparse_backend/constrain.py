"""What an answer may say next. A constraint walks along with one answer, token by token; drafts are tried on it and
taken back. Implementations: quotes.QuoteConstraint, schemas.GrammarConstraint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from torch import Tensor


class Constraint(Protocol):
    """The state of one answer under a rule; not shared between threads."""

    def allowed(self) -> Tensor | None:
        """bool [vocab], on the CPU: tokens that may come next; None allows all. Callers must not write to it."""

    def accept(self, token_id: int) -> None:
        """Goes on by an allowed token; ConstraintError for any other, which changes nothing."""

    def rollback(self, n: int) -> None:
        """Takes the last n accepted tokens back; ValueError when there are fewer."""

    def fork(self) -> Self:
        """A copy that goes its own way."""

    def guess(self, most: int) -> tuple[int, ...]:
        """At most `most` tokens that are likely to come next under the rule, all allowed one after the other."""

    @property
    def finished(self) -> bool:
        """Whether the answer is complete, so that nothing may follow."""


def permits(constraint: Constraint, token_id: int) -> bool:
    """Whether `token_id` may come next."""
    allowed = constraint.allowed()
    return allowed is None or (0 <= token_id < len(allowed) and bool(allowed[token_id]))


def viable(constraint: Constraint, drafts: Sequence[int]) -> tuple[int, ...]:
    """The leading drafts that the constraint allows; it stays where it was."""
    taken: list[int] = []
    for token_id in drafts:
        if constraint.finished or not permits(constraint, token_id):
            break
        constraint.accept(token_id)
        taken.append(token_id)
    constraint.rollback(len(taken))
    return tuple(taken)
