"""When two answers count as the same, and how near two others are."""

from __future__ import annotations

import pytest

from assistant.agreement import overlap, same, shared_evidence
from storage import CitationRecord


def cited(*spans: tuple[int, int]) -> list[CitationRecord]:
    return [
        CitationRecord(number, "f", None, None, 1, "", "q", start, end, True, "quote", 1.0)
        for number, (start, end) in enumerate(spans, 1)
    ]


def test_marks_case_and_spaces_do_not_count_and_words_do() -> None:
    assert same("The Fee is $120,000.", "the fee  is\n> $120,000") and same("", " … ")
    assert not same("five years", "four years") and not same("not stated", "stated")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d", "a b c d", 1.0),
        ("a b", "c d", 0.0),
        ("a a b", "a b b", 2 / 3),
        ("a b c", "a", 0.5),
        ("", "", 1.0),
        ("a", "", 0.0),
    ],
)
def test_overlap_is_f1_of_words(one: str, other: str, expected: float) -> None:
    assert overlap(one, other) == pytest.approx(expected) == overlap(other, one)


def test_evidence_is_the_share_of_cited_characters_that_is_cited_again() -> None:
    assert shared_evidence(cited((0, 10), (5, 20)), cited((10, 40))) == 0.5
    assert shared_evidence(cited((0, 10)), cited((0, 4), (8, 12))) == pytest.approx(0.6)
    assert shared_evidence(cited((0, 10)), []) == 0.0
    assert shared_evidence([], cited((0, 10))) is None
