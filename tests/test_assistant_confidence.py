"""Confidence: the fit finds what matters, its quality is measured rightly, and words follow from it."""

from __future__ import annotations

import math
from random import Random

import pytest

from assistant.answer_signals import Signals
from assistant.confidence import (
    ABSENT,
    ANSWER,
    LIKELY,
    SUPPORTED,
    WEAK,
    Weights,
    brier,
    calibration_error,
    fit,
    reliability,
    word,
)
from assistant.errors import AssistantError

FLAT = Weights(("asked",), (0.5,), (0.25,), (0.0,), 0.0)


def drawn(count: int, seed: int) -> tuple[list[Signals], list[bool]]:
    """Answers that are right with a probability that `asked` alone decides; `looked` is chance, `likely` unknown."""
    random = Random(seed)
    rows, labels = [], []
    for _ in range(count):
        asked = random.random()
        rows.append(Signals(asked=asked, looked=random.random()))
        labels.append(random.random() < 1 / (1 + math.exp(-8 * (asked - 0.5))))
    return rows, labels


def test_the_fit_finds_the_signal_and_its_probabilities_hold_on_others() -> None:
    weights = fit(*drawn(600, 1), ("asked", "looked", "likely"))
    asked, looked, likely = weights.weights
    assert asked > 1.5 and abs(looked) < 0.3 and likely == 0.0
    rows, labels = drawn(600, 2)
    chances = [weights.probability(row) for row in rows]
    assert brier(chances, labels) < 0.7 * brier([0.5] * len(labels), labels)
    assert calibration_error(chances, labels) < 0.08


def test_a_signal_never_gets_the_wrong_sign() -> None:
    rows, labels = drawn(600, 1)
    turned = fit(rows, labels, ("asked", "looked"), against=("asked",))
    assert turned.weights[0] == 0.0, "what speaks for an answer here must speak against it"
    assert fit(rows, [not label for label in labels], ("asked",), against=("asked",)).weights[0] < -1.5
    share = sum(labels) / len(labels)
    alone = fit(rows, labels, ("asked",), against=("asked",))
    assert alone.probability(Signals(asked=1.0)) == pytest.approx(share, abs=0.01)


def test_alike_answers_teach_nothing() -> None:
    with pytest.raises(AssistantError, match="nothing can be weighed; ask more"):
        fit([Signals(asked=0.5)] * 3, [True] * 3, ANSWER)
    with pytest.raises(AssistantError, match="nothing can be weighed"):
        fit([], [], ANSWER)


def test_an_unknown_signal_counts_as_the_mean() -> None:
    weights = fit(*drawn(300, 3), ("asked",))
    mean = weights.probability(Signals(asked=weights.means[0]))
    assert weights.probability(Signals()) == pytest.approx(mean)


def test_quotes_that_stand_nowhere_and_names_of_code_count_by_rule() -> None:
    assert FLAT.probability(Signals(quoted=0.0)) == 0.5 < FLAT.probability(Signals(quoted=1.0)) < 0.8
    assert FLAT.probability(Signals(quoted=-1.0)) < 0.1
    assert FLAT.probability(Signals(symbols=-1.0)) < 0.2 < 0.8 < FLAT.probability(Signals(symbols=1.0))


def test_brier_and_calibration_error_by_hand() -> None:
    chances, labels = [0.9, 0.9, 0.1, 1.0], [True, False, False, True]
    assert brier(chances, labels) == pytest.approx((0.01 + 0.81 + 0.01 + 0.0) / 4)
    assert reliability(chances, labels) == [
        {"from": 0.1, "n": 1, "said": 0.1, "right": 0.0},
        {"from": 0.9, "n": 3, "said": 0.933, "right": 0.667},
    ]
    assert calibration_error(chances, labels) == pytest.approx((0.1 + 3 * 0.266) / 4, abs=1e-3)


@pytest.mark.parametrize(
    ("chance", "cited", "refused", "said"),
    [
        (0.95, True, False, SUPPORTED),
        (LIKELY, True, False, SUPPORTED),
        (0.5, True, False, WEAK),
        (0.05, True, False, WEAK),
        (0.95, False, False, WEAK),
        (0.05, False, False, ABSENT),
        (0.95, False, True, ABSENT),
    ],
)
def test_the_word_follows_from_probability_and_citation(chance: float, cited: bool, refused: bool, said: str) -> None:
    assert word(chance, cited=cited, refused=refused) == said
    assert word(chance, cited=cited, refused=refused, selected=True) == (WEAK if said == SUPPORTED else said)
