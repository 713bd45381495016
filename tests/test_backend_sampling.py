"""Sampling against a float64 oracle written from the definitions, against transformers' own processors, and seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from sparse_backend.config import BackendError, ConstraintError
from sparse_backend.sampling import Sampler, Sampling

VOCAB = 40


def logits(seed: int, vocab: int = VOCAB) -> Tensor:
    return torch.randn(vocab, generator=torch.Generator().manual_seed(seed)) * 3


def sampler(sampling: Sampling, answer: Sequence[int] = ()) -> Sampler:
    made = Sampler(sampling)
    for token_id in answer:
        made.observe(token_id)
    return made


def distribution(sampling: Sampling, row: Tensor, answer: Sequence[int], allowed: Tensor | None = None) -> list[float]:
    made = sampler(sampling, answer)
    shares: list[float] = made.filtered(made.processed(row, allowed)).softmax(0).tolist()
    return shares


def oracle(sampling: Sampling, row: Tensor, answer: Sequence[int], allowed: Tensor | None = None) -> list[float]:
    """The distribution from the controls' definitions, one token at a time, in Python's float64."""
    scores = [float(value) for value in row]
    counts = Counter(answer)
    for token_id, bias in sampling.logit_bias:
        scores[token_id] += bias
    for token_id, count in counts.items():
        penalty = sampling.repetition_penalty
        scores[token_id] *= penalty if scores[token_id] < 0 else 1 / penalty
        scores[token_id] -= sampling.presence_penalty + count * sampling.frequency_penalty
    alive = [i for i in range(len(scores)) if allowed is None or bool(allowed[i])]
    top = max(scores[i] for i in alive)
    weight = {i: math.exp((scores[i] - top) / sampling.temperature) for i in alive}
    if sampling.top_k:
        least = sorted(weight.values(), reverse=True)[: sampling.top_k][-1]
        weight = {i: w for i, w in weight.items() if w >= least}
    kept, mass = dict[int, float](), 0.0
    for i in sorted(weight, key=lambda i: -weight[i]):
        if kept and mass >= sampling.top_p * sum(weight.values()):
            break
        kept[i] = weight[i]
        mass += weight[i]
    kept = {i: w for i, w in kept.items() if w >= sampling.min_p * max(kept.values())}
    return [kept.get(i, 0.0) / sum(kept.values()) for i in range(len(scores))]


controls = st.builds(
    Sampling,
    temperature=st.floats(0.05, 4),
    top_k=st.integers(0, VOCAB + 3),
    top_p=st.floats(0.05, 1),
    min_p=st.floats(0, 1),
    repetition_penalty=st.floats(0.5, 2),
    presence_penalty=st.floats(-2, 2),
    frequency_penalty=st.floats(-2, 2),
    logit_bias=st.dictionaries(st.integers(0, VOCAB - 1), st.floats(-5, 5), max_size=4).map(
        lambda found: tuple(found.items())
    ),
)


@settings(max_examples=80, deadline=None)
@given(controls, st.integers(0, 10**6), st.lists(st.integers(0, VOCAB - 1), max_size=9), st.booleans())
def test_the_distribution_is_the_controls_definition(
    sampling: Sampling, seed: int, answer: list[int], masked: bool
) -> None:
    row = logits(seed)
    allowed = logits(seed + 1) > 0 if masked else None
    ours, theirs = (f(sampling, row, answer, allowed) for f in (distribution, oracle))
    assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("top_p", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("min_p", [0.0, 0.1])
@pytest.mark.parametrize("top_k", [0, 7])
def test_the_distribution_is_that_of_transformers(top_p: float, min_p: float, top_k: int) -> None:
    row, answer = logits(3, 3000), [5, 9, 9, 2500]
    processors: list[Any] = [
        SequenceBiasLogitsProcessor([[[9], 1.5], [[17], -2.0]]),
        RepetitionPenaltyLogitsProcessor(1.3),
        TemperatureLogitsWarper(0.7),
    ]
    processors += [TopKLogitsWarper(top_k)] if top_k else []
    processors += [TopPLogitsWarper(top_p), MinPLogitsWarper(min_p)]
    theirs = LogitsProcessorList(processors)(torch.tensor([answer]), row.double()[None])[0].softmax(0)
    sampling = Sampling(0.7, top_k, top_p, min_p, repetition_penalty=1.3, logit_bias=((9, 1.5), (17, -2.0)))
    ours = torch.tensor(distribution(sampling, row, answer), dtype=torch.float64)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


def test_a_nucleus_wider_than_the_first_candidates_is_found_by_a_full_sort() -> None:
    row = torch.linspace(0, 0.5, 1500)
    sampling = Sampling(temperature=1, top_p=0.9)
    assert distribution(sampling, row, []) == pytest.approx(oracle(sampling, row, []), abs=1e-12)


def test_equally_likely_tokens_are_kept_or_dropped_together() -> None:
    row = torch.tensor([1.0, 2.0, 2.0, 2.0, 0.0])
    assert distribution(Sampling(1, top_k=1), row, []) == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert distribution(Sampling(1, top_p=0.2), row, []) == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])


def test_draws_follow_the_distribution() -> None:
    """Pearson's chi-squared over 2,000 draws; 1e-4 of all seeds would exceed the bound, and this one is fixed."""
    row, sampling = logits(1, 12), Sampling(temperature=1.4, top_k=9, seed=11)
    made = Sampler(sampling)
    counts = Counter(made.choose(row).token_id for _ in range(2000))
    expected = {i: 2000 * share for i, share in enumerate(oracle(sampling, row, [])) if share}
    assert set(counts) <= set(expected)
    assert sum((counts[i] - e) ** 2 / e for i, e in expected.items()) < 31.8  # 8 degrees of freedom


def test_the_seed_alone_decides_the_stream() -> None:
    rows = [logits(seed) for seed in range(30)]

    def stream(seed: int | None, others: int = 0) -> list[int]:
        mates = [Sampler(Sampling(1, seed=99)) for _ in range(others)]
        made = Sampler(Sampling(1.5, top_p=0.95, seed=seed))
        tokens = []
        for row in rows:
            tokens.append(made.choose(row).token_id)
            torch.rand(3)  # the global generator is somebody else's
            for mate in mates:
                mate.choose(row)
        return tokens

    assert stream(4) == stream(4, others=3) != stream(5)
    assert Sampler(Sampling(1)).seed != Sampler(Sampling(1)).seed
    drawn = Sampler(Sampling(1))
    again = Sampler(Sampling(1, seed=drawn.seed))
    assert [drawn.choose(row) for row in rows] == [again.choose(row) for row in rows]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_greedy_takes_the_likeliest_and_the_smaller_id_of_equals(dtype: torch.dtype) -> None:
    row = torch.tensor([0.0, 3.0, 1.0, 3.0], dtype=dtype)
    choice = Sampler(Sampling(logprobs=3)).choose(row)
    shares = row.double().log_softmax(0)
    assert choice.token_id == 1
    assert choice.logprob == pytest.approx(float(shares[1]), abs=1e-12)
    assert [token_id for token_id, _ in choice.top] == [1, 3, 2]
    assert [value for _, value in choice.top] == pytest.approx([float(shares[i]) for i in (1, 3, 2)], abs=1e-12)


def test_logprobs_are_the_models_own_whatever_the_controls() -> None:
    row = logits(8)
    plain = Sampler(Sampling(logprobs=5)).choose(row)
    bent = sampler(
        Sampling(0.3, top_k=1, repetition_penalty=2, logit_bias=((plain.token_id, -100.0),), logprobs=5), [3]
    )
    choice = bent.choose(row)
    assert choice.token_id != plain.token_id
    assert choice.top == plain.top
    assert choice.logprob == pytest.approx(float(row.double().log_softmax(0)[choice.token_id]), abs=1e-12)


def test_penalties_count_the_answer_and_the_prompt_where_asked() -> None:
    row = torch.tensor([2.0, 1.9, -1.0])
    assert Sampler(Sampling(repetition_penalty=1.2)).choose(row).token_id == 0
    assert Sampler(Sampling(repetition_penalty=1.2), prompt=[0]).choose(row).token_id == 1
    assert Sampler(Sampling(presence_penalty=0.2), prompt=[0]).choose(row).token_id == 0
    assert sampler(Sampling(presence_penalty=0.2), [0]).choose(row).token_id == 1
    assert sampler(Sampling(frequency_penalty=0.06), [0]).choose(row).token_id == 0
    assert sampler(Sampling(frequency_penalty=0.06), [0, 0]).choose(row).token_id == 1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_only_allowed_tokens_are_chosen(temperature: float) -> None:
    row = torch.tensor([9.0, 0.0, 1.0])
    made = Sampler(Sampling(temperature, seed=1))
    only = torch.tensor([False, True, False])
    assert all(made.choose(row, only).token_id == 1 for _ in range(20))
    with pytest.raises(ConstraintError):
        made.choose(row, torch.zeros(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="vocabulary has 3"):
        made.choose(row, torch.ones(2, dtype=torch.bool))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_an_error(temperature: float, broken: float) -> None:
    with pytest.raises(BackendError, match="not numbers"):
        Sampler(Sampling(temperature)).choose(torch.tensor([0.0, broken, 1.0]))


def test_extreme_temperatures_and_scores_stay_numbers() -> None:
    row = torch.tensor([0.0, 1e4, 1e4 - 1, -math.inf])
    assert Sampler(Sampling(1e-30, seed=0)).choose(row).token_id == 1
    assert Sampler(Sampling(100, top_p=0.5, seed=0)).choose(row).token_id in (1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": -1},
        {"top_k": 1.5},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"repetition_penalty": 0},
        {"presence_penalty": 2.5},
        {"frequency_penalty": -2.5},
        {"seed": -1},
        {"seed": True},
        {"logprobs": 21},
        {"logit_bias": ((-1, 1.0),)},
        {"logit_bias": ((1, math.nan),)},
        {"logit_bias": ((1, 1.0), (1, 2.0))},
    ],
    ids=str,
)
def test_wrong_controls_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


def test_a_bias_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="logit_bias"):
        Sampler(Sampling(logit_bias=((VOCAB, 1.0),))).choose(logits(0))
