"""Confidence: the signals of an answer as one probability that it is right and that its citation proves it.

A logistic regression (Cox 1958) with few weights, fitted on generated questions with known answers; how well its
probabilities hold is measured on others: Brier score (Brier 1950), expected calibration error (Naeini et al. 2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from assistant.answer_signals import Signals
from assistant.citations import ENOUGH
from assistant.errors import AssistantError

Word = Literal["supported", "weak evidence", "not in this document"]
SUPPORTED: Word = "supported"
WEAK: Word = "weak evidence"
ABSENT: Word = "not in this document"
LIKELY = 0.7  # the least probability that is called supported
UNLIKELY = 0.2  # below it an answer without any citation is called not in this document
ANSWER = ("asked", "rival", "looked", "focus", "mass", "likely", "selected", "lead", "led")
REFUSAL = ("asked", "likely", "selected", "lead")
AGAINST = {
    ANSWER: ("rival", "selected"),
    REFUSAL: ("asked", "selected", "lead"),
}  # the more, the less likely; all others speak for
RIDGE = 2.0  # of standardised signals: a few dozen questions must not make any of them decide alone
LEAST_SPREAD = 0.05  # a signal that hardly varied while learning must not decide everything later
BINS = 10


@dataclass(frozen=True, slots=True)
class Weights:
    """`names` of signals with their mean, spread and weight, and the bias, in log-odds. An unknown signal counts 0."""

    names: tuple[str, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def probability(self, signals: Signals) -> float:
        """In (0, 1)."""
        values = signals.values()
        odds = self.bias + ruled(signals)
        for name, mean, spread, weight in zip(self.names, self.means, self.spreads, self.weights, strict=True):
            value = values[name]
            if value is not None:
                odds += weight * (value - mean) / spread
        return float(1.0 / (1.0 + np.exp(-odds)))


def ruled(signals: Signals) -> float:
    """Log-odds by rule, for what generated answers hardly show: invented quotes, words of no passage, names of code."""
    quoted = signals.quoted or 0.0
    odds = (3.0 if quoted < 0 else 1.0) * quoted + 2.0 * (signals.symbols or 0.0)
    return odds - (0.0 if signals.backed is None else 4.0 * max(0.0, 1.0 - signals.backed / ENOUGH))


def fit(rows: Sequence[Signals], labels: Sequence[bool], names: Sequence[str], against: Sequence[str] = ()) -> Weights:
    """Newton's method on the penalised likelihood. Raises AssistantError without both right and wrong answers.

    A signal whose weight would have the wrong sign (`against`: those that must not be positive) gets none, the worst
    first, and the others are fitted anew: few generated questions must not teach that a well-proved answer is worse.
    """
    if not any(labels) or all(labels):
        raise AssistantError(
            f"Of {len(labels)} generated questions all came out alike, so nothing can be weighed; ask more (--texts)."
        )
    table = np.array([[np.nan if (v := row.values()[name]) is None else v for name in names] for row in rows])
    known = ~np.isnan(table)
    counts = np.maximum(known.sum(0), 1)
    means = np.where(known, table, 0.0).sum(0) / counts
    spreads = np.maximum(np.sqrt(np.where(known, (table - means) ** 2, 0.0).sum(0) / counts), LEAST_SPREAD)
    x = np.nan_to_num((table - means) / spreads)
    x = np.hstack([np.ones((len(x), 1)), x])
    y = np.array(labels, dtype=np.float64)
    offset = np.array([ruled(row) for row in rows])
    right = np.array([0.0] + [-1.0 if name in against else 1.0 for name in names])
    kept = np.ones(x.shape[1], dtype=bool)
    while True:
        beta = np.zeros(x.shape[1])
        beta[kept] = _newton(x[:, kept], y, offset)
        wrong = np.minimum(beta * right, 0.0)
        if wrong.min() == 0.0:
            break
        kept[int(wrong.argmin())] = False
    return Weights(tuple(names), _tuple(means), _tuple(spreads), _tuple(beta[1:]), round(float(beta[0]), 5))


def _newton(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    penalty = np.diag([1e-3] + [RIDGE] * (x.shape[1] - 1))
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta - offset))
        step = np.linalg.solve((x.T * (p * (1 - p))) @ x + penalty, x.T @ (y - p) - penalty @ beta)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return beta


def _tuple(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)


def word(probability: float, *, cited: bool, refused: bool, selected: bool = False) -> Word:
    """What people are told. Over a selection the signal that tells most, attention, is missing: never supported."""
    if refused or (not cited and probability < UNLIKELY):
        return ABSENT
    return SUPPORTED if cited and probability >= LIKELY and not selected else WEAK


def brier(probabilities: Sequence[float], labels: Sequence[bool]) -> float:
    """Mean squared distance of probability and truth; 0 is best, 0.25 says nothing."""
    gaps = np.asarray(probabilities) - np.asarray(labels, dtype=np.float64)
    return float((gaps**2).mean())


def reliability(probabilities: Sequence[float], labels: Sequence[bool]) -> list[Mapping[str, float]]:
    """By tenth of probability: how many, their mean probability, the share that was right."""
    p, y = np.asarray(probabilities), np.asarray(labels, dtype=np.float64)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    return [
        {
            "from": b / BINS,
            "n": int(inside.sum()),
            "said": round(float(p[inside].mean()), 3),
            "right": round(float(y[inside].mean()), 3),
        }
        for b in range(BINS)
        if (inside := bins == b).any()
    ]


def calibration_error(probabilities: Sequence[float], labels: Sequence[bool]) -> float:
    """Expected calibration error over tenths: |said - right|, weighted by how many."""
    table = reliability(probabilities, labels)
    return sum(row["n"] * abs(row["said"] - row["right"]) for row in table) / max(1, len(labels))
