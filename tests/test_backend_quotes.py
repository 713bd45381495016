"""Quotes: the allowed tokens against a brute-force scan of the documents, and what can be said as text."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_backend.config import ConstraintError
from sparse_backend.constrain import permits, viable
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.suffixes import SuffixIndex

# A vocabulary small enough that everything happens: words with and without their space, line breaks, quote marks.
TEXTS = ["a", " a", "b", " b", ".", "\n", ".\n", "\n\n", ">", " ", "> ", "\n>", ">>", "  ", " >", "\n a", "<end>"]
VOCAB = len(TEXTS) + 2  # logits are often longer than the tokenizer
ID = {text: token_id for token_id, text in enumerate(TEXTS)}
END = ID["<end>"]


def marks() -> QuoteMarks:
    """What somebody who holds the tokenizer says of these texts."""

    def ids(*texts: str) -> frozenset[int]:
        return frozenset(ID[text] for text in texts)

    return QuoteMarks(
        openings=((ID[">"],), (ID["> "],), (ID[" >"],), (ID[">"], ID[" "])),
        line_ends=ids("\n", ".\n", "\n\n"),
        newlines=ids("\n", ".\n", "\n\n", "\n>", "\n a"),
        closings=ids("\n", "\n\n"),
        stops=frozenset({END}),
        blanks=ids(" ", "  "),
        refused=ids("\n>"),
        refused_first=ids(">>"),
        variants={ID[" a"]: (ID["a"],), ID["a"]: (ID[" a"],), ID[" b"]: (ID["b"],), ID["b"]: (ID[" b"],)},
    )


def spell(*texts: str) -> list[int]:
    return [ID[text] for text in texts]


def constraint(*documents: Sequence[int], shortest: int = 2) -> QuoteConstraint:
    sources = [QuoteSource(SuffixIndex(ids), marks(), shortest) for ids in documents]
    return QuoteConstraint(sources, marks(), VOCAB)


def allowed(rule: QuoteConstraint) -> set[int]:
    mask = rule.allowed()
    return set(range(VOCAB)) if mask is None else set(mask.nonzero()[:, 0].tolist())


def taken(rule: QuoteConstraint, token_ids: Sequence[int]) -> QuoteConstraint:
    for token_id in token_ids:
        rule.accept(token_id)
    return rule


def oracle(documents: Sequence[Sequence[int]], said: Sequence[int], shortest: int) -> set[int]:
    """What may follow the tokens `said` inside one quote, opened by the single token “> ”: every place, tried."""
    names, found = marks(), set[int]()
    for ids in documents:
        for at in range(len(ids)):
            line = next((i for i in range(at, len(ids)) if ids[i] in names.newlines | names.stops), len(ids))
            if line - at < shortest:
                continue
            firsts = {ids[at], *names.variants.get(ids[at], ())}
            if not said:
                found |= firsts
                continue
            run = list(ids[at : at + len(said)])
            if said[0] in firsts and list(said[1:]) == run[1:]:
                found |= set(ids[at + len(said) : at + len(said) + 1])
                if len(said) >= shortest:
                    found |= names.closings | names.stops
    return found


documents = st.lists(st.lists(st.sampled_from(range(8)), max_size=25), min_size=1, max_size=3)


@settings(max_examples=100, deadline=None)
@given(documents, st.integers(1, 4), st.randoms(use_true_random=False))
def test_exactly_the_runs_of_the_documents_are_allowed(
    texts: list[list[int]], shortest: int, chance: random.Random
) -> None:
    rule = constraint(*texts, shortest=shortest)
    if not oracle(texts, [], shortest):
        assert not permits(rule, ID["> "])
        return
    rule.accept(ID["> "])
    said: list[int] = []
    while rule.quoting:
        expected = oracle(texts, said, shortest)
        assert allowed(rule) == expected != set()
        for token_id in range(VOCAB):
            if token_id not in expected:
                with pytest.raises(ConstraintError):
                    rule.accept(token_id)
        said.append(chance.choice(sorted(expected)))
        rule.accept(said[-1])


@settings(max_examples=100, deadline=None)
@given(documents, st.integers(1, 3), st.randoms(use_true_random=False))
def test_no_text_that_can_be_said_holds_an_invented_quote(
    texts: list[list[int]], shortest: int, chance: random.Random
) -> None:
    """A walk over allowed tokens, quote marks preferred; its text is then read as Markdown would be."""
    rule, said = constraint(*texts, shortest=shortest), list[int]()
    for _ in range(60):
        choices = sorted(allowed(rule) - {VOCAB - 1, VOCAB - 2})
        if not choices:
            break
        likely = [token_id for token_id in choices if TEXTS[token_id] in (">", "> ", " >", "\n", "\n>", ">>", " ")]
        said.append(chance.choice(likely if likely and chance.random() < 0.5 else choices))
        rule.accept(said[-1])
    originals = ["".join(TEXTS[token_id] for token_id in ids) for ids in texts]
    lines = "".join(TEXTS[token_id] for token_id in said).replace("<end>", "").split("\n")
    for line in lines[:-1] if rule.quoting else lines:
        if line.lstrip(" ").startswith(">"):
            words = line.lstrip(" ")[1:].strip(" ")  # spaces at the ends are the marks' and the first word's
            assert any(words in original for original in originals), (line, originals)


DOCUMENT = spell("a", " b", " a", ".", "\n", "b", " b", " a", " b", ".\n", "a", "\n")


def test_outside_quotes_everything_but_hidden_marks_is_free() -> None:
    rule = constraint(DOCUMENT)
    assert allowed(rule) == set(range(VOCAB)) - {ID["\n>"], ID[">>"]}
    taken(rule, spell("b"))
    assert allowed(rule) == set(range(VOCAB)) - {ID["\n>"]}
    taken(rule, spell(">>", ">", "a", "  ", ">"))  # quote marks inside a line are letters like others
    assert not rule.quoting
    taken(rule, spell(".\n", "  ", ">"))
    assert rule.quoting


def test_an_opening_that_starts_another_leaves_both_open() -> None:
    rule = taken(constraint(DOCUMENT), spell(">"))
    assert ID[" "] in allowed(rule)
    assert ID["b"] in allowed(taken(rule.fork(), spell(" ")))
    assert allowed(taken(rule.fork(), spell(" b", " a"))) == set(spell(".", " b", "\n", "\n\n", "<end>"))


def test_a_quote_ends_by_a_line_break_or_the_answers_end_once_it_is_long_enough() -> None:
    rule = taken(constraint(DOCUMENT, shortest=3), spell("> ", "b", " b"))
    assert allowed(rule) == {ID[" a"]}
    taken(rule, spell(" a", " b"))
    assert allowed(rule) == set(spell(".\n", "\n", "\n\n", "<end>"))
    assert not taken(rule.fork(), spell(".\n")).quoting  # the document's own
    assert taken(rule.fork(), spell("\n", "> ")).quoting
    ended = taken(rule, spell("<end>"))
    assert ended.finished
    assert allowed(ended) == set()
    with pytest.raises(ConstraintError):
        ended.accept(ID["a"])


def test_a_short_line_cannot_trap_a_quote() -> None:
    rule = taken(constraint(DOCUMENT, shortest=3), spell("> "))
    assert allowed(rule) == set(spell("a", " a", "b", " b"))
    assert allowed(taken(rule, spell("a"))) == set(spell(" b"))  # not the last line, which is one word


def test_where_nothing_can_be_quoted_no_quote_opens() -> None:
    for rule in (constraint(), constraint([]), constraint(spell("a", "\n", "b"))):
        assert not {ID[">"], ID["> "], ID[" >"]} & allowed(rule)
        with pytest.raises(ConstraintError):
            rule.accept(ID["> "])
        taken(rule, spell("a", ">"))


def test_rollback_and_forks_leave_others_alone() -> None:
    rule = taken(constraint(DOCUMENT), spell("a", "\n", "> ", "b"))
    before = allowed(rule)
    fork = taken(rule.fork(), spell(" b", " a"))
    assert allowed(rule) == before
    fork.rollback(2)
    assert allowed(fork) == before
    fork.rollback(4)
    assert allowed(fork) == allowed(constraint(DOCUMENT))
    for n in (1, -1):
        with pytest.raises(ValueError, match="taken back"):
            fork.rollback(n)


def test_guesses_are_the_documents_own_next_words() -> None:
    rule = constraint(DOCUMENT)
    assert rule.guess(5) == ()
    assert taken(rule, spell("> ")).guess(5) == ()
    taken(rule, spell("b", " b"))
    assert rule.guess(9) == tuple(spell(" a", " b"))  # up to its line's end
    assert rule.guess(1) == tuple(spell(" a"))
    assert viable(rule, rule.guess(9)) == rule.guess(9)
    assert viable(rule, spell(" a", "b", " b")) == tuple(spell(" a"))


def test_a_mask_is_as_long_as_the_logits() -> None:
    mask = taken(constraint(DOCUMENT), spell("> ")).allowed()
    assert mask is not None
    assert mask.shape == (VOCAB,)
    assert mask.dtype == torch.bool


def test_ids_beyond_the_vocabulary_are_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary of 19"):
        constraint([VOCAB])
    with pytest.raises(ValueError, match="vocabulary of 5"):
        QuoteConstraint([], marks(), 5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"openings": ()}, "opening"),
        ({"openings": ((),)}, "opening"),
        ({"newlines": frozenset({1})}, "newlines"),
        ({"openings": ((2, 5),)}, "line break"),
        ({"closings": frozenset(), "stops": frozenset()}, "never end"),
        ({"variants": {1: (5,)}}, "variants"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_contradicting_marks_are_refused(wrong: dict[str, object], says: str) -> None:
    good: dict[str, object] = {
        "openings": ((2,),),
        "line_ends": frozenset({5}),
        "newlines": frozenset({5}),
        "closings": frozenset({5}),
        "stops": frozenset({6}),
    }
    QuoteMarks(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=says):
        QuoteMarks(**{**good, **wrong})  # type: ignore[arg-type]


def test_a_quote_needs_at_least_one_token() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        QuoteSource(SuffixIndex([1]), marks(), 0)
