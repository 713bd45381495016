"""Exhaustive answers: certain questions are recognised, everything of a kind is found, and answers are held to it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from assistant.exhaustive import ADDED, MAX_LISTED, NAMED, Exhausted, Exhaustive
from assistant.hits import value_of
from assistant.wanted import Wanted, wanted
from ingest import Document, load
from tests.ingest_contract_cases import read_text

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PARTS = {"Fee": 3, "Term": 5, "Goods": 2, "Site": 4, "Price List": 1, "Buyer": 6, "Works": 2}


def agreement(random: Random) -> tuple[str, dict[str, set[str]]]:
    """A contract with known definitions, dates, amounts, percentages and references."""
    terms = random.sample(sorted(PARTS), 5)
    dates = [f"{random.randint(1, 28)} March {year}" for year in random.sample(range(2001, 2040), 4)]
    amounts = [f"${value:,}" for value in random.sample(range(1_000, 90_000), 5)]
    shares = [f"{value}%" for value in random.sample(range(2, 60), 3)]
    rows = ["SUPPLY AGREEMENT\n", "1. Definitions.\n"]
    rows += [f"“{term}” means the {term.lower()} that the parties have agreed.\n" for term in terms]
    rows += ["2. Payment.\n", *(f"A sum of {amount} is due on request.\n" for amount in amounts)]
    rows += ["3. Days.\n", *(f"Delivery is planned for {date}, as Section 2 says.\n" for date in dates)]
    rows += ["4. Rates.\n", *(f"Interest of {share} is owed under Section 2 and Section 3.\n" for share in shares)]
    known = {"definitions": set(terms), "dates": set(dates), "amounts": set(amounts), "percentages": set(shares)}
    return "".join(rows), known


def listed(source: Document, question: str, answer: str = "", *, refused: bool = False) -> Exhausted | None:
    return Exhaustive(source).check(question, answer, [], refused=refused)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("List all defined terms.", Wanted("definitions")),
        ("How many defined terms are there in this agreement?", Wanted("definitions", count=True)),
        ("What are all the dates mentioned in this contract?", Wanted("dates")),
        ("Which percentages does this agreement mention?", Wanted("percentages")),
        ("Who are the parties to this agreement?", Wanted("parties")),
        ("Which sections refer to Section 5.2?", Wanted("references", "Section 5.2")),
        ("How many references are there to Exhibit A?", Wanted("references", "Exhibit A", count=True)),
        ("Where is “Net Sales” mentioned?", Wanted("words", "Net Sales")),
        ('How many times is "Net Sales" mentioned?', Wanted("words", "Net Sales", count=True)),
        ("List all methods of the class Engine.", Wanted("methods", "Engine")),
        ("Which functions are defined in cart.py?", Wanted("functions", "cart.py")),
        ("Which files import cart.py?", Wanted("importers", "cart.py")),
        ("List all callers of `load`", Wanted("callers", "load")),
        ("List all promises made to the customer", Wanted("promises")),
    ],
)
def test_a_question_for_everything_of_one_kind_is_recognised(question: str, found: Wanted) -> None:
    assert wanted(question) == found


@pytest.mark.parametrize(
    "question",
    [
        "What law governs this agreement?",
        "List all payments that are overdue.",
        "How many days does the customer have to pay?",
        "Which parties may terminate?",
        "What are the dates on which interest is owed?",
        "List all obligations of the Supplier.",
        "How many amounts are larger than $500?",
        "Which dates?",
        "What are the parties' duties?",
        "List all sections that deal with payment.",
        "Which sections refer to payment?",
        "How many functions call load and save?",
        "x" * 300,
        "",
    ],
)
def test_any_other_question_is_left_alone(question: str) -> None:
    assert wanted(question) is None


@pytest.mark.parametrize("seed", range(6))
def test_everything_of_a_generated_contract_is_found(seed: int) -> None:
    text, known = agreement(Random(seed))
    source = read_text(text)
    for noun, question in (
        ("definitions", "List all defined terms."),
        ("dates", "List all dates."),
        ("amounts", "List all amounts."),
        ("percentages", "Which percentages are there in this contract?"),
    ):
        found = listed(source, question)
        assert found is not None and found.found == len(found.items) == len(known[noun])
        assert {item.name for item in found.items} == known[noun]
        assert all(item.name in source.text[item.start : item.end] for item in found.items)
    referring = listed(source, "Which sections refer to Section 2?")
    assert referring is not None and referring.found == 7 and referring.label == "references to Section 2"


def test_what_the_answer_names_is_marked_and_the_rest_is_added() -> None:
    text, known = agreement(Random(0))
    one, *others = sorted(known["amounts"])
    found = listed(read_text(text), "List all amounts of money.", f"The sums are {one.replace(',', '')} and no other.")
    assert found is not None and [item.name for item in found.items if item.named] == [one]
    assert {place.kind for place in found.places} == {NAMED, ADDED} and found.named == 1
    assert found.sentence.startswith("5 of 5 different amounts, found by structure over the whole text (1 of")
    assert all(each in found.sentence for each in others)


@pytest.mark.parametrize(
    ("answer", "disputed"),
    [
        ("There are 5.", False),
        ("Five", False),
        ("There are seven.", True),
        ("Several.", False),
        ("Several m² and ²", False),
    ],
)
def test_a_wrong_number_is_disputed(answer: str, disputed: bool) -> None:
    found = listed(read_text(agreement(Random(1))[0]), "How many amounts are there in this contract?", answer)
    assert found is not None and found.disputed is disputed


def test_a_refusal_is_disputed_where_there_is_something() -> None:
    source = read_text(agreement(Random(1))[0])
    found = listed(source, "List all dates.", "Not stated in this document.", refused=True)
    assert found is not None and found.disputed
    assert listed(source, "List all e-mail addresses.", "Not stated in this document.", refused=True) is None


def test_one_value_written_in_many_ways_is_one() -> None:
    assert value_of("dates", "June 12, 2019") == value_of("dates", "12th day of June 2019") == "2019-06-12"
    assert value_of("amounts", "$1,000.00") == value_of("amounts", "1000 dollars") != value_of("amounts", "1000 euros")
    assert value_of("percentages", "5 %") == value_of("percentages", "5 percent")
    found = listed(read_text("It is due on June 12, 2019. That is 12 June 2019, not 2019-06-13.\n"), "List all dates.")
    assert found is not None and [(item.name, item.times) for item in found.items] == [
        ("June 12, 2019", 2),
        ("2019-06-13", 1),
    ]


def test_very_many_are_counted_and_the_first_are_cited() -> None:
    text = "\n".join(f"Share number {index} is {index}.5% of it." for index in range(MAX_LISTED + 30))
    found = listed(read_text(text), "List all percentages.")
    assert found is not None and (found.found, len(found.items)) == (MAX_LISTED + 30, MAX_LISTED)
    assert found.sentence.startswith(f"{MAX_LISTED} of {MAX_LISTED + 30} different percentages")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("tree")
    (folder / "cart.py").write_text(
        "class Cart:\n    def add(self, item):\n        return item\n\n    def total(self):\n        return 0\n\n\n"
        "def load(path):\n    return Cart()\n"
    )
    (folder / "run.py").write_text("from cart import load\n\n\ndef main():\n    load('x')\n    load('y')\n")
    return load([folder])


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("List all methods of Cart.", ["Cart.add", "Cart.total"]),
        ("Which functions are defined in cart.py?", ["Cart.add", "Cart.total", "load"]),
        ("List all classes.", ["Cart"]),
        ("How many files are there in this repository?", ["cart.py", "run.py"]),
        ("List all callers of load.", ["run.py:5", "run.py:6"]),
        ("Which files import cart.py?", ["run.py"]),
    ],
)
def test_code_is_listed_by_its_symbols(tree: Document, question: str, names: list[str]) -> None:
    found = listed(tree, question)
    assert found is not None and [item.name for item in found.items] == names


def test_code_questions_on_a_contract_find_nothing() -> None:
    assert listed(read_text(agreement(Random(2))[0]), "List all functions.") is None


@pytest.mark.real
@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real inputs are not there ({DATA})")
def test_a_real_contract_is_listed_whole() -> None:
    source = Exhaustive(load([DATA / "eton-development-agreement.pdf"]))

    def names(question: str) -> list[str]:
        found = source.check(question, "", [], refused=False)
        assert found is not None and found.found == len(found.items)
        return [item.name for item in found.items]

    assert names("Who are the parties to this agreement?") == [
        "Eton Pharmaceuticals, Inc.",
        "Aucta Pharmaceuticals, Inc.",
    ]
    assert names("List all exhibits.") == ["Exhibit A", "Exhibit B"]
    assert len(names("List all amounts of money.")) == 8 and "$18,000,000" in names("List all amounts.")
    terms = names("List all defined terms.")
    assert {"Execution Date", "Net Sales", "Business Day", "Territory", "FDA"} <= set(terms) and len(terms) >= 40
    assert len(names("Where is “Net Sales” mentioned?")) == 11
