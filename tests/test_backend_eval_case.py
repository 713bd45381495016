"""Answer keys: what counts as right, in part right, wrong, and as an answer that the text is silent."""

from __future__ import annotations

import re

import pytest

from sparse_backend.eval.case import NOT_STATED, EvalError, Question, check_patterns, number, words


def test_the_score_is_the_share_of_parts_found() -> None:
    question = Question("Which?", ((number(11),), (number(22),), (number(33), "thirty-three"), (number(44),)))
    assert question.score("11, 22 and thirty-three") == 0.75
    assert question.score("nothing") == 0.0
    assert question.score("44, 33, 22, 11.") == 1.0


def test_a_look_alike_in_the_answer_spoils_it() -> None:
    question = Question("Which?", ((number(12345),),), wrong=(number(54321),))
    assert question.score("It is 12345.") == 1.0
    assert question.score("It is 12345 or 54321.") == 0.0


def test_of_several_values_each_wrong_one_takes_a_right_one_back() -> None:
    question = Question("Which?", ((number(11),), (number(22),)), wrong=(number(33), number(44), number(55)))
    assert question.score("11, 22, 33") == 0.5
    assert question.score("11, 22, 33, 44, 55") == 0.0


@pytest.mark.parametrize("text", ["12345", "12,345 euros", "(12345)", "It is 12,345.", "№12345", "12345."])
def test_a_number_is_found_with_or_without_separators(text: str) -> None:
    assert re.search(number(12345), text)


@pytest.mark.parametrize("text", ["112345", "123456", "3.12345", "12345.5", "12345,67", "1,12345"])
def test_a_number_is_not_found_inside_another(text: str) -> None:
    assert not re.search(number(12345), text)


def test_words_are_whole_and_blind_to_line_breaks() -> None:
    assert re.search(words("New Selwick"), "in New\n  Selwick.")
    assert not re.search(words("Oslo"), "Oslofjord")
    assert Question("?", ((words("oslo"),),)).score("OSLO") == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "Not stated in this document.",
        "The document does not mention a court.",
        "There is no information about it.",
        "The text doesn’t say who signed.",
        "It is not specified.",
    ],
)
def test_silence_in_other_words(answer: str) -> None:
    assert Question("?", ((NOT_STATED,),)).score(answer) == 1.0


@pytest.mark.parametrize("answer", ["The court of Oslo.", "It is 12345.", "Notices go to Oslo, as stated."])
def test_an_answer_is_not_silence(answer: str) -> None:
    assert Question("?", ((NOT_STATED,),)).score(answer) == 0.0


def test_curly_quotes_and_wide_spaces_do_not_matter() -> None:
    assert Question("?", (('don\'t "know"',),)).score("I don’t “know”") == 1.0


def test_a_broken_expression_is_refused_with_the_expression() -> None:
    with pytest.raises(EvalError, match=r"“\(” is no regular expression"):
        check_patterns(Question("?", (("(",),)))
