"""Measures of likeness and of evidence against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from sparse_backend.eval.case import EvalError, Place
from sparse_backend.eval.evidence import Look, calibrate, in_first, passage_of, precision, strongest
from sparse_backend.eval.faithfulness import agreement, distance


def test_distance_of_two_distributions_by_hand() -> None:
    exact = torch.tensor([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0]]).log()
    sparse = torch.tensor([[0.25, 0.5, 0.25], [0.1, 0.9, 0.0]]).log()
    found = distance(exact, sparse)
    first = 0.5 * math.log(0.5 / 0.25)
    second = 0.9 * math.log(9) + 0.1 * math.log(1 / 9)
    assert found.kl == pytest.approx((first + second) / 2)
    assert found.kl_max == pytest.approx(second)
    assert found.delta_p == pytest.approx(0.8)
    assert found.top1 == 0.0  # of equals the first counts: 0 and 1; then 0 and 1


def test_a_distribution_is_no_distance_from_itself() -> None:
    rows = torch.randn(4, 11, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    found = distance(rows, rows)
    assert (found.kl, found.kl_max, found.delta_p, found.top1) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("exact", "sparse", "share"),
    [
        ([1, 2], [1, 2], 1.0),
        ([1, 2, 3, 4], [1, 2, 9], 0.5),
        ([1], [2], 0.0),
        ([], [], 1.0),
        ([1, 2], [1, 2, 3, 4], 0.5),
    ],
)
def test_agreement_is_the_common_beginning(exact: list[int], sparse: list[int], share: float) -> None:
    assert agreement(exact, sparse) == share


def look(target: int, seed: int) -> Look:
    """4 layers of 3 heads over 6 passages: noise, but head 1 of layer 2 looks at the proof, head 0 at passage 5."""
    mass = torch.rand(4, 3, 6, generator=torch.Generator().manual_seed(seed)) * 0.1
    mass[2, 1, target] = 1.0
    mass[3, 0, 5] = 5.0
    return Look(mass, target)


def test_the_head_that_looks_at_the_proof_is_found_and_one_that_looks_elsewhere_is_not() -> None:
    learned = [look(seed % 5, seed) for seed in range(10)]
    tested = [look(seed % 5, seed + 100) for seed in range(10)]
    heads = calibrate(learned)
    assert heads == [(2, 1)]
    assert precision(tested, heads) == 1.0
    assert precision(tested, [(3, 0)]) == 0.0
    assert strongest(tested) == 0.0  # the loud head drowns it
    assert in_first(tested, [(3, 0)], 1) == 0.0 and in_first(tested, [(3, 0)], 6) == 1.0
    assert in_first(tested, [(2, 1), (3, 0)], 2) == 1.0


def test_nothing_to_calibrate_on_is_refused() -> None:
    with pytest.raises(EvalError, match="no facts in one place"):
        calibrate([])
    assert precision([], [(0, 0)]) == 0.0


def test_a_proof_belongs_to_the_passage_that_holds_most_of_it() -> None:
    places = [Place(0, 10), Place(12, 30), Place(32, 40)]
    assert passage_of(places, Place(8, 20)) == 1
    assert passage_of(places, Place(0, 3)) == 0
    assert passage_of(places, Place(33, 60)) == 2
