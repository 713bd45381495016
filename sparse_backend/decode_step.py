"""One step of a decode loop with drafts: the model's rows are turned into the very tokens that one row at a time gives.

Leviathan et al. 2023 accept a draft with a chance that keeps the model's distribution. Drafts by lookup put all their
mass on one token, so it is enough to draw from the model at every row and to go on while the draw equals the draft:
each token is drawn from its own row with the next number of the request's generator, whatever was drafted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sparse_backend.constrain import Constraint, viable
from sparse_backend.lookup import ROW_COST, AcceptanceRate, Drafter
from sparse_backend.sampling import Choice, Sampler


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """What a step gave. `choices`: the new tokens, at least one; a stop token stands last and belongs to no text.

    `keep`: of the rows fed, how many stay in the cache; the last choice is not among them and is fed next.
    `finished`: a stop token came, or the constraint is complete.
    """

    choices: tuple[Choice, ...]
    keep: int
    finished: bool

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The new tokens."""
        return tuple(choice.token_id for choice in self.choices)

    @property
    def accepted(self) -> int:
        """How many drafts were right."""
        return self.keep - 1  # the first row kept is that of the token before the drafts


def decode_step(
    logits: Tensor,
    drafts: Sequence[int],
    sampler: Sampler,
    constraint: Constraint | None = None,
    stop_ids: frozenset[int] = frozenset(),
) -> DecodeStep:
    """Chooses tokens from `logits` [1 + len(drafts), vocab]: row 0 follows the last token, row i the i-th draft.

    The sampler has observed and the constraint accepted exactly the returned tokens; rejected drafts touched neither.
    Raises what Sampler.choose raises, and ValueError when rows and drafts do not match.
    """
    if len(logits) != len(drafts) + 1:
        raise ValueError(f"{len(drafts)} drafts need {len(drafts) + 1} rows of logits, not {len(logits)}")
    choices: list[Choice] = []
    finished = False
    for row, draft in zip(logits, (*drafts, None), strict=True):
        choice = sampler.choose(row, constraint.allowed() if constraint else None)
        sampler.observe(choice.token_id)
        if constraint:
            constraint.accept(choice.token_id)
        choices.append(choice)
        finished = choice.token_id in stop_ids or (constraint is not None and constraint.finished)
        if finished or choice.token_id != draft:
            break
    return DecodeStep(tuple(choices), len(choices), finished)


class Speculation:
    """Drafts for one request, from its constraint and its drafter; both may be missing.

    The loop: `propose` → one forward pass over the last token and the drafts → `decode_step` → `settle`.
    """

    def __init__(
        self, drafter: Drafter | None, constraint: Constraint | None, *, row_cost: float = ROW_COST, most: int = 16
    ) -> None:
        self._drafter, self._constraint = drafter, constraint
        self._row_cost, self._most = row_cost, most
        self._guesses = AcceptanceRate()
        self._proposed, self._guessed = 0, False

    def propose(self, most: int) -> tuple[int, ...]:
        """At most `most` drafts, all allowed: what the constraint expects, else what the drafter finds.

        Give at most one less than the tokens that the answer may still have, so that no step goes beyond its limit.
        """
        drafts = self._guess(most)
        self._guessed = bool(drafts)
        if not drafts and self._drafter and most > 0:
            drafts = self._drafter.draft(most)
            drafts = viable(self._constraint, drafts) if self._constraint else drafts
        self._proposed = len(drafts)
        return drafts

    def settle(self, step: DecodeStep) -> None:
        """Learns from the step that checked the last proposal."""
        if self._drafter:
            self._drafter.extend(step.token_ids)
        if self._proposed and self._guessed:
            self._guesses.learn(self._proposed, step.accepted)
        elif self._proposed and self._drafter:
            self._drafter.learn(self._proposed, step.accepted)

    def _guess(self, most: int) -> tuple[int, ...]:
        if not self._constraint or most < 1:
            return ()
        worth = min(most, self._guesses.worth(self._row_cost, self._most))
        if not worth:
            self._guesses.fade()
            return ()
        return viable(self._constraint, self._constraint.guess(worth))
