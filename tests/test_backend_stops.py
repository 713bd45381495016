"""Stop strings over tokens that cut text anywhere, even inside a character."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_backend.stops import StopStrings, TextStream


class Pieces:
    """A tokenizer made of the given byte strings: token i spells pieces[i]."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self.decoded = 0  # tokens decoded in all

    def __call__(self, token_ids: Sequence[int]) -> str:
        self.decoded += len(token_ids)
        return b"".join(self.pieces[token_id] for token_id in token_ids).decode("utf-8", "replace")


def cut(text: str, places: Sequence[int]) -> Pieces:
    """The text's bytes, cut at `places`; the answer's tokens are then 0, 1, 2, …"""
    data = text.encode()
    borders = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return Pieces([data[a:b] for a, b in pairwise(borders)])


def by_letter(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The definition: letter by letter, until some stop string ends there; the longest of those."""
    for end in range(1, len(text) + 1):
        ended = [stop for stop in stops if text[:end].endswith(stop)]
        if ended:
            stop = max(ended, key=len)
            return text[: end - len(stop)], stop
    return text, None


texts = st.text(alphabet="ab#€\n", max_size=30)


@settings(max_examples=150, deadline=None)
@given(texts, st.lists(st.text(alphabet="ab#€\n", min_size=1, max_size=4), max_size=3), st.lists(st.integers(0, 99)))
def test_token_borders_do_not_change_what_is_shown(text: str, stops: list[str], places: list[int]) -> None:
    pieces = cut(text, places)
    watch, shown = StopStrings(stops, pieces), ""
    wanted, stop = by_letter(text, stops)
    for token_id in range(len(pieces.pieces)):
        shown += watch.feed(token_id)
        assert wanted.startswith(shown)
        if watch.stopped_by:
            break
    shown += watch.finish()
    assert (shown, watch.stopped_by) == (wanted, stop)
    lengths = [len(pieces.pieces[token_id]) for token_id in range(len(pieces.pieces))]
    needed = next((n for n in range(len(lengths) + 1) if sum(lengths[:n]) >= len(wanted.encode())), 0)
    assert watch.tokens_shown == needed


def test_only_what_may_begin_a_stop_string_is_held_back() -> None:
    pieces = Pieces([b"Yes.", b"\nUs", b"er", b": hi", b"e it"])
    watch = StopStrings(["\nUser:"], pieces)
    assert [watch.feed(token_id) for token_id in (0, 1, 4)] == ["Yes.", "", "\nUse it"]
    assert [watch.feed(token_id) for token_id in (1, 2)] == ["", ""]
    assert watch.tokens_shown == 3
    assert watch.feed(3) == ""
    assert watch.stopped_by == "\nUser:"
    assert watch.finish() == ""
    with pytest.raises(ValueError, match="already stopped"):
        watch.feed(0)


def test_the_end_of_an_answer_releases_what_was_held() -> None:
    watch = StopStrings(["###"], Pieces([b"one #", b"#"]))
    assert [watch.feed(0), watch.feed(1), watch.finish()] == ["one ", "", "##"]
    assert watch.stopped_by is None
    assert watch.tokens_shown == 2


def test_the_stop_string_that_is_complete_first_wins() -> None:
    watch = StopStrings(["xabc", "ab"], Pieces([b"-xabc"]))
    assert watch.feed(0) == "-x"
    assert watch.stopped_by == "ab"


def test_a_character_is_shown_whole_or_at_the_end_as_broken() -> None:
    euro = "€".encode()
    stream = TextStream(Pieces([euro[:1], euro[1:], b"!"]))
    assert [stream.feed(token_id) for token_id in (0, 1, 2)] == ["", "€", "!"]
    early = TextStream(Pieces([b"5 " + euro[:1], euro[1:]]))
    assert [early.feed(0), early.feed(1)] == ["5 ", "€"]
    assert stream.feed(0) == ""
    assert stream.finish() == "\ufffd"
    assert stream.finish() == ""


def test_spaces_that_a_tokenizer_drops_at_the_start_of_a_text_are_kept_inside() -> None:
    def decode(token_ids: Sequence[int]) -> str:  # as SentencePiece does
        return "".join([" one", " two"][token_id] for token_id in token_ids).removeprefix(" ")

    stream = TextStream(decode)
    assert [stream.feed(token_id) for token_id in (0, 1, 1, 0)] == ["one", " two", " two", " one"]


def test_a_long_answer_costs_linear_time() -> None:
    pieces = Pieces([b"word "])
    stream = TextStream(pieces)
    for _ in range(1000):
        stream.feed(0)
    assert pieces.decoded < 10_000


@pytest.mark.parametrize("stops", [[""], ["x" * 257], ["a"] * 17], ids=["empty", "long", "many"])
def test_wrong_stop_strings_are_refused(stops: list[str]) -> None:
    with pytest.raises(ValueError, match="stop strings"):
        StopStrings(stops, lambda _ids: "")
