"""Steps with drafts give the very stream of one token at a time: greedy, drawn, penalised, constrained."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sparse_backend.config import ConstraintError
from sparse_backend.constrain import Constraint
from sparse_backend.decode_step import DecodeStep, Speculation, decode_step
from sparse_backend.lookup import Drafter
from sparse_backend.quotes import QuoteConstraint, QuoteMarks, QuoteSource
from sparse_backend.sampling import Sampler, Sampling
from sparse_backend.suffixes import SuffixIndex

VOCAB = 9
NEWLINE, MARK, STOP = 6, 7, 8
DOCUMENT = [0, 1, 2, 3, NEWLINE, 1, 2, 4, 5, 0, NEWLINE, 3, 3, 3, 1]
MARKS = QuoteMarks(
    openings=((MARK,),),
    line_ends=frozenset({NEWLINE}),
    newlines=frozenset({NEWLINE}),
    closings=frozenset({NEWLINE}),
    stops=frozenset({STOP}),
)


def model(context: Sequence[int]) -> Tensor:
    """Logits [vocab] after a context: random, but the same for the same last three tokens."""
    seed = hash(tuple(context[-3:])) % 2**31
    return torch.randn(VOCAB, generator=torch.Generator().manual_seed(seed)) * 2


def rows(context: Sequence[int], drafts: Sequence[int]) -> Tensor:
    return torch.stack([model([*context, *drafts[:i]]) for i in range(len(drafts) + 1)])


def quotes() -> QuoteConstraint:
    return QuoteConstraint([QuoteSource(SuffixIndex(DOCUMENT), MARKS, 2)], MARKS, VOCAB)


def one_by_one(sampling: Sampling, constraint: Constraint | None, most: int) -> list[int]:
    """The loop that drafts must not change."""
    sampler, context = Sampler(sampling), [0, 1]
    while len(context) < most + 2:
        token = sampler.choose(model(context), constraint.allowed() if constraint else None).token_id
        sampler.observe(token)
        if constraint:
            constraint.accept(token)
        context.append(token)
        if token == STOP:
            break
    return context[2:]


def by_steps(
    sampling: Sampling, constraint: Constraint | None, most: int, speculation: Any
) -> tuple[list[int], list[DecodeStep]]:
    sampler, context, steps = Sampler(sampling), [0, 1], list[DecodeStep]()
    while len(context) < most + 2 and not (steps and steps[-1].finished):
        drafts = speculation.propose(most + 2 - len(context) - 1)
        steps.append(decode_step(rows(context, drafts), drafts, sampler, constraint, frozenset({STOP})))
        speculation.settle(steps[-1])
        context += steps[-1].token_ids
    return context[2:], steps


class Anything:
    """Drafts whatever chance says; often what the greedy model would."""

    def __init__(self, seed: int) -> None:
        self._chance = torch.Generator().manual_seed(seed)
        self._context = [0, 1]

    def propose(self, most: int) -> tuple[int, ...]:
        drafts: list[int] = []
        for _ in range(min(most, self._pick(6))):
            likely = int(model([*self._context, *drafts]).argmax())
            drafts.append(likely if self._pick(4) else self._pick(VOCAB))
        return tuple(drafts)

    def settle(self, step: DecodeStep) -> None:
        self._context += step.token_ids

    def _pick(self, n: int) -> int:
        return int(torch.randint(n, (), generator=self._chance))


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.0, 0.7, 1.5]),
    top_p=st.sampled_from([1.0, 0.9]),
    min_p=st.sampled_from([0.0, 0.05]),
    repetition_penalty=st.sampled_from([1.0, 1.2]),
    frequency_penalty=st.sampled_from([0.0, 0.5]),
    logprobs=st.sampled_from([0, 2]),
    seed=st.integers(0, 10**6),
)


@settings(max_examples=60, deadline=None)
@given(samplings, st.integers(0, 10**6), st.booleans(), st.integers(1, 40))
def test_any_drafts_leave_the_stream_as_it_is(sampling: Sampling, seed: int, constrained: bool, most: int) -> None:
    expected = one_by_one(sampling, quotes() if constrained else None, most)
    stream, steps = by_steps(sampling, quotes() if constrained else None, most, Anything(seed))
    assert stream == expected
    assert sum(step.keep for step in steps) == len(stream)
    assert all(step.accepted == len(step.choices) - 1 for step in steps)


@settings(max_examples=30, deadline=None)
@given(samplings, st.booleans(), st.integers(1, 60))
def test_looked_up_drafts_leave_the_stream_as_it_is(sampling: Sampling, constrained: bool, most: int) -> None:
    rule = quotes() if constrained else None
    drafter = Drafter([SuffixIndex(DOCUMENT)])
    drafter.extend([0, 1])
    expected = one_by_one(sampling, quotes() if constrained else None, most)
    assert by_steps(sampling, rule, most, Speculation(drafter, rule))[0] == expected


@pytest.mark.parametrize("drafted", [(), (3, 1)], ids=str)
def test_drafts_leave_the_distribution_as_it_is(drafted: tuple[int, ...]) -> None:
    """Pearson's chi-squared of 1,500 pairs against the product of the rows' shares, over a vocabulary of four."""
    first = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    second = {token: torch.tensor([0.1, 0.2, 0.3, 0.4]).roll(token).log() for token in range(4)}
    counts: Counter[tuple[int, int]] = Counter()
    for seed in range(1500):
        sampler, said = Sampler(Sampling(1, seed=seed)), list[int]()
        while len(said) < 2:
            drafts = drafted if not said else ()
            contexts = [[*said, *drafts[:i]] for i in range(len(drafts) + 1)]
            logits = torch.stack([second[context[-1]] if context else first for context in contexts])
            said += decode_step(logits, drafts, sampler).token_ids
        counts[said[0], said[1]] += 1
    statistic = 0.0
    for a, b in itertools.product(range(4), repeat=2):
        expected = 1500 * math.exp(float(first[a]) + float(second[a][b]))
        statistic += (counts[a, b] - expected) ** 2 / expected
    assert statistic < 44.3  # 15 degrees of freedom, 1e-4 of all runs; the seeds are fixed


def test_a_step_keeps_the_rows_of_right_drafts_and_says_where_it_ended() -> None:
    logits = torch.eye(VOCAB)[[1, 2, STOP, 3]]
    assert decode_step(logits[:1], (), Sampler(Sampling())) == decode_step(logits[:2], (5,), Sampler(Sampling()))
    step = decode_step(logits[:3], (1, 0), Sampler(Sampling()))
    assert (step.token_ids, step.keep, step.accepted, step.finished) == ((1, 2), 2, 1, False)
    step = decode_step(logits, (1, 2, STOP), Sampler(Sampling()), stop_ids=frozenset({STOP}))
    assert (step.token_ids, step.keep, step.finished) == ((1, 2, STOP), 3, True)  # nothing behind the stop token


def test_rows_and_drafts_must_match() -> None:
    with pytest.raises(ValueError, match="2 drafts need 3 rows"):
        decode_step(torch.zeros(2, VOCAB), (1, 2), Sampler(Sampling()))


def test_a_quote_is_drafted_from_its_document_and_never_beyond_it() -> None:
    rule = quotes()
    speculation = Speculation(None, rule)
    assert speculation.propose(8) == ()
    for token in (MARK, 2, 4):
        rule.accept(token)
    assert speculation.propose(8) == (5, 0)
    assert speculation.propose(1) == (5,)
    assert speculation.propose(0) == ()


def test_lookups_that_the_constraint_forbids_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = quotes()
    drafter = Drafter([SuffixIndex([1, 2, 4, 9999])], row_cost=1e-6)
    drafter.extend([MARK, 1, 2])
    for token in (MARK, 1, 2):
        rule.accept(token)
    monkeypatch.setattr(rule, "guess", lambda most: ())
    assert Speculation(drafter, rule).propose(8) == (4,)


def test_lookups_that_are_always_wrong_are_given_up_for_a_while() -> None:
    drafter, lengths = Drafter([SuffixIndex([1, 2, 3, 3, 3])]), list[int]()
    speculation = Speculation(drafter, None)
    for answer in range(10, 50):
        drafter.extend([1, 2])
        drafts = speculation.propose(5)
        lengths.append(len(drafts))
        logits = torch.eye(50)[[answer] * (len(drafts) + 1)]
        speculation.settle(decode_step(logits, drafts, Sampler(Sampling())))
    assert lengths[0] == 3
    assert set(lengths[10:]) == {0, 1}


def test_behind_a_finished_constraint_nothing_is_said() -> None:
    rule = quotes()
    rule.accept(STOP)
    with pytest.raises(ConstraintError):
        decode_step(torch.zeros(1, VOCAB), (), Sampler(Sampling()), rule)
