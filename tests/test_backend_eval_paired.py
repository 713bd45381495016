"""Paired comparison: ratios and counts by hand, standard errors that shrink with texts, silent suites named."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sparse_backend.eval import paired
from sparse_backend.eval.ledger import Row


def rows(setting: str, suite: str, scores: Sequence[Sequence[float]]) -> list[Row]:
    """`scores`: of the questions of each text."""
    return [
        {
            "setting": setting,
            "suite": suite,
            "tokens": 8192,
            "asked_depth": 0.5,
            "sample": sample,
            "question": number + 1,
            "score": score,
        }
        for sample, text in enumerate(scores)
        for number, score in enumerate(text)
    ]


def test_ratios_count_every_suite_alike() -> None:
    given = rows("dense", "a", [[1.0, 1.0]]) + rows("dense", "b", [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    given += rows("s", "a", [[1.0, 0.0]]) + rows("s", "b", [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    (one,) = paired.compare(given)
    assert one.ratio == pytest.approx((1 / 2 + 4 / 6) / (1 + 4 / 6))
    assert (one.better, one.worse, one.n, one.worst) == (1, 2, 8, "a")
    assert one.worst_ratio == 0.5 and one.silent == () and one.told == one.ratio


def test_suites_where_dense_fails_are_named_and_left_out_beside() -> None:
    given = rows("dense", "a", [[1.0]]) + rows("dense", "b", [[0.0]])
    given += rows("s", "a", [[0.5]]) + rows("s", "b", [[1.0]])
    (one,) = paired.compare(given)
    assert one.silent == ("b",) and one.told == 0.5 and one.ratio == 1.5 and one.worst == "a"
    assert "b" in paired.table(given) and "50.0%" in paired.table(given)


def test_equal_answers_have_no_error_and_more_texts_a_smaller_one() -> None:
    same = rows("dense", "a", [[1.0], [0.0], [1.0]])
    (one,) = paired.compare(same + [row | {"setting": "s"} for row in same])
    assert one.ratio == 1.0 and one.error == 0.0  # the texts differ, the pairs do not
    errors = []
    for texts in (8, 80):
        given = rows("dense", "a", [[1.0]] * texts) + rows("s", "a", [[float(i % 2)] for i in range(texts)])
        errors.append(paired.compare(given)[0].error)
    assert errors[1] == pytest.approx(errors[0] / 10**0.5, rel=0.1)
    assert errors[0] == pytest.approx((0.25 / 8) ** 0.5, rel=0.1)


def test_only_questions_that_both_were_asked_count() -> None:
    given = rows("dense", "a", [[1.0], [1.0]]) + rows("s", "a", [[1.0], [1.0], [0.0]])
    (one,) = paired.compare(given)
    assert one.n == 2 and one.ratio == 1.0
    assert paired.compare(rows("s", "a", [[1.0]])) == [] and paired.table(rows("s", "a", [[1.0]])) == ""
    assert paired.section(given).startswith("\n## Question by question")
