"""Answers that say the document is silent, told from rules with a not in them."""

from __future__ import annotations

import pytest

from assistant.citations import says_not_stated


@pytest.mark.parametrize(
    "answer",
    [
        "Not stated in this document.",
        "  “Not stated in this document.”",
        "Answer: Not stated in this document.",
        "The governing law is not specified.",
        "It is not explicitly mentioned in the agreement.",
        "The agreement does not specify a deposit.",
        "Section 5 does not mention it.",
    ],
)
def test_an_answer_that_says_the_document_is_silent(answer: str) -> None:
    assert says_not_stated(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The law of Delaware.",
        "Confidential information shall not be provided to third parties.",
        "If notice is not given within the period, the agreement renews.",
        "Parties that were not found liable pay nothing.",
        "The law is not stated in this document, but the fee is $5,000.",
    ],
)
def test_a_rule_with_a_not_in_it_is_no_silence(answer: str) -> None:
    assert not says_not_stated(answer)
