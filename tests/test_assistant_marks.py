"""A citation's number stands behind the words it proves."""

from __future__ import annotations

from assistant.marks import marks
from storage import CitationRecord


def cited(number: int, quote: str, kind: str = "quote") -> CitationRecord:
    return CitationRecord(number, "deed.pdf", 1, None, None, "", quote, 0, len(quote), True, kind, 1.0)


def shown(answer: str, *citations: CitationRecord) -> str:
    for offset, number in reversed(marks(answer, citations)):
        answer = answer[:offset] + f"[{number}]" + answer[offset:]
    return answer


def test_behind_a_quote_and_behind_a_block_quote() -> None:
    quote = "Either party may terminate upon ninety days' notice."
    assert shown('It says "terminate upon ninety days". So be it.', cited(1, quote)) == (
        'It says "terminate upon ninety days"[1]. So be it.'
    )
    assert shown("Ninety days.\n> Either party may terminate upon\n\nDone.", cited(1, quote)) == (
        "Ninety days.\n> Either party may terminate upon[1]\n\nDone."
    )


def test_behind_the_sentence_that_shares_the_most() -> None:
    answer = "The fee is $120,000 a year. Delaware law governs it."
    law = cited(2, "This Agreement is governed by the laws of Delaware.", "evidence")
    fee = cited(1, "The Client pays a yearly fee of $120,000.", "evidence")
    assert shown(answer, fee, law) == "The fee is $120,000 a year.[1] Delaware law governs it.[2]"


def test_at_the_end_where_nothing_is_shared_and_in_an_empty_answer() -> None:
    assert shown("Yes.", cited(1, "Completely different", "evidence")) == "Yes.[1]"
    assert shown("", cited(1, "words", "evidence")) == "[1]"


def test_two_at_one_place_stand_in_order() -> None:
    assert shown("Yes. ", cited(1, "a b"), cited(2, "c d")) == "Yes.[1][2] "
