"""Scheduler: many requests on one device, side by side in one forward pass (continuous batching, Orca, OSDI 2022).

Every pass carries the next tokens of all answers and, in what room is left, a piece of one question or one reading;
attention aside, a decoder treats tokens one by one, so pieces of different texts need no padding. While answers grow, a
reading gets only as many tokens as fit `step_s`, so nobody's stream waits for somebody's document; readings of
different owners take turns. What nobody waits for is computed while there is nothing else. A request that fails or is
cancelled leaves the others alone.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sparse_backend.model import Decoder, Step
from sparse_backend.steps import PackStep

QUESTION = 64  # tokens that waiting questions together may take of a pass at least, whatever streams

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """What a request wants computed next: tokens, the step that attends for them, whose logits (places in them)."""

    token_ids: tuple[int, ...]
    step: Step
    keep: tuple[int, ...]
    replay: Callable[[], Tensor] | None = None  # computes the same faster where it is alone in a pass; logits


class Request(Protocol):
    """Something to be computed piece by piece. All methods are called by the scheduler's thread."""

    owner: str
    urgent: bool  # a question: goes before readings
    background: bool  # nobody waits for it: computed in small pieces, and only while there is nothing else
    released: threading.Event  # set once the scheduler will not touch the request again

    @property
    def streaming(self) -> bool:
        """Whether it is an answer that grows token by token: it takes part in every pass."""

    def work(self, budget: int) -> Work | None:
        """The next piece of at most `budget` tokens (one that streams may exceed it); None when all is done."""

    def done(self, logits: Tensor | None) -> None:
        """Takes the logits [len(keep), vocabulary] of the piece that `work` gave; None where it wanted none."""

    def fail(self, error: Exception) -> None:
        """Ends the request with an error."""

    def cancelled(self) -> bool:
        """Whether nobody wants it any more; asked before every pass."""


class Scheduler:
    """One thread that computes while there are requests, and ends when there are none."""

    def __init__(self, decoder: Decoder, *, chunk: int, step_s: float) -> None:
        """`chunk`: most tokens of a question or reading in a pass; `step_s`: seconds that a pass may take meanwhile."""
        self.decoder = decoder
        self._chunk, self._step_s = chunk, step_s
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._turns: deque[str] = deque()  # owners, the one served longest ago first
        self._running = False
        self._rate = 0.0  # tokens a second of the passes that read, measured
        self.passes = itertools.count()

    def submit(self, request: Request, *, background: bool = False) -> None:
        """Adds a request; it is computed from the next pass on, one in the `background` once there is nothing else."""
        request.background = background
        with self._lock:
            self._requests.append(request)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="scheduler", daemon=True).start()

    @property
    def load(self) -> int:
        """How many requests there are."""
        return len(self._requests)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._requests:
                    self._running = False
                    return
                waiting = list(self._requests)
            for request in waiting:
                try:
                    gone = request.cancelled()
                except Exception as error:
                    self._fail(request, error)
                else:
                    if gone:
                        self._drop(request)
            self._pass()

    def _pass(self) -> None:
        """Plans and computes one pass."""
        with self._lock:
            everything = list(self._requests)
        people = [request for request in everything if not request.background]
        waiting = people or everything
        plan: list[tuple[Request, Work]] = []
        for request in waiting:
            if request.streaming:
                self._ask(request, 1, plan)
        others = [request for request in waiting if not request.streaming]
        questions = [request for request in others if request.urgent]
        left = self._budget(bool(plan)) if people else self._spare()
        if questions and people:  # short, and somebody waits for each: what one leaves of the pass is the next one's
            left = max(left, min(QUESTION, self._chunk))
            while left > 0 and (chosen := self._next(questions)):
                questions.remove(chosen)
                left -= self._ask(chosen, left, plan)
        elif chosen := self._next(questions or others):
            self._ask(chosen, left, plan)
        if plan:
            next(self.passes)
            self._compute(plan)

    def _ask(self, request: Request, budget: int, plan: list[tuple[Request, Work]]) -> int:
        """Adds the request's next piece to `plan`; its tokens."""
        try:
            work = request.work(budget)
        except Exception as error:  # whatever it is, it is this request's own
            self._fail(request, error)
            return 0
        if work is None:
            self._drop(request)
            return 0
        plan.append((request, work))
        return len(work.token_ids)

    def _spare(self) -> int:
        """Tokens of a pass that nobody waits for: few, as somebody might come, but not so few that it never ends."""
        return max(1, self._chunk // 4, min(self._chunk, int(self._rate * self._step_s)))

    def _budget(self, streaming: bool) -> int:
        """Tokens that a question or a reading may take of this pass."""
        if not streaming or not self._rate:
            return self._chunk if not streaming else max(1, self._chunk // 4)
        return max(16, min(self._chunk, int(self._rate * self._step_s)))

    def _next(self, requests: list[Request]) -> Request | None:
        """The first request of the owner who was served longest ago."""
        if not requests:
            return None
        for owner in {request.owner for request in requests} - set(self._turns):
            self._turns.appendleft(owner)
        first: dict[str, Request] = {}
        for request in requests:
            first.setdefault(request.owner, request)
        owner = next(owner for owner in self._turns if owner in first)
        self._turns.remove(owner)
        self._turns.append(owner)
        while len(self._turns) > 1024:
            self._turns.popleft()
        return first[owner]

    def _compute(self, plan: list[tuple[Request, Work]]) -> None:
        begin, tokens = time.perf_counter(), sum(len(work.token_ids) for _, work in plan)
        try:
            shares = self._forward([work for _, work in plan])
            if tokens >= 64:
                self.decoder.settle()  # what a GPU was only told to do took no time yet
        except Exception as error:
            if len(plan) == 1:
                self._fail(plan[0][0], error)
                return
            logger.warning("A pass of %d requests failed; each is tried alone.", len(plan))
            self._compute_alone(plan)
            return
        if tokens >= 64:
            rate = tokens / max(time.perf_counter() - begin, 1e-6)
            self._rate = rate if not self._rate else 0.7 * self._rate + 0.3 * rate
        for (request, _), logits in zip(plan, shares, strict=True):
            try:
                request.done(logits)
            except Exception as error:
                self._fail(request, error)

    def _compute_alone(self, plan: list[tuple[Request, Work]]) -> None:
        """Each work in a pass of its own, asked for anew: what a request noted of the failed pass must not stay."""
        for request, work in plan:
            again: list[tuple[Request, Work]] = []
            self._ask(request, len(work.token_ids), again)
            if again:
                self._compute(again)

    def _forward(self, works: list[Work]) -> list[Tensor | None]:
        """The logits of each work, computed together."""
        if len(works) == 1 and works[0].replay:
            return [works[0].replay()]
        ids = [token for work in works for token in work.token_ids]
        starts = itertools.accumulate((len(work.token_ids) for work in works[:-1]), initial=0)
        keep = [start + place for start, work in zip(starts, works, strict=True) for place in work.keep]
        pieces = [(len(work.token_ids), work.step) for work in works]
        logits = self.decoder.forward(ids, PackStep(self.decoder.shape.layers, pieces), keep=keep or [len(ids) - 1])
        if logits is None or not keep:
            return [None] * len(works)
        shares = torch.split(logits, [len(work.keep) for work in works])
        return [share if len(share) else None for share in shares]

    def _fail(self, request: Request, error: Exception) -> None:
        request.fail(error)
        self._drop(request)

    def _drop(self, request: Request) -> None:
        with self._lock:
            if request in self._requests:
                self._requests.remove(request)
        request.released.set()
