"""Marks of a real byte-level vocabulary: whatever tokens spell a quote, it is the document's."""

from __future__ import annotations

import random
from functools import cache

import pytest

from assistant.quote_marks import quote_marks
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.suffixes import SuffixIndex
from tests.fakes import CONTRACT, CONTROL, control_ids, fast_tokenizer


@cache
def texts() -> tuple[str, ...]:
    """What each token of the tests' tokenizer spells; control tokens spell nothing."""
    tokenizer = fast_tokenizer()
    return tuple("" if i in control_ids() else str(tokenizer.decode([i])) for i in range(len(tokenizer)))


@cache
def marks() -> QuoteMarks:
    stop = int(fast_tokenizer().convert_tokens_to_ids(CONTROL[1]))
    return quote_marks(texts(), frozenset({stop}))


def constraint() -> QuoteConstraint:
    ids = fast_tokenizer()(CONTRACT, add_special_tokens=False)["input_ids"]
    return QuoteConstraint([QuoteSource(SuffixIndex(ids), marks(), 3)], marks(), len(texts()))


def say(rule: QuoteConstraint, text: str) -> None:
    for token_id in fast_tokenizer()(text, add_special_tokens=False)["input_ids"]:
        rule.accept(token_id)


@pytest.mark.parametrize("seed", range(12))
def test_lines_that_begin_with_a_mark_stand_in_the_document(seed: int) -> None:
    chance, rule, said = random.Random(seed), constraint(), ""
    likely = [i for i, text in enumerate(texts()) if ">" in text or "\n" in text or text == " "]
    for _ in range(150):
        mask = rule.allowed()
        choices = list(range(len(texts()))) if mask is None else mask.nonzero()[:, 0].tolist()
        wanted = [i for i in likely if i in set(choices)]
        token_id = chance.choice(wanted if wanted and chance.random() < 0.4 else choices)
        if token_id in control_ids():
            continue
        rule.accept(token_id)
        said += texts()[token_id]
    lines = said.split("\n")[:-1]
    quoted = [line.lstrip(" \t")[1:].strip(" ") for line in lines if line.lstrip(" \t").startswith(">")]
    assert all(words in CONTRACT for words in quoted)
    assert quoted


def test_the_documents_sentence_can_be_quoted_whole_and_from_its_middle() -> None:
    for text in (
        "So it is:\n> Either party may terminate this Agreement upon ninety (90) days' prior written notice.\n\nYes.",
        "> Late sums bear interest\n",
        "> may terminate this Agreement\n> The Client pays Acme Robotics Inc.\n",
    ):
        say(constraint(), text)


def test_an_invented_sentence_cannot() -> None:
    for text in ("> Either party may terminate this Agreement at will", "Well:\n > The Client pays nothing\n"):
        with pytest.raises(Exception, match="do not stand in the document"):
            say(constraint(), text)


def test_each_spelling_is_sorted() -> None:
    vocabulary = [">", " >", "> ", ">>", "\n>", "\n", "\n\n", ".\n", " ", "\t", "a", " a", "\r\n", "", "=>"]
    found = quote_marks([*vocabulary, "    >"], frozenset({13}))
    assert found.openings == ((0,), (1,), (2,), (0, 8), (1, 8), (2, 8))
    assert found.line_ends == {5, 6, 7, 12}
    assert found.newlines == {4, 5, 6, 7, 12}
    assert found.closings == {5, 6}
    assert found.blanks == {8, 9}
    assert found.refused == {4}
    assert found.refused_first == {3, 15}
    assert found.variants[10] == (11,)
    assert found.variants[11] == (10,)
    assert 13 not in found.variants


def test_a_vocabulary_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="opening"):
        quote_marks(["a", "\n"], frozenset({0}))
