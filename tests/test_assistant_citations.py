"""Proof: a citation is always the document's own text, and an answer that nothing backs gets none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.citations import LIMIT, Citer, Mass, evidence_over
from ingest import Document, encode
from sparse_backend.looked import Looked
from storage import CitationRecord
from tests.fakes import document, lines, tokenizer

FEES = (
    "1. Fees.\nThe setup fee is $5,000. The yearly fee is $7,500.\n",
    "2. Terms.\nThe Lender may end the loan upon ten (10) days' notice.\n"
    "The Borrower may end the loan upon five (5) days' notice.\n",
    "3. Law.\nThis Agreement shall be “governed by the\nlaws of Delaware”, a non-\nnegotiable choice. "
    "The Tenant's rent is due.\n",
)
TITLES = ("1. Fees.", "2. Terms.", "3. Law.")
DEED = document(*FEES, titles=TITLES, labels=("i", "ii", "1"))


def nothing(source: Document) -> Mass:
    return np.zeros(len(tokenizer().text(source.text)), dtype=np.float32)


def looking_at(source: Document, words: str, *, last: bool = False) -> Mass:
    """Attention on the tokens of `words` alone."""
    encoded, mass = encode(source, tokenizer()), nothing(source)
    start = source.text.rindex(words) if last else source.text.index(words)
    mass[encoded.token_at(start) : encoded.token_at(start + len(words) - 1) + 1] = 1.0
    return mass


def citer(source: Document = DEED) -> Citer:
    return Citer(source, encode(source, tokenizer()))


def prove(
    answer: str, question: str = "", source: Document = DEED, mass: Mass | None = None
) -> tuple[CitationRecord, ...]:
    return citer(source).prove(answer, question, nothing(source) if mass is None else mass).citations


def squeezed(text: str) -> str:
    return "".join(text.split())


# -- quotes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        'It says "governed by the laws of Delaware".',
        "It says “governed by the laws of Delaware”.",
        "It says „Governed by the Laws of Delaware,“ or “governed by the laws of Delaware”.",
        'It is "a non-negotiable choice."',
        "It is “a non–negotiable choice”.",
        'It says "The Tenant’s rent is due".',
    ],
)
def test_a_quote_is_found_whatever_its_quotation_marks_line_breaks_and_dashes(answer: str) -> None:
    found = citer().prove(answer, "", nothing(DEED))
    assert found.supported and not found.unverified
    (citation,) = found.citations
    assert citation.kind == "quote" and citation.verified
    assert (citation.page, citation.page_label, citation.section, citation.path) == (3, "1", "3. Law.", "deed.pdf")
    assert citation.quote == " ".join(DEED.text[citation.start : citation.end].split())


def test_a_quote_that_stands_nowhere_is_no_citation_and_is_named() -> None:
    found = citer().prove('It says "governed by the laws of Texas" and "The setup fee is $5,000".', "", nothing(DEED))
    assert found.unverified == ("governed by the laws of Texas",)
    assert [citation.quote for citation in found.citations] == ["The setup fee is $5,000"]
    alone = citer().prove('It says "purple elephants dance here".', "", nothing(DEED))
    assert alone.unverified == ("purple elephants dance here",)
    assert not alone.citations and not alone.supported


@pytest.mark.parametrize(
    "quote", ["etup fee is $5,000", "The setup fee is $5", "500. The yearly fee", "The setup fee is $5,0"]
)
def test_a_part_of_a_word_or_of_a_figure_is_no_quote(quote: str) -> None:
    source = document("x\nThe setup fee is $5,000. It was 1.500. The yearly fee grows.\n")
    assert citer(source).prove(f'It says "{quote}".', "", nothing(source)).unverified == (quote,)


def test_words_between_two_quotations_are_no_quotation() -> None:
    found = citer().prove('The "Fee" named in the deed is "The setup fee is $5,000".', "", nothing(DEED))
    assert found.unverified == ()
    assert [citation.quote for citation in found.citations] == ["The setup fee is $5,000"]


def test_a_quote_that_stands_twice_is_placed_where_the_model_looked() -> None:
    source = document("First.\nPayment is due in May. Alpha pays.\n", "Second.\nPayment is due in May. Omega pays.\n")
    for last, page in ((False, 1), (True, 2)):
        mass = looking_at(source, "Payment is due in May", last=last)
        (citation,) = prove('It says "Payment is due in May".', source=source, mass=mass)
        assert citation.page == page


def test_the_same_quote_is_cited_once_and_at_most_three_are_shown() -> None:
    assert len(prove('"The setup fee is $5,000" and again "the setup fee is $5,000"')) == 1
    source = document(" ".join(f"Number {n} is a rule of this house." for n in range(9)))
    found = prove(" ".join(f'"Number {n} is a rule of this house"' for n in range(9)), source=source)
    assert [citation.number for citation in found] == [1, 2, 3]


# -- passages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "holds"),
    [
        ("The yearly fee is $7,500.", "$7,500"),
        ("The setup fee is 5000 dollars.", "$5,000"),
        ("The Lender may end the loan upon ten days' notice.", "Lender"),
        ("The Borrower may end the loan upon 5 days' notice.", "Borrower"),
        ("Five days' notice by the Borrower.", "Borrower"),
    ],
)
def test_among_look_alikes_the_sentence_with_the_answers_figures_and_names_is_cited(answer: str, holds: str) -> None:
    first = prove(answer, "What is it?")[0]
    assert first.kind == "evidence" and holds in first.quote
    assert first.quote == " ".join(DEED.text[first.start : first.end].split())


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("The yearly fee is $7,600.", "What is the yearly fee?"),
        ("Either side may end the loan upon thirty days' notice.", "How can the loan end?"),
        ("Yes, the yearly fee is $9,999, due from the Tenant.", "Is the yearly fee $9,999?"),
        ("Purple elephants dance.", "What do they do?"),
        ("", "What is it?"),
        ("Yes.", "Is it?"),
    ],
)
def test_an_answer_that_nothing_holds_has_no_citation_and_no_support(answer: str, question: str) -> None:
    for mass in (nothing(DEED), np.ones_like(nothing(DEED))):
        found = citer().prove(answer, question, mass)
        assert not found.citations and not found.supported


def test_the_number_of_a_section_need_not_stand_in_the_sentence() -> None:
    assert prove("Section 1 says that the yearly fee is $7,500.", "What is the fee?")[0].page == 1


def test_equal_sentences_are_told_apart_by_attention_and_at_most_three_are_cited() -> None:
    source = document(
        *[f"Part.\nThe deposit is $900 for room {name}.\n" for name in ("alpha", "beta", "gamma", "delta", "omega")]
    )
    mass = looking_at(source, "for room delta")
    found = prove("It is $900.", "What is the deposit?", source, mass)
    assert found[0].page == 4
    assert len(prove("It is $900.", "What is the deposit?", source)) == LIMIT


def test_an_answer_that_takes_up_the_question_only_is_still_proven() -> None:
    assert prove("The Tenant's rent is due.", "Is the Tenant's rent due?")[0].page == 3


def test_a_document_without_sections_or_pages_is_cited_by_line() -> None:
    source = lines("hello there\n\nThe deposit is $900.\n")
    (citation,) = prove("It is $900.", "What is the deposit?", source)
    assert (citation.page, citation.line, citation.section) == (None, 3, "")


def test_the_page_of_a_very_long_sentence_is_where_its_first_word_stands() -> None:
    source = document("One ends here.\n", "It is agreed " + "and again agreed " * 60 + "that zebras pay $77.\n")
    (citation,) = prove('He said "It is agreed and again agreed and again"', source=source)
    assert citation.page == 2
    assert all(citation.page == 2 for citation in prove("Agreed again.", source=source))
    assert prove("Agreed again.", source=source)


def test_scores_stay_between_0_and_1() -> None:
    mass = looking_at(DEED, "The yearly fee is $7,500")
    for answer in ("The yearly fee is $7,500.", '"The yearly fee is $7,500"'):
        assert all(0.0 <= citation.score <= 1.0 for citation in prove(answer, "What is the yearly fee?", mass=mass))


# -- evidence ----------------------------------------------------------------------


def test_evidence_is_cut_to_the_document_and_averaged_over_the_answer() -> None:
    looked = Looked(4, tuple((torch.tensor(row), None) for row in ([9.0, 1.0, 2.0, 9.0], [9.0, 3.0, 4.0, 9.0])))
    assert evidence_over(looked, 1, 2).tolist() == [2.0, 3.0]
    assert evidence_over(Looked(5), 2, 3).tolist() == [0.0, 0.0, 0.0]  # no token was generated


# -- whatever the text -------------------------------------------------------------

WORDS = [
    "fee",
    "Fee",
    "$5,000",
    "five",
    "5",
    "Acme",
    "shall",
    "law",
    "lawful",
    "\n",
    "\n\n",
    ".",
    ";",
    "“",
    "”",
    '"',
    "-",
    "İzmir",
    "ß",
    "No.",
    "1.5",
]
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(first=TEXT, second=TEXT, answer=TEXT, cut=st.tuples(st.integers(0, 80), st.integers(12, 60)))
def test_every_citation_is_the_documents_own_text(first: str, second: str, answer: str, cut: tuple[int, int]) -> None:
    source = document(first + " end", second + " end")
    literal = source.text[cut[0] : sum(cut)].replace('"', "")
    for said in (answer, f'{answer} "{literal}"'):
        proof = citer(source).prove(said, "fee", nothing(source))
        assert proof.citations or not proof.supported
        for citation in proof.citations:
            own = source.text[citation.start : citation.end]
            assert own and squeezed(own) == squeezed(citation.quote)
            assert citation.page == source.span_at(citation.start).page


def test_a_quote_that_nearly_stands_there_is_named_and_its_place_is_cited() -> None:
    found = citer().prove('It says "The Lender may ends the loan upon ten (10) days notice".', "", nothing(DEED))
    assert found.unverified == ("The Lender may ends the loan upon ten (10) days notice",)
    (cited,) = found.citations
    assert cited.kind == "evidence" and cited.quote == "The Lender may end the loan upon ten (10) days' notice."
    assert 0.9 <= cited.score < 1.0


# -- block quotes ------------------------------------------------------------------------

CLAUSES = lines(
    "1. Term.\nThis Agreement ends on 5 December 2027 unless renewed.\n2. Fee.\nThe yearly fee is 500 euros.\n"
    "3. Day.\nA “Business Day” is any day on which banks are authorized or required to\nclose in Rome.\n"
)


def test_a_true_quote_that_does_not_hold_the_answer_supports_nothing_and_what_does_hold_it_goes_first() -> None:
    asked = "When does this Agreement end?"
    wrong = citer(CLAUSES).prove("December 2028\n> The yearly fee is 500 euros.", asked, nothing(CLAUSES))
    assert [one.quote for one in wrong.citations] == ["The yearly fee is 500 euros."] and not wrong.supported
    beside = citer(CLAUSES).prove("5 December 2027\n> The yearly fee is 500 euros.", asked, nothing(CLAUSES))
    assert [(one.quote, one.kind) for one in beside.citations] == [
        ("This Agreement ends on 5 December 2027 unless renewed.", "evidence"),
        ("The yearly fee is 500 euros.", "quote"),
    ]
    said = "5 December 2027\n> This Agreement ends on 5 December 2027 unless renewed."
    assert citer(CLAUSES).prove(said, asked, nothing(CLAUSES)).supported


def test_a_quote_that_ends_in_mid_sentence_is_cited_to_its_end() -> None:
    said = "Any day on which banks close\n> any day on which banks are authorized or required to\n(3. Day.)"
    (cited,) = citer(CLAUSES).prove(said, "What is a Business Day?", nothing(CLAUSES)).citations
    assert cited.quote == "any day on which banks are authorized or required to close in Rome."


def test_an_invented_block_quote_is_named_and_is_no_citation() -> None:
    proof = citer(CLAUSES).prove("900 euros\n> The yearly fee is 900 euros.", "What is the fee?", nothing(CLAUSES))
    assert proof.unverified == ("The yearly fee is 900 euros.",) and not proof.supported
