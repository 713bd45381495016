"""Beside an answer on a contract stand the definitions of its terms and what its proof refers to, found by rule."""

from __future__ import annotations

import re

import pytest

from assistant.advice import advice_in
from assistant.contract_check import MAX_TERMS, ContractCheck, asks_for_problems
from assistant.passages import LiteralIndex
from ingest import Document, load
from storage import CitationRecord
from tests.fakes import contract

DEED = """SERVICES AGREEMENT

This Services Agreement (the "Agreement") is made between Acme Robotics Inc. (the "Provider") and Bolt GmbH (the "Client").

1. Definitions

"Affiliate" means any company that controls a party.
"Control" means the ownership of more than half of the votes.
"Net Price" means the Price less returns.
"Price" means the sum named in Section 3.

2. Term

This Agreement starts on 1 March 2021. It may end sooner as Section 4 says.

3. Fees

The Client pays a yearly sum of $120,000 to the Provider. Late sums bear interest as set out in Section 9.

4. Termination

Either party may terminate upon ninety days' notice. An Affiliate has no such right.
"""  # noqa: E501


@pytest.fixture(scope="module")
def deed(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return load([contract(tmp_path_factory.mktemp("deed"), DEED, "deed.txt")])


@pytest.fixture(scope="module")
def check(deed: Document) -> ContractCheck:
    return ContractCheck(deed)


def cited(document: Document, words: str) -> CitationRecord:
    start = document.text.index(words)
    return CitationRecord(1, "deed.txt", None, None, 1, "", words, start, start + len(words), True, "quote", 1.0)


def shown(document: Document, check: ContractCheck, question: str, answer: str, *words: str) -> list[tuple[str, str]]:
    found = check.beside(question, answer, [cited(document, each) for each in words])
    return [(place.kind, " ".join(document.text[place.start : place.end].split())) for place in found.places]


def test_a_term_in_the_answer_brings_its_definition(deed: Document, check: ContractCheck) -> None:
    found = shown(deed, check, "Who may not end it?", "An Affiliate may not terminate.")
    assert found == [("definition", '"Affiliate" means any company that controls a party')]


def test_a_term_in_the_question_counts_in_small_letters_too_but_not_inside_a_longer_one(
    deed: Document, check: ContractCheck
) -> None:
    found = shown(deed, check, "what is the net price?", "Not less than nothing.")
    assert [words for _, words in found if _ == "definition"] == ['"Net Price" means the Price less returns']
    assert shown(deed, check, "how is it priced?", "It is affiliated.") == []


def test_a_party_is_told_by_the_sentence_that_names_it(deed: Document, check: ContractCheck) -> None:
    (kind, words), *_ = shown(deed, check, "Who pays?", "The Client pays.")
    assert kind == "definition" and "Bolt GmbH" in words


def test_a_cross_reference_in_the_proof_brings_its_target(deed: Document, check: ContractCheck) -> None:
    found = shown(deed, check, "When does it end?", "Sooner, perhaps.", "It may end sooner as Section 4 says.")
    assert found == [("reference", "4. Termination Either party may terminate upon ninety days' notice.")]


def test_a_reference_inside_a_shown_definition_is_followed(deed: Document, check: ContractCheck) -> None:
    found = shown(deed, check, "?", "The Price is due.")
    assert [kind for kind, _ in found] == ["definition", "reference"]
    assert found[1][1].startswith("3. Fees The Client pays a yearly sum")


def test_what_points_nowhere_or_is_cited_already_is_not_shown(deed: Document, check: ContractCheck) -> None:
    assert shown(deed, check, "?", "Late sums bear interest.", "Late sums bear interest as set out in Section 9.") == []
    target = "4. Termination\n\nEither party may terminate"
    assert shown(deed, check, "?", "Sooner.", "It may end sooner as Section 4 says.", target) == []
    defined = '"Affiliate" means any company that controls a party.'
    assert shown(deed, check, "?", "An Affiliate.", defined) == []


def test_every_place_is_the_documents_own_text(deed: Document, check: ContractCheck) -> None:
    found = check.beside("Price? Net Price? Control? Affiliate?", "Provider, Client, Price.", [])
    assert 0 < len([place for place in found.places if place.kind == "definition"]) <= MAX_TERMS
    for place in found.places:
        assert 0 <= place.start < place.end <= len(deed.text)
        assert deed.text[place.start : place.end] == deed.text[place.start : place.end].strip()


def test_asked_for_problems_the_findings_are_told_and_cited(deed: Document, check: ContractCheck) -> None:
    found = check.problems("Are there problems in this contract?")
    dangling = next(fact for fact in found.facts if "Section 9" in fact)
    assert re.match(r"(?:error|warning): line \d+, 3\. Fees: ", dangling)
    assert any("Section 9" in deed.text[place.start : place.end] for place in found.places)
    assert all(place.kind == "lint" for place in found.places) and len(found.places) == len(found.facts)
    assert check.problems("What law governs?").facts == ()


def test_a_contract_without_flaws_is_said_to_be_without() -> None:
    from tests.fakes import lines

    check = ContractCheck(lines("A letter.\n\nNothing is defined here.\n"))
    assert check.problems("Are there errors in this document?").facts == (
        "The rules that check definitions, references and numbers found nothing.",
    )


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Are there any drafting errors in this agreement?", True),
        ("Which defined terms are missing?", True),
        ("Are there broken cross references?", True),
        ("Who is liable for errors of the software?", False),
        ("What if the goods are broken?", False),
        ("Which law governs this agreement?", False),
    ],
)
def test_only_questions_on_the_text_itself_ask_for_problems(question: str, asks: bool) -> None:
    assert asks_for_problems(question) is asks


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ("Ninety days. You should consult a lawyer.", ["You should consult a lawyer."]),
        ("I would recommend to sign it.", ["I would recommend to sign it."]),
        ("It is wise to wait until 1.5 years passed. Notice is due.", ["It is wise to wait until 1.5 years passed."]),
        ("The Client should pay within 30 days.", []),
        ("Each party may seek legal advice before it signs.", []),
        ("The contract says that each party may seek legal advice before it signs.", []),
    ],
)  # fmt: skip
def test_advice_beyond_the_text_is_told_apart(answer: str, advice: list[str]) -> None:
    index = LiteralIndex("The Client should pay. Each party may seek legal advice before it signs.")
    assert list(advice_in(answer, lambda words: bool(index.find(words)))) == advice


def test_terms_of_one_contract_are_not_explained_by_another(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("two")
    other = contract(folder, '1. Words\n\n"Affiliate" means a friend.\n\n2. Rest\n\nNo more.\n', "other.txt")
    both = load([contract(folder, DEED, "deed.txt"), other])
    found = shown(both, ContractCheck(both), "?", "An Affiliate may not.", "An Affiliate has no such right.")
    assert found == [("definition", '"Affiliate" means any company that controls a party')]
