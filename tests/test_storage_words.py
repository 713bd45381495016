"""The words of the full-text index, and how a search is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import StorageError
from storage.words import LONGEST, Term, quote_around, terms_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Order no. 1,234 (paid)", ["order", "no", "1", "234", "paid"]),
        ("Café STRASSE straße", ["cafe", "strasse", "strasse"]),
        ("snake_case foo-bar a@b.c", ["snake", "case", "foo", "bar", "a", "b", "c"]),
        ("請求書 and カード", ["請", "求", "書", "and", "カ", "ー", "ド"]),
        ("हिन्दी", ["हिन्दी"]),
        ("ﬁne ½", ["fine", "1", "2"]),
        ("'; DROP TABLE \" -- \\", ["drop", "table"]),
        ("👍 … \n\t", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_long_word_is_cut_and_not_left_out() -> None:
    assert words_of("x" * (2 * LONGEST + 1)) == ["x" * LONGEST, "x" * LONGEST, "x"]


@given(st.text())
def test_words_hold_nothing_that_could_break_out_of_quotes(text: str) -> None:
    for word in words_of(text):
        assert 0 < len(word) <= LONGEST
        assert not set(word) & set("'\"\\ =*&|!():<>\0")


@given(st.text())
def test_words_of_words_are_the_same_words(text: str) -> None:
    words = words_of(text)
    assert words_of(" ".join(words)) == words


def test_terms() -> None:
    assert terms_of('refund "late fee" inv*') == [Term(("refund",)), Term(("late", "fee")), Term(("inv",), prefix=True)]
    assert terms_of("foo-bar") == [Term(("foo", "bar"))]
    assert terms_of('an "open phrase') == [Term(("an",)), Term(("open",)), Term(("phrase",))]


@pytest.mark.parametrize("query", ["", "  ", '""', "*", "… !"])
def test_a_search_without_words_is_refused(query: str) -> None:
    with pytest.raises(StorageError, match="nothing to search for"):
        terms_of(query)


def test_the_quote_stands_around_the_first_found_word() -> None:
    text = "word " * 100 + "the Réfund\nwas late " + "word " * 100
    quote = quote_around(text, terms_of("refund"), reach=20)
    assert quote == "… word word word the Réfund was late word …"
    assert quote_around("refunding", terms_of("ref*")) == "refunding"
