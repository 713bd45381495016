"""Answers under JSON schemas, regular expressions and grammars: what random allowed tokens spell always fits."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from sparse_backend.config import ConstraintError
from sparse_backend.constrain import permits, viable
from sparse_backend.schemas import GrammarConstraint, GrammarKind, GrammarVocabulary
from tests.fakes import CONTROL, fast_tokenizer

TICKET = {
    "type": "object",
    "properties": {
        "found": {"type": "boolean"},
        "days": {"type": "integer", "minimum": 1, "maximum": 120},
        "law": {"enum": ["Delaware", "New York"]},
    },
    "required": ["found", "days"],
    "additionalProperties": False,
}
PADDING = 5  # logits may be longer than the tokenizer's vocabulary


@pytest.fixture(scope="module")
def vocabulary() -> GrammarVocabulary:
    tokenizer = fast_tokenizer()
    return GrammarVocabulary(tokenizer, len(tokenizer) + PADDING, frozenset({stop_id()}))


def stop_id() -> int:
    return int(fast_tokenizer().convert_tokens_to_ids(CONTROL[1]))


def ids(text: str) -> list[int]:
    return list(fast_tokenizer()(text, add_special_tokens=False)["input_ids"])


def text(token_ids: list[int]) -> str:
    return str(fast_tokenizer().decode(token_ids))


def walk(rule: GrammarConstraint, chance: random.Random) -> str:
    """A random answer, short tokens preferred so that it ends."""
    said: list[int] = []
    while not rule.finished:
        mask = rule.allowed()
        assert mask is not None
        choices = mask.nonzero()[:, 0].tolist()
        token = stop_id() if stop_id() in choices else chance.choice(choices)
        rule.accept(token)
        if token != stop_id():
            said.append(token)
        assert len(said) < 400
    return text(said)


@pytest.mark.parametrize("seed", range(15))
def test_random_answers_fit_their_schema(vocabulary: GrammarVocabulary, seed: int) -> None:
    answer = json.loads(walk(GrammarConstraint(vocabulary, TICKET), random.Random(seed)))
    assert set(answer) <= set(TICKET["properties"])  # type: ignore[call-overload]
    assert isinstance(answer["found"], bool)
    assert 1 <= answer["days"] <= 120
    assert answer.get("law", "Delaware") in ("Delaware", "New York")


@pytest.mark.parametrize("pattern", [r"[A-Z]{2}-\d{3}", r"(yes|no)( because [a-z]{3,9})?", r"\d{1,3}(,\d{3}){0,2}"])
def test_random_answers_match_their_expression_whole(vocabulary: GrammarVocabulary, pattern: str) -> None:
    for seed in range(5):
        assert re.fullmatch(
            pattern, walk(GrammarConstraint(vocabulary, pattern, GrammarKind.REGEX), random.Random(seed))
        )


def test_random_answers_follow_their_grammar(vocabulary: GrammarVocabulary) -> None:
    sums = 'start: number ("+" number){1,3}\nnumber: /[0-9]{1,3}/'
    for seed in range(5):
        assert re.fullmatch(
            r"\d{1,3}(\+\d{1,3}){1,3}", walk(GrammarConstraint(vocabulary, sums, GrammarKind.LARK), random.Random(seed))
        )


@pytest.mark.parametrize(
    "answer",
    [
        '{"found":true,"days":30}',
        '{"found": false, "days": 5, "law": "New York"}',
        '{\n  "found": true,\n "days": 120}',
    ],
)
def test_a_fitting_answer_is_allowed_however_it_is_spaced(vocabulary: GrammarVocabulary, answer: str) -> None:
    assert viable(GrammarConstraint(vocabulary, TICKET), ids(answer)) == tuple(ids(answer))


def test_every_expression_decides_over_every_token(vocabulary: GrammarVocabulary) -> None:
    """The mask against Python's re, token by token, behind a prefix: the expression asks for up to 9 more letters."""
    rule = GrammarConstraint(vocabulary, "x[a-z ]{0,9}", GrammarKind.REGEX)
    rule.accept(ids("x")[0])
    mask = rule.allowed()
    assert mask is not None
    spelt = {token: text([token]) for token in range(vocabulary.vocab - PADDING)}
    fitting = {token for token, word in spelt.items() if re.fullmatch("[a-z ]{1,9}", word)}
    assert set(mask.nonzero()[:, 0].tolist()) == fitting | {stop_id()}


def test_a_fulfilled_schema_ends_the_answer_without_a_stop_token(vocabulary: GrammarVocabulary) -> None:
    rule = GrammarConstraint(vocabulary, TICKET)
    for token in ids('{"found":true,"days":30}'):
        assert not rule.finished
        rule.accept(token)
    assert rule.finished
    mask = rule.allowed()
    assert mask is not None
    assert not mask.any()
    with pytest.raises(ConstraintError, match="nothing may follow"):
        rule.accept(stop_id())


def test_forbidden_tokens_change_nothing(vocabulary: GrammarVocabulary) -> None:
    rule = GrammarConstraint(vocabulary, "(ab)+", GrammarKind.REGEX)
    for token in (ids("x")[0], stop_id(), vocabulary.vocab, -1):
        with pytest.raises(ConstraintError):
            rule.accept(token)
    assert not permits(rule, vocabulary.vocab - 1)
    rule.accept(ids("a")[0])
    rule.accept(ids("b")[0])
    rule.accept(stop_id())
    assert rule.finished


def test_rollback_and_forks_leave_others_alone(vocabulary: GrammarVocabulary) -> None:
    rule = GrammarConstraint(vocabulary, "(ab)+", GrammarKind.REGEX)
    a, b = ids("a")[0], ids("b")[0]
    rule.accept(a)
    fork = rule.fork()
    for token in (b, a, b, stop_id()):
        fork.accept(token)
    assert fork.finished
    assert permits(rule, b)
    fork.rollback(2)  # the stop token and one letter
    assert not fork.finished
    assert permits(fork, b)
    assert not permits(fork, stop_id())
    fork.rollback(3)
    assert not permits(fork, b)
    for n in (1, -1):
        with pytest.raises(ValueError, match="taken back"):
            fork.rollback(n)


def test_a_fulfilled_schema_can_be_taken_back(vocabulary: GrammarVocabulary) -> None:
    rule = GrammarConstraint(vocabulary, TICKET)
    said = ids('{"found":true,"days":30}')
    for _ in range(2):
        assert viable(rule, [*said, stop_id()]) == tuple(said)
        assert not rule.finished


def test_forced_tokens_are_guessed(vocabulary: GrammarVocabulary) -> None:
    rule = GrammarConstraint(vocabulary, "Governing Law[.]", GrammarKind.REGEX)
    guess = rule.guess(50)
    assert guess
    assert "Governing Law.".startswith(text(list(guess)))
    assert viable(rule, guess) == guess
    assert rule.guess(1) == guess[:1]


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ({"not": {"type": "string"}}, GrammarKind.JSON_SCHEMA, "not"),
        ({"type": "array", "uniqueItems": True}, GrammarKind.JSON_SCHEMA, "uniqueItems"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, GrammarKind.JSON_SCHEMA, "oneOf"),
        (
            {"x-guidance": {"coerce_one_of": True}, "oneOf": [{"type": "integer"}, {"type": "number"}]},
            GrammarKind.JSON_SCHEMA,
            "oneOf",
        ),
        ({"x-guidance": {"lenient": True}, "not": {}}, GrammarKind.JSON_SCHEMA, "not"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, GrammarKind.JSON_SCHEMA, "Unsatisfiable"),
        ({"$ref": "http://example.com/x.json"}, GrammarKind.JSON_SCHEMA, "cannot be served"),
        ({"type": "objekt"}, GrammarKind.JSON_SCHEMA, "objekt"),
        ({"enum": {1, 2}}, GrammarKind.JSON_SCHEMA, "no JSON schema"),
        ("{", GrammarKind.JSON_SCHEMA, "no JSON schema"),
        ("[" * 5000, GrammarKind.JSON_SCHEMA, "no JSON schema"),
        ({"description": "x" * 70_000}, GrammarKind.JSON_SCHEMA, "at most 65,536"),
        ("(a", GrammarKind.REGEX, "unclosed group"),
        (r"(a)\1", GrammarKind.REGEX, "backreferences"),
        ("start: missing", GrammarKind.LARK, "missing"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_held_exactly_is_refused_in_one_sentence(
    vocabulary: GrammarVocabulary, source: Any, kind: GrammarKind, says: str
) -> None:
    with pytest.raises(ConstraintError, match=says) as told:
        GrammarConstraint(vocabulary, source, kind)
    assert str(told.value).count("\n") == 0
    assert "Enable" not in str(told.value)


def test_a_grammar_beyond_the_limits_ends_in_an_error(vocabulary: GrammarVocabulary) -> None:
    wide = "start: " + "|".join(f'"{i}" /a{{1,{i}}}/' for i in range(1, 3000))
    with pytest.raises(ConstraintError, match="cannot be served"):
        GrammarConstraint(vocabulary, wide, GrammarKind.LARK).accept(ids("1")[0])


def test_a_vocabulary_needs_a_fast_tokenizer_and_an_end() -> None:
    with pytest.raises(ConstraintError, match="cannot be held to a grammar"):
        GrammarVocabulary(object(), 10, frozenset({1}))
    with pytest.raises(ValueError, match="at least one token"):
        GrammarVocabulary(fast_tokenizer(), 10, frozenset())
