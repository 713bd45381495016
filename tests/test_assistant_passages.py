"""Sentences with offsets, and literal search that forgives the look of a quote but not its words."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.passages import LONGEST, LiteralIndex, passage_at, passages
from ingest import Document
from tests.fakes import document, lines


def sentences(source: Document) -> list[str]:
    return [" ".join(source.text[passage.start : passage.end].split()) for passage in passages(source)]


def test_sentences_end_where_a_reader_would_end_them() -> None:
    source = lines(
        "Acme Inc. owns lot No. 5 in the U.S. market. Mr. Smith sued: he won! Did he?\n\nA title\n\nThe end\n"
    )
    assert sentences(source) == [
        "Acme Inc. owns lot No. 5 in the U.S. market.",
        "Mr. Smith sued: he won!",
        "Did he?",
        "A title",
        "The end",
    ]


def test_figures_and_numbered_clauses_are_not_torn() -> None:
    assert sentences(lines("1.2. Interest is 1.5 percent of $5,000.50 a month. Done.\n")) == [
        "1.2. Interest is 1.5 percent of $5,000.50 a month.",
        "Done.",
    ]


def test_a_label_stays_with_its_figure_and_a_list_leaves_its_heading() -> None:
    assert sentences(lines("Price: $900.\nThese apply:\na; or\nb\n")) == ["Price: $900.", "These apply:", "a;", "or b"]


def test_no_passage_crosses_the_start_of_a_section() -> None:
    source = document("words that end without a stop\n2. Term\nThe term is long\n", titles=("2. Term",))
    assert sentences(source) == ["words that end without a stop", "2. Term The term is long"]


def test_a_very_long_sentence_is_cut_between_words() -> None:
    source = lines("word " * 500 + "end.\n")
    found = sentences(source)
    assert len(found) > 1 and all(len(passage) <= LONGEST for passage in found)
    assert set(" ".join(found).split()) == {"word", "end."}


def test_rules_of_dashes_are_no_passages() -> None:
    assert sentences(lines("_" * 1500 + "\n\n* * *\n\nwords\n")) == ["words"]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "Inc.", "b. ", "\n\n", " ", "No. 5", "U.S.", "x" * 700, "?", "1.", "é"]), max_size=30
    )
)
def test_passages_hold_every_word_once_in_order(parts: list[str]) -> None:
    source = lines("".join(parts) + ".\n")
    found = passages(source)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(0 < passage.end - passage.start <= LONGEST for passage in found)
    kept = "".join(source.text[passage.start : passage.end] for passage in found)
    assert [c for c in kept if c.isalnum()] == [c for c in source.text if c.isalnum()]
    for index, passage in enumerate(found):
        assert not source.text[passage.start].isspace() and not source.text[passage.end - 1].isspace()
        assert passage_at(found, passage.start) == passage_at(found, passage.end - 1) == index


def test_a_place_between_passages_belongs_to_none() -> None:
    source = lines("  One.   Two.\n")
    found = passages(source)
    assert [passage_at(found, offset) for offset in (0, 2, 7, 9, 99)] == [None, 0, None, 1, None]
    assert passage_at((), 0) is None


# -- literal search ------------------------------------------------------------------


def found(text: str, quote: str) -> list[str]:
    return [text[start:end] for start, end in LiteralIndex(text).find(quote)]


def test_only_whole_words_are_found() -> None:
    assert found("lawful outlaw law by-law laws", "law") == ["law", "law"]
    assert LiteralIndex("unlawful law\nful").find("law") == [(9, 12)]


def test_line_breaks_and_spaces_do_not_matter() -> None:
    text = "governed by the\n   laws of\u00a0Delaware"
    assert found(text, "the laws of Delaware") == ["the\n   laws of\u00a0Delaware"]
    assert found(text, "the  laws\tof\nDelaware") == ["the\n   laws of\u00a0Delaware"]


@pytest.mark.parametrize(
    ("text", "quote", "hits"),
    [
        ("interest of 1.5 percent", "5 percent", 0),
        ("a fee of $500,000 a year", "a fee of $500", 0),
        ("a fee of $500.50 a year", "a fee of $500", 0),
        ("a fee of $500, 10 days", "a fee of $500", 1),
        ("a fee of $500.\n10 days", "a fee of $500", 1),
        ("see 4. 5 percent", "5 percent", 1),
        ("a fee of $500,000 a year", "a fee of $500,000", 1),
    ],
)
def test_a_part_of_a_figure_is_another_figure(text: str, quote: str, hits: int) -> None:
    assert len(found(text, quote)) == hits


@pytest.mark.parametrize("quote", ["İstanbul law", "the straße", "ISTANBUL", "STRASSE", "Ελλάς"])
def test_letters_whose_small_form_is_longer_keep_the_places_right(quote: str) -> None:
    text = f"İİİ before ß. {quote} stands here. After İ."
    assert found(text, quote) == [quote]
    assert found(text, "stands HERE") == ["stands here"]


def test_every_place_is_found_also_overlapping_ones() -> None:
    assert LiteralIndex("no no no").find("no no") == [(0, 5), (3, 8)]


@pytest.mark.parametrize("quote", ["", " \n"])
def test_an_empty_quote_stands_nowhere(quote: str) -> None:
    assert LiteralIndex("some text").find(quote) == []


def test_nothing_is_found_in_nothing() -> None:
    assert LiteralIndex("").find("law") == []


def test_a_long_document_is_prepared_and_searched_quickly() -> None:
    text = "The quick brown fox signs the lease. " * 20_000
    start = time.perf_counter()
    index = LiteralIndex(text)
    assert len(index.find("signs the lease")) == 20_000
    assert len(passages(lines(text + "\n"))) == 20_000
    assert time.perf_counter() - start < 10
