"""A conversation changes hands by the table alone; the rules say when a person should come."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.handoff import (
    ALLOWED,
    TRANSITIONS,
    Action,
    Actor,
    IllegalTransitionError,
    State,
    actions,
    after,
    bot_answers,
)
from assistant.handoff_rules import Verdict, reason_to_hand_off, same_question, verdict
from assistant.profile_folder import find_profile
from assistant.profiles import Escalation
from storage import CitationRecord

GOOD, WEAK = Verdict(True, False, 0.9), Verdict(True, False, 0.1)
SILENT, UNPROVEN = Verdict(True, True, 0.0), Verdict(False, False, 0.0)


def rule(rules: Escalation, question: str, *earlier: str, verdicts: tuple[Verdict, ...] = ()) -> str | None:
    found = reason_to_hand_off(rules, question, earlier, verdicts)
    return found.rule if found else None


# -- the table -------------------------------------------------------------------------


def test_a_conversation_goes_to_a_person_and_comes_back() -> None:
    state = State.BOT
    for action, actor, expected in (
        (Action.REQUEST, Actor.BOT, State.WAITING),
        (Action.TAKE, Actor.AGENT, State.HUMAN),
        (Action.RELEASE, Actor.AGENT, State.WAITING),
        (Action.TAKE, Actor.AGENT, State.HUMAN),
        (Action.CLOSE, Actor.AGENT, State.BOT),
        (Action.REQUEST, Actor.CUSTOMER, State.WAITING),
        (Action.CANCEL, Actor.CUSTOMER, State.BOT),
    ):
        state = after(state, action, actor)
        assert state is expected
        assert bot_answers(state) is (state is State.BOT)


@pytest.mark.parametrize(("state", "action", "actor"), list(product(State, Action, Actor)))
def test_whatever_the_table_does_not_hold_is_an_error(state: State, action: Action, actor: Actor) -> None:
    if (state, action) in TRANSITIONS and actor in ALLOWED[action]:
        assert after(state, action, actor) is TRANSITIONS[state, action] and action in actions(state, actor)
    else:
        with pytest.raises(IllegalTransitionError) as error:
            after(state, action, actor)
        assert str(error.value).endswith(".") and str(action) in str(error.value)
        assert action not in actions(state, actor)


def test_an_error_says_what_is_possible() -> None:
    with pytest.raises(
        IllegalTransitionError, match=r"“take” is not possible while a person owns .*: request|.*release"
    ):
        after(State.HUMAN, Action.TAKE, Actor.AGENT)
    with pytest.raises(IllegalTransitionError, match="“close” is not for the customer; only the agent may do it"):
        after(State.HUMAN, Action.CLOSE, Actor.CUSTOMER)


# -- the rules -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("I want to talk to a  PERSON now", "person"),
        ("Let me speak to someone.", "person"),
        ("I don't want to talk to a person, just answer.", None),
        ("No need to talk to a person.", None),
        ("The personal data page", None),
        ("I will take legal action", "words"),
        ("Please sue the supplier", "words"),
        ("My issue: pursue", None),
        ("Where is my parcel?", None),
    ],
)
def test_phrases_count_as_whole_words_unless_denied(question: str, found: str | None) -> None:
    assert rule(find_profile("support").escalation, question) == found


def test_frustration_adds_up_over_questions() -> None:
    rules = Escalation(frustration=("useless", "ridiculous"), frustration_count=2)
    assert rule(rules, "This is useless.") is None
    assert rule(rules, "This is useless and ridiculous.") == "frustration"
    assert rule(rules, "Ridiculous!", "This is useless.") == "frustration"
    assert rule(rules, "And the price?", "This is useless and ridiculous.") is None  # the customer has calmed down


def test_the_same_question_again_and_again() -> None:
    rules = Escalation(repeated=3)
    asked = ("Where is my parcel?", "where is my parcel please")
    assert rule(rules, "Where is the parcel?", asked[0]) is None
    assert rule(rules, "Where is the parcel?", *asked) == "repeated"
    assert rule(rules, "Where is the invoice?", *asked) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is the fee?", "what's the fee", True),
        ("What does clause 4 say?", "What does clause 5 say?", False),
        ("?", "?", True),
        ("??", "!", False),
        ("How do I reset the router?", "Resetting the router?", False),
        ("Is the router broken?", "Is the routers broken", True),
    ],
)
def test_when_two_questions_are_one(one: str, other: str, same: bool) -> None:
    assert same_question(one, other) is same


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [
        ((), None),
        ((SILENT,), None),
        ((SILENT, UNPROVEN), "refused"),
        ((SILENT, GOOD, UNPROVEN), None),
        ((GOOD, SILENT, SILENT), "refused"),
        ((WEAK, WEAK), "evidence"),
        ((WEAK, GOOD), None),
        ((WEAK, SILENT), None),
    ],
)
def test_answers_that_help_nobody_call_a_person(verdicts: tuple[Verdict, ...], found: str | None) -> None:
    rules = Escalation(refused=2, low_evidence=0.3, low_evidence_count=2)
    assert rule(rules, "And now?", verdicts=verdicts) == found


@given(
    st.text(max_size=60),
    st.lists(st.text(max_size=30), max_size=4),
    st.lists(st.sampled_from([GOOD, SILENT]), max_size=4),
)
def test_without_rules_nobody_is_called(question: str, earlier: list[str], verdicts: list[Verdict]) -> None:
    assert reason_to_hand_off(Escalation(), question, earlier, verdicts) is None


def test_a_reason_is_told_to_the_agent_in_a_sentence() -> None:
    found = reason_to_hand_off(Escalation(person=("a human",)), "Give me a human!")
    assert found is not None and found.sentence == "Asked for a person: “a human”."


def test_an_answer_becomes_a_verdict() -> None:
    citation = CitationRecord(1, "a", None, None, 1, "", "q", 0, 1, True, "quote", 0.4)
    assert verdict("Five.", [citation], supported=True) == Verdict(True, False, 0.4)
    assert verdict("Not stated in this document.", [], supported=True).refused
    assert verdict("Weiß nicht.", [], supported=True, not_stated="Weiß nicht.").silent
