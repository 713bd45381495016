"""Requests: when an answer goes round in circles."""

from hypothesis import given
from hypothesis import strategies as st

from sparse_backend.requests import looping


@given(start=st.lists(st.integers(0, 9)), phrase=st.lists(st.integers(0, 9), min_size=1, max_size=48))
def test_a_phrase_said_over_and_over_is_a_loop(start: list[int], phrase: list[int]) -> None:
    times = max(4, -(-24 // len(phrase)))
    assert looping(start + phrase * times)
    assert not looping(phrase * times, longest=0)


@given(ids=st.lists(st.integers(0, 1), max_size=60))
def test_a_loop_is_what_its_docstring_says(ids: list[int]) -> None:
    def ends_in(period: int) -> bool:
        span = max(4 * period, 24)
        tail = ids[-span:]
        return len(tail) == span and all(a == b for a, b in zip(tail, tail[period:], strict=False))

    assert looping(ids) == any(ends_in(period) for period in range(1, 49))


def test_four_equal_words_are_not_yet_a_loop() -> None:
    assert not looping([5] + [7] * 23) and looping([7] * 24)
    assert not looping([1, 2, 3] * 7) and looping([1, 2, 3] * 8)
    assert not looping(list(range(30)) * 3) and looping(list(range(30)) * 4)
    assert not looping(list(range(49)) * 8)
