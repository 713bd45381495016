"""Generated texts: the same for a seed, of the length asked, facts at their depth, answer keys that the text proves."""

from __future__ import annotations

import re
from collections import Counter
from itertools import count
from random import Random

import pytest

from sparse_backend.eval.case import Case, EvalError, Place, Question
from sparse_backend.eval.suites.aggregation import BIRDS
from sparse_backend.eval.suites.registry import BESIDE, SUITES, Suite, chosen, make
from sparse_backend.eval.weave import Insert, Piece, weave

ALL = [*SUITES.values(), *BESIDE.values()]


def measure(text: str) -> int:
    return len(text.split())


def case(suite: Suite, *, tokens: int = 900, depth: float = 0.5, sample: int = 0, seed: int = 0) -> Case:
    asked = depth if suite.by_depth else None
    return make(suite, tokens=tokens, depth=asked, sample=sample, seed=seed, measure=measure)


def oracle(text: str, question: Question) -> str:
    """A perfect reader: what the keys name, wherever the text proves it; silence where it proves nothing."""
    proof = "\n".join(text[place.start : place.end] for place in question.places)
    if not proof:
        return "Not stated in this document."
    found = [next(filter(None, (re.search(one, proof, re.I) for one in part)), None) for part in question.parts]
    return ", ".join(match.group() for match in found if match)


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.name)
def test_the_same_seed_gives_the_same_text_and_another_one_another(suite: Suite) -> None:
    assert case(suite) == case(suite)
    assert case(suite).text != case(suite, seed=1).text != case(suite, sample=1).text


@pytest.mark.parametrize("suite", [suite for suite in ALL if suite.name != "words"], ids=lambda suite: suite.name)
def test_an_oracle_that_reads_the_proof_is_right(suite: Suite) -> None:
    for sample in range(25):
        made = case(suite, sample=sample)
        for question in made.questions:
            assert question.score(oracle(made.text, question)) == 1.0, question.text


def test_the_commonest_birds_are_those_that_stand_most_often() -> None:
    for sample in range(10):
        made = case(SUITES["words"], sample=sample)
        seen = Counter(word for word in re.findall(r"\w+", made.text) if word in BIRDS).most_common()
        assert seen[2][1] > seen[3][1]
        (question,) = made.questions
        assert question.score(", ".join(bird for bird, _ in seen[:3])) == 1.0
        assert question.score(", ".join(bird for bird, _ in seen)) == 0.0
        assert question.score(f"{seen[0][0]}, {seen[1][0]} and {seen[-1][0]}") == pytest.approx(1 / 3)


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.name)
@pytest.mark.parametrize("tokens", [600, 3000])
def test_the_text_has_the_length_asked_for(suite: Suite, tokens: int) -> None:
    assert 0.85 * tokens <= measure(case(suite, tokens=tokens).text) <= tokens


@pytest.mark.parametrize("suite", [suite for suite in ALL if suite.by_depth], ids=lambda suite: suite.name)
@pytest.mark.parametrize("depth", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_the_first_fact_stands_at_its_depth(suite: Suite, depth: float) -> None:
    made = case(suite, tokens=4000, depth=depth)
    question = next(question for question in made.questions if len(question.places) == 1)
    assert made.depth == depth
    assert question.places[0].start / len(made.text) == pytest.approx(depth, abs=0.07)


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.name)
def test_headers_are_single_lines_in_order(suite: Suite) -> None:
    made = case(suite)
    assert made.headers
    assert list(made.headers) == sorted(made.headers, key=lambda place: place.start)
    for place in made.headers:
        assert "\n" not in made.text[place.start : place.end]
        assert place.start == 0 or made.text[place.start - 1] == "\n"


def test_what_is_absent_is_nowhere_and_its_look_alikes_are_there() -> None:
    for sample in range(10):
        made = case(SUITES["absent"], sample=sample)
        absent, control = made.questions
        subject = re.search(r"[A-Z]\w+(?: [A-Z]\w+)?(?=[? ]| kept| hold| show)", absent.text.split(" ", 2)[2])
        assert subject and subject.group() not in made.text
        assert control.places


def test_an_invented_answer_is_no_refusal_whatever_else_it_says() -> None:
    for name, invented in (
        ("qa", "It is kept for 7 years. It is not specified."),
        ("history", "In Session 8. Not stated."),
    ):
        absent = next(question for question in case(SUITES[name]).questions if question.kind == "absent")
        assert absent.score(invented) == 0.0
        assert absent.score("This is not stated in the document.") == 1.0


def test_code_facts_are_whole_files_between_files() -> None:
    made = case(SUITES["code"], tokens=3000)
    for question in made.questions:
        for place in question.places:
            after = made.text[place.end :].lstrip("\n")
            assert made.text[place.start :].startswith("# file: ")
            assert not after or after.startswith("# file: ")


def test_the_address_of_a_history_is_updated_later() -> None:
    for sample in range(20):
        made = case(SUITES["history"], sample=sample)
        update = next(question for question in made.questions if question.kind == "update")
        old = re.search(r"moved from (\w+) to (\w+)", made.text)
        assert old is not None
        assert made.text.index(f"I live in {old[1]}") < update.places[0].start
        assert update.score(f"The customer lives in {old[1]}.") == 0.0
        assert update.score(f"The customer moved from {old[1]} to {old[2]}.") == 1.0


def test_unknown_suites_are_refused_with_the_list() -> None:
    with pytest.raises(EvalError, match=r"no suite “niddle”; choose from: all, needle"):
        chosen(["needle", "niddle"])
    assert [suite.name for suite in chosen(["qa", "needle", "qa"])] == ["qa", "needle"]
    assert len(chosen(["all"])) == len(SUITES)


@pytest.mark.parametrize("suite", ALL, ids=lambda suite: suite.name)
def test_a_text_too_short_for_its_facts_is_refused(suite: Suite) -> None:
    with pytest.raises(EvalError, match="ask for more"):
        case(suite, tokens=4)


def test_inserts_stand_at_their_share_and_never_behind_a_heading() -> None:
    filler = (
        Piece(f"{number} Title", header=True) if number % 5 == 0 else Piece(f"w{number} " * 10) for number in count()
    )
    woven = weave(filler, [Insert("FACT one", 0.5, "a"), Insert("FACT two", 0.5, "b")], 600, measure, "\n\n")
    parts = woven.text.split("\n\n")
    first = parts.index("FACT one")
    assert parts[first + 1] == "FACT two"
    assert "Title" not in parts[first - 1]
    assert woven.text[woven.places["a"].start : woven.places["a"].end] == "FACT one"
    assert woven.text.index("FACT") / len(woven.text) == pytest.approx(0.5, abs=0.08)
    assert not parts[-1].endswith("Title")


def test_headers_of_a_woven_text_are_its_heading_pieces() -> None:
    woven = weave(iter([Piece("Head", header=True), Piece("body")]), [], 10, measure, "\n")
    assert (woven.text, woven.headers) == ("Head\nbody", (Place(0, 4),))


def test_generators_do_not_share_random_state() -> None:
    random = Random(1)
    before = random.getstate()
    case(SUITES["needle"])
    assert random.getstate() == before


@pytest.mark.parametrize("depth", [0.0, 0.4, 1.0])
def test_the_pass_key_stands_once_and_where_it_is_asked_for(depth: float) -> None:
    made = case(BESIDE["passkey"], depth=depth, tokens=2000)
    (question,) = made.questions
    (place,) = question.places
    (key,) = re.findall(r"\d+", made.text[place.start : place.end])
    assert made.text.count(key) == 1 and abs(place.start / len(made.text) - depth) < 0.1
    assert [suite.name for suite in chosen(["passkey"])] == ["passkey"] and "passkey" not in [
        suite.name for suite in chosen(["all"])
    ]
