"""Block quotes of an answer that grows: nothing that was shown is ever taken back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.quoting import settled, without_headers

PIECES = st.lists(st.sampled_from([">", "> ", "word", " ", "\n", "(", ")", "(1. Fee)\n", "> the fee\n"]), max_size=14)


@given(PIECES)
def test_what_is_shown_of_a_growing_answer_starts_the_finished_one(pieces: list[str]) -> None:
    whole = "".join(pieces)
    finished = without_headers(whole.strip())
    shown = ""
    for end in range(len(whole) + 1):
        grown = settled(whole[:end]).strip()
        assert grown.startswith(shown)
        shown = grown
    assert finished.startswith(shown)


def test_a_quote_is_shown_once_its_line_is_complete_and_without_its_header() -> None:
    assert settled("It says:\n> The fee is") == "It says:"
    assert settled("It says:\n> The fee is due.\n(3. F") == "It says:\n> The fee is due."
    assert settled("It says:\n> The fee is due.\n(3. Fee)\nSo pay") == "It says:\n> The fee is due.\nSo pay"
