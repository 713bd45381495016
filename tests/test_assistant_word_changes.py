"""Changed words: nothing of either text is lost, figures stay whole, long texts too."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import word_changes as module
from assistant.word_changes import Piece, equal_share, word_changes

TEXTS = st.lists(st.sampled_from(["fee", "is", "$1,000.50", "due.", "not", "(a)", "party", ";"]), max_size=30).map(
    " ".join
)


def without(pieces: tuple[Piece, ...], kind: str) -> str:
    return "".join("".join(each.text for each in pieces if each.kind != kind).split())


def test_a_changed_figure_is_changed_as_a_whole() -> None:
    pieces = word_changes("The fee is $1,000.50 a year.", "The fee is $1,200.50 a year.")
    assert [(each.kind, each.text.strip()) for each in pieces] == [
        ("same", "The fee is $"),
        ("gone", "1,000.50"),
        ("new", "1,200.50"),
        ("same", "a year."),
    ]


@settings(max_examples=80, deadline=None)
@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_out_of_the_pieces(old: str, new: str) -> None:
    pieces = word_changes(old, new)
    assert without(pieces, "new") == "".join(old.split())
    assert without(pieces, "gone") == "".join(new.split())
    assert 0 <= equal_share(pieces) <= 1
    assert equal_share(word_changes(old, old)) == 1


def test_long_texts_are_compared_by_sentences_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 100)
    old = "First one here. The fee is one dollar. The last one."
    pieces = word_changes(old, old.replace("one dollar", "two dollars"))
    assert without(pieces, "gone") == "".join(old.replace("one dollar", "two dollars").split())
    assert [each.text.strip() for each in pieces if each.kind == "new"] == ["two dollars"]


def test_half_of_the_words() -> None:
    assert equal_share(word_changes("a b", "a c")) == pytest.approx(0.5)
