"""Which token comes next: the usual controls over one row of logits, seeded, one request at a time.

The order is that of transformers' generate: logit bias, repetition penalty, then presence and frequency penalty (which
it lacks), the constraint's mask, temperature, top-k, top-p, min-p. Each choice takes exactly one uniform number from
the request's own generator, so a stream depends on its seed and its logits alone: not on other requests, nor on how
many rows of drafts were computed at once.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.config import BackendError, ConstraintError

MOST_LOGPROBS = 20
NUCLEUS = (1024, 16384)  # candidates ranked first; nearly every nucleus fits, and sorting a whole vocabulary is slow


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose among tokens. The defaults are greedy.

    `temperature`: 0 is greedy. `top_k`: 0 keeps all. `top_p`: smallest set of likeliest tokens of that mass (Holtzman
    et al. 2020). `min_p`: drops what is less likely than this share of the likeliest (Nguyen et al. 2024).
    `repetition_penalty`: divides positive and multiplies negative logits of tokens seen (Keskar et al. 2019).
    `presence_penalty` and `frequency_penalty`: subtracted once, and per occurrence, for tokens of the answer. `seed`:
    None draws a new one. `logprobs`: how many alternatives each choice reports. `logit_bias`: (token id, number added
    to its logit). Raises ValueError.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    logprobs: int = 0
    logit_bias: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0, 100)
        _whole("top_k", self.top_k, 0, 2**31)
        if self.top_p == 0:
            raise ValueError("top_p must be above 0 and at most 1, not 0")
        _within("top_p", self.top_p, 0, 1)
        _within("min_p", self.min_p, 0, 1)
        _within("repetition_penalty", self.repetition_penalty, 0.01, 100)
        _within("presence_penalty", self.presence_penalty, -2, 2)
        _within("frequency_penalty", self.frequency_penalty, -2, 2)
        if self.seed is not None:
            _whole("seed", self.seed, 0, 2**63 - 1)
        _whole("logprobs", self.logprobs, 0, MOST_LOGPROBS)
        for token_id, bias in self.logit_bias:
            _whole("a token id of logit_bias", token_id, 0, 2**31)
            _within("a value of logit_bias", bias, -100, 100)
        if len({token_id for token_id, _ in self.logit_bias}) < len(self.logit_bias):
            raise ValueError("logit_bias names a token twice")


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen token. `logprob` and `top` (token id, log-probability; likeliest first) are the model's own, before any
    bias, penalty, mask or filter, so they compare between settings; natural logarithms."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


class Sampler:
    """Chooses the tokens of one request; not shared between threads.

    `prompt`: token ids before the answer that the repetition penalty counts as seen. transformers counts the whole
    prompt; whoever wants a document quoted leaves it out.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int] = ()) -> None:
        self.sampling = sampling
        self.seed = secrets.randbits(63) if sampling.seed is None else sampling.seed
        self._generator = torch.Generator().manual_seed(self.seed)  # on the CPU, so that devices share one stream
        self._seen = dict.fromkeys(prompt) if sampling.repetition_penalty != 1 else {}  # in order, each once
        self._counts: dict[int, int] = {}

    def observe(self, token_id: int) -> None:
        """Notes that the answer goes on with `token_id`; penalties count it from now on."""
        self._counts[token_id] = self._counts.get(token_id, 0) + 1
        if self.sampling.repetition_penalty != 1:
            self._seen[token_id] = None

    def choose(self, logits: Tensor, allowed: Tensor | None = None) -> Choice:
        """The next token after `logits` [vocab], any float dtype; `allowed` bool [vocab] leaves others out.

        Greedy ties go to the smaller id. Raises BackendError for logits that are no numbers and ConstraintError
        when nothing is allowed.
        """
        raw = logits.to(torch.float64)
        total = raw.logsumexp(0)
        scores = self.processed(raw, allowed)
        token = scores.argmax() if self.sampling.temperature == 0 else self._draw(self.filtered(scores))
        chosen, logprob, best = torch.stack([token.double(), raw[token] - total, scores[token]]).tolist()  # one wait
        if math.isnan(logprob) or math.isnan(best):
            raise BackendError(
                "The model's scores are not numbers; its weights or this device's arithmetic are broken."
            )
        if best == -math.inf:
            raise ConstraintError("Nothing that the answer's grammar allows can be said next.")
        return Choice(int(chosen), logprob, self._alternatives(raw - total))

    def processed(self, logits: Tensor, allowed: Tensor | None = None) -> Tensor:
        """float64 logits [vocab] with bias and penalties; -inf where not `allowed`."""
        scores = logits.to(torch.float64, copy=True)
        options, device = self.sampling, logits.device
        if options.logit_bias:
            ids = torch.tensor([token_id for token_id, _ in options.logit_bias], device=device)
            if int(ids.max()) >= len(scores):
                raise ValueError(f"logit_bias names a token beyond the vocabulary of {len(scores):,}")
            scores[ids] += torch.tensor([bias for _, bias in options.logit_bias], dtype=torch.float64, device=device)
        if self._seen:
            ids = torch.tensor(list(self._seen), device=device)
            old = scores[ids]
            scores[ids] = torch.where(old < 0, old * options.repetition_penalty, old / options.repetition_penalty)
        if self._counts and (options.presence_penalty or options.frequency_penalty):
            ids = torch.tensor(list(self._counts), device=device)
            counts = torch.tensor(list(self._counts.values()), dtype=torch.float64, device=device)
            scores[ids] -= options.presence_penalty + options.frequency_penalty * counts
        if allowed is not None:
            if allowed.shape != scores.shape:
                raise ValueError(f"the mask covers {len(allowed):,} tokens, the model's vocabulary has {len(scores):,}")
            scores.masked_fill_(~allowed.to(device), -math.inf)
        return scores

    def filtered(self, scores: Tensor) -> Tensor:
        """`scores` [vocab] over the temperature, the largest at 0, -inf for what the filters drop; softmax of it is
        what tokens are drawn from. Tokens as likely as the last one kept are kept too."""
        options = self.sampling
        scores = (scores - scores.max()) / options.temperature
        if 0 < options.top_k < len(scores):
            scores = _at_least(scores, scores.topk(options.top_k).values[-1])
        if options.top_p < 1:
            scores = _at_least(scores, _nucleus(scores, options.top_p))
        if options.min_p > 0:
            scores = _at_least(scores, math.log(options.min_p))
        return scores

    def _draw(self, scores: Tensor) -> Tensor:
        uniform = torch.rand((), generator=self._generator, dtype=torch.float64)
        if not bool(scores[scores.argmax()] == 0):
            return scores.argmax()  # nothing allowed or no numbers: the caller sees it in the chosen score
        kept = (scores > -math.inf).nonzero()[:, 0]
        mass = scores[kept].exp().cumsum(0)
        place = torch.searchsorted(mass, uniform.to(mass.device) * mass[-1], right=True)
        return kept[place.clamp(max=len(kept) - 1)]

    def _alternatives(self, logprobs: Tensor) -> tuple[tuple[int, float], ...]:
        if not self.sampling.logprobs:
            return ()
        values, ids = logprobs.topk(min(self.sampling.logprobs, len(logprobs)))
        pairs = zip(ids.tolist(), values.tolist(), strict=True)
        return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _at_least(scores: Tensor, least: Tensor | float) -> Tensor:
    return scores.masked_fill(scores < least, -math.inf)


def _nucleus(scores: Tensor, top_p: float) -> Tensor:
    """The smallest score in the nucleus: tokens above it in rank hold less than `top_p` of the mass."""
    total = scores.exp().sum()
    for candidates in (*(some for some in NUCLEUS if some < len(scores)), len(scores)):
        some = candidates < len(scores)
        ranked = scores.topk(candidates).values if some else scores.sort(descending=True).values
        mass = ranked.exp() / total
        above = mass.cumsum(0) - mass
        inside = int((above < top_p).sum())
        if inside < candidates:
            break
    return ranked[max(inside, 1) - 1]


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} must be between {low:g} and {high:g}, not {value}")


def _whole(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number between {low} and {high}, not {value}")
