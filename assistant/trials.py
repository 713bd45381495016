"""Trials: answered questions with known answers, and what they weigh under one choice of heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from assistant.answer_signals import Signals, refusal_signals, signals
from assistant.citations import Citer, Mass, evidence_over, relative
from assistant.known_answers import Asked, Cell
from assistant.quoting import said_tokens
from assistant.tokenizer import Tokenizer
from sparse_backend.eval.evidence import Look
from sparse_backend.probe import Head
from sparse_backend.sampling import Choice


@dataclass(frozen=True, slots=True)
class Trial:
    """One answered question, reduced to what is weighed. `choices`: of what is said.

    `mass`, `asked_mass` [layers, Hq, passages]: while the answer was said, and of the question's words. Over a
    selection there are none; then `seen` and `asked_seen` [passages] are what the engine's own heads looked at.
    """

    cell: Cell
    question: str
    text: str
    refused: bool
    absent: bool
    right: bool
    proof: tuple[tuple[int, int], ...]
    mass: torch.Tensor | None
    choices: tuple[Choice, ...]
    citer: Citer
    selected: bool
    seen: Mass
    asked_mass: torch.Tensor | None = None
    asked_seen: Mass | None = None

    @property
    def look(self) -> Look | None:
        """Where its heads looked and what they should have looked at; None where the proof is not one place."""
        return None if self.refused or not self.right else self._look(self.mass)

    @property
    def question_look(self) -> Look | None:
        """The same of the question's words, whatever was answered."""
        return self._look(self.asked_mass)

    def _look(self, mass: torch.Tensor | None) -> Look | None:
        if mass is None or len(self.proof) != 1:
            return None
        start, end = self.proof[0]
        places = map(self.citer.passage, range(mass.shape[2]))
        return Look(mass, int(np.argmax([min(high, end) - max(low, start) for low, high in places])))


@dataclass(frozen=True, slots=True)
class Weighed:
    """A trial under a set of heads: its signals, whether its citations lie on the proof, and whether all is right."""

    trial: Trial
    signals: Signals
    on_proof: tuple[bool, ...]  # each citation, in order
    backed: bool

    @property
    def good(self) -> bool:
        """What confidence is about: a right answer with a citation on its proof, or a right refusal."""
        return self.trial.right and (self.trial.refused or any(self.on_proof))


def trial_of(asked: Asked, tokenizer: Tokenizer) -> Trial:
    """What of an answered question is kept."""
    finished, document = asked.finished, asked.document
    said = said_tokens(finished.answer.token_ids, tokenizer)
    place = document.prefix.start, len(document.encoded.token_ids)
    looked, asked_look = evidence_over(finished.answer.evidence[:said], *place), finished.answer.asked
    return Trial(
        asked.cell,
        asked.question.text,
        finished.text,
        asked.refused,
        asked.absent,
        asked.right,
        asked.proof,
        asked.mass,
        finished.answer.choices[:said],
        document.citer,
        not finished.answer.exact,
        document.citer.mass(looked),
        asked.asked_mass,
        document.citer.mass(evidence_over(asked_look, *place)) if asked_look else None,
    )


def weigh(trial: Trial, heads: Sequence[Head], question_heads: Sequence[Head] = ()) -> Weighed:
    """The trial's proof and signals with the attention of `heads`, the strongest of each layer where there are none."""
    asked = _asked_mass(trial, question_heads)
    if trial.refused:
        return Weighed(trial, _silent(trial, asked), (), True)
    mass = _mass(trial, heads)
    proof = trial.citer.prove_by(trial.text, trial.question, relative(mass), asked)
    cited = [(each.start, each.end) for each in proof.citations]
    on_proof = tuple(any(s < end and start < e for start, end in trial.proof) for s, e in cited)
    given = (trial.citer, trial.text, trial.question, mass, cited, trial.choices)
    found = signals(*given, useful=bool(heads), selected=trial.selected, asked_mass=asked)
    return Weighed(trial, found, on_proof, proof.supported)


def _silent(trial: Trial, asked: Mass | None) -> Signals:
    return refusal_signals(trial.citer, trial.question, trial.choices, selected=trial.selected, asked_mass=asked)


def _asked_mass(trial: Trial, heads: Sequence[Head]) -> Mass | None:
    if not heads:
        return None
    return trial.asked_seen if trial.asked_mass is None else _of(trial.asked_mass, heads)


def _of(mass: torch.Tensor, heads: Sequence[Head]) -> Mass:
    return np.asarray(torch.stack([mass[layer, head] for layer, head in heads]).float().mean(0).numpy(), np.float32)


def _mass(trial: Trial, heads: Sequence[Head]) -> Mass:
    if trial.mass is None:
        return trial.seen
    if heads:
        return _of(trial.mass, heads)
    return np.asarray(trial.mass.float()[len(trial.mass) // 3 :].amax(1).sum(0).numpy(), dtype=np.float32)
