"""Drafts by lookup: the longest match wins, at its latest place; rates decide how many tokens are drafted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_backend.lookup import LONGEST, SHORTEST, AcceptanceRate, Drafter
from sparse_backend.suffixes import SuffixIndex


def drafter(*documents: list[int], tail: list[int], row_cost: float = 1e-6, most: int = 16) -> Drafter:
    """One that drafts as much as it may."""
    made = Drafter([SuffixIndex(ids) for ids in documents], row_cost=row_cost, most=most)
    made.extend(tail)
    return made


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=40), st.lists(st.integers(3, 5) | st.integers(0, 2), max_size=14))
def test_a_draft_follows_the_latest_longest_match_in_the_document(ids: list[int], tail: list[int]) -> None:
    tail = [*range(100, 100 + len(tail)), *tail]  # no run of the tail stands in it twice
    if any(tail[i : i + 2] == tail[j : j + 2] for i in range(len(tail) - 1) for j in range(i)):
        return
    expected: tuple[int, ...] = ()
    for n in range(min(LONGEST, len(tail)), SHORTEST - 1, -1):
        places = [at + n for at in range(len(ids) - n) if ids[at : at + n] == tail[-n:]]
        if places:
            expected = tuple(ids[places[-1] : places[-1] + 5])
            break
    assert drafter(ids, tail=tail).draft(5) == expected


def test_of_equally_long_matches_in_a_document_the_latest_wins() -> None:
    assert drafter([1, 2, 50, 1, 2, 51, 7, 1, 2, 40, 9], tail=[1, 2]).draft(1) == (40,)
    assert drafter([1, 2, 40, 1, 2, 51, 7, 1, 2, 50, 1, 2], tail=[1, 2]).draft(1) == (50,)


def test_the_longest_match_wins_over_segments_and_the_tail() -> None:
    first, second = [1, 2, 3, 4, 50, 51], [9, 3, 4, 60, 61]
    assert drafter(first, second, tail=[2, 3, 4]).draft(2) == (50, 51)
    assert drafter(first, second, tail=[3, 4]).draft(2) == (60, 61)  # equally long: the later segment
    assert drafter(first, second, tail=[3, 4, 70, 71, 3, 4]).draft(2) == (70, 71)  # equally long: the tail
    assert drafter(first, second, tail=[3, 4, 70, 71, 2, 3, 4]).draft(2) == (50, 51)
    assert drafter(first, second, tail=[3, 5]).draft(2) == ()
    assert drafter(tail=[]).draft(2) == ()


def test_the_tail_grows_step_by_step() -> None:
    made = drafter(tail=[])
    for token_id in [5, 6, 7, 8, 5, 6]:
        made.extend([token_id])
    assert made.draft(3) == (7, 8, 5)
    made.extend([7, 9, 5, 6])
    assert made.draft(2) == (7, 9)  # the latest place
    made.extend([7, 8])
    assert made.draft(2) == (5, 6)  # [5, 6, 7, 8] agrees in more tokens than anything later


def test_a_match_at_the_very_end_of_a_document_has_nothing_to_draft() -> None:
    assert drafter([1, 2, 3], tail=[2, 3]).draft(4) == ()
    assert drafter([2, 3, 7, 1, 2, 3], tail=[1, 2, 3]).draft(4) == (7, 1, 2, 3)  # a shorter one has


def test_good_drafts_grow_and_bad_ones_stop_but_are_tried_again() -> None:
    ids = [1, 2, *range(10, 60)]
    made = drafter(ids, tail=[1, 2], row_cost=0.1)
    first = len(made.draft(99))
    for _ in range(20):
        made.learn(len(made.draft(99)), len(made.draft(99)))
    assert first < len(made.draft(99)) == 16
    lengths = []
    for _ in range(60):
        lengths.append(len(made.draft(99)))
        made.learn(lengths[-1], 0)
    assert 0 in lengths
    assert 0 < sum(map(bool, lengths[-20:])) < 20
    assert made.draft(0) == ()


def test_a_rate_pays_while_the_next_token_saves_more_than_its_row() -> None:
    rate = AcceptanceRate(right=7, checked=8)  # (7 + 1) / (8 + 2)
    assert rate.value == pytest.approx(0.8)
    assert [rate.worth(cost, 100) for cost in (0.9, 0.7, 0.5, 0.1)] == [0, 1, 3, 10]
    assert rate.worth(0.1, 4) == 4


@pytest.mark.parametrize("wrong", [{"row_cost": 0.0}, {"row_cost": 1.0}, {"most": 0}], ids=str)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="row_cost"):
        Drafter([], **wrong)  # type: ignore[arg-type]
