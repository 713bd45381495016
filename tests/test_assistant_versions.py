"""Two versions of a contract: every clause once, and told apart what was added, removed, edited, moved, renumbered."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.versions import Clause, Pair, align, clauses, numbered
from tests.fakes import document

VOCABULARY = """party agreement notice term fee supply licence product territory royalty audit breach insurance delivery
price quality record payment invoice claim damage loss court law assign waive survive default cure order forecast"""
WORDS = VOCABULARY.split()


def body(seed: int, length: int = 40) -> str:
    """Words of a clause; other seeds give other clauses."""
    chosen = random.Random(seed)
    return " ".join(chosen.choices(WORDS, k=length)) + f" number {seed}."


def contract(names: Sequence[tuple[str, str]]) -> tuple[Clause, ...]:
    """Clauses numbered in order, as a drafter would: (title, text)."""
    return tuple(
        Clause(str(number), title, f"{number}. {title}", text, number * 1000, 1)
        for number, (title, text) in enumerate(names, 1)
    )


OLD = [(f"Clause of {name}", body(index)) for index, name in enumerate(WORDS[:12])]


def told(pairs: Sequence[Pair]) -> dict[str, tuple[str, ...]]:
    """What happened to each clause, by its title."""
    return {(pair.new or pair.old).title: pair.kinds for pair in pairs if pair.kinds}  # type: ignore[union-attr]


def test_the_same_contract_twice_has_no_changes() -> None:
    pairs = align(contract(OLD), contract(OLD))
    assert len(pairs) == len(OLD)
    assert told(pairs) == {}


def test_an_inserted_clause_renumbers_what_follows_and_nothing_else() -> None:
    new = [*OLD[:4], ("Brand new", "Entirely other words stand in this one."), *OLD[4:]]
    found = told(align(contract(OLD), contract(new)))
    assert found.pop("Brand new") == ("added",)
    assert found == {title: ("renumbered",) for title, _ in OLD[4:]}


def test_a_removed_clause_stands_where_it_stood() -> None:
    pairs = align(contract(OLD), contract([*OLD[:4], *OLD[5:]]))
    at = next(index for index, pair in enumerate(pairs) if pair.kinds == ("removed",))
    gone, before = pairs[at].old, pairs[at - 1].new
    assert gone is not None
    assert gone.title == OLD[4][0]
    assert before is not None
    assert before.title == OLD[3][0]


def test_an_edited_clause_is_known_by_its_title_or_by_its_words() -> None:
    new = list(OLD)
    new[2] = (OLD[2][0], OLD[2][1].replace("number 2", "number twenty-two"))
    new[7] = ("Another heading altogether", OLD[7][1])
    found = told(align(contract(OLD), contract(new)))
    assert found == {OLD[2][0]: ("edited",), "Another heading altogether": ("edited",)}


def test_a_moved_clause_has_moved_and_its_neighbours_have_not() -> None:
    new = [*OLD[:2], *OLD[3:9], OLD[2], *OLD[9:]]
    found = told(align(contract(OLD), contract(new)))
    assert found[OLD[2][0]] == ("moved", "renumbered")
    assert all(found[title] == ("renumbered",) for title, _ in OLD[3:9])
    assert not set(found) & {title for title, _ in OLD[9:]}


def test_two_clauses_with_one_title_keep_apart() -> None:
    old = [("Notices", body(1)), ("Notices", body(2)), ("Law", body(3))]
    new = [("Notices", body(1)), ("Notices", body(2) + " And more."), ("Law", body(3))]
    pairs = align(contract(old), contract(new))
    assert [pair.kinds for pair in pairs] == [(), ("edited",), ()]


def test_white_space_and_quotation_marks_are_no_change() -> None:
    old = contract([("Terms", "The “Fee” is due\nat once.")])
    assert told(align(old, contract([("Terms", 'The "Fee"  is due at once.')]))) == {}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_was_done_every_clause_stands_once_and_the_deeds_are_found(data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(12)), unique=True, min_size=6, max_size=12).map(sorted))
    edited = set(data.draw(st.lists(st.sampled_from(kept), unique=True, max_size=3)))
    added = data.draw(st.integers(0, 3))
    new = [(OLD[i][0], OLD[i][1] + (" As amended today." if i in edited else "")) for i in kept]
    for index in range(added):
        new.insert(data.draw(st.integers(0, len(new))), (f"Fresh {index}", f"Unheard {index} phrases only, {index}."))
    one, other = contract(OLD), contract(new)
    pairs = align(one, other)
    assert sorted(p.old.start for p in pairs if p.old) == [c.start for c in one]
    assert [p.new.start for p in pairs if p.new] == [c.start for c in other]
    kinds = [pair.kinds for pair in pairs]
    assert kinds.count(("added",)) == added
    assert kinds.count(("removed",)) == 12 - len(kept)
    assert sum("edited" in each for each in kinds) == len(edited)
    assert not any("moved" in each for each in kinds)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("15.1 Governing Law", ("15.1", "Governing Law")),
        ("Article IV. Termination", ("article iv", "Termination")),
        ("(a) Notices", ("a", "Notices")),
        ("Schedule 2: Prices", ("schedule 2", "Prices")),
        ("RECITALS", ("", "RECITALS")),
        ("Income Tax", ("", "Income Tax")),
        ("3.", ("3", "")),
    ],
)
def test_numbers_are_told_from_titles(title: str, expected: tuple[str, str]) -> None:
    assert numbered(title) == expected


def test_clauses_of_a_document_hold_all_its_words_once() -> None:
    source = document(
        "Cover words\n1. Term\nFive years.\n", "going on here.\n2. Fee\nOne dollar.\n", titles=("1. Term", "2. Fee")
    )
    found = clauses(source)
    assert [(each.number, each.title, each.text, each.page) for each in found] == [
        ("", "", "Cover words", 1),
        ("1", "Term", "Five years. going on here.", 1),
        ("2", "Fee", "One dollar.", 2),
    ]


def test_thousands_of_clauses_are_aligned() -> None:
    old = [(f"Item {index}", body(index, 12)) for index in range(1500)]
    new = [*old[:700], *[(f"Item {index}", body(index, 12) + " Changed.") for index in range(700, 760)], *old[760:]]
    assert sum("edited" in pair.kinds for pair in align(contract(old), contract(new))) == 60
