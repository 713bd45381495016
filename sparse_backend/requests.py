"""The two kinds of request: a reading that fills a segment, and a question whose answer streams.

Their methods are called by the scheduler's thread; what they find out reaches the caller through `events`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Tensor

from sparse_backend.constrain import Constraint
from sparse_backend.decode_step import Speculation, decode_step
from sparse_backend.graphs import DecodeGraph
from sparse_backend.model import Step
from sparse_backend.probe import Evidence
from sparse_backend.sampling import Choice, Sampler
from sparse_backend.scheduler import Work
from sparse_backend.segment import Tail
from sparse_backend.select import Selection
from sparse_backend.steps import Taking

Finish = Literal["stop", "length", "repeat", "cancelled"]
Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Event:
    """`progress` with a number of tokens read, `token` with its id, `end`, or `error`."""

    kind: Literal["progress", "token", "end", "error"]
    value: int = 0
    error: Exception | None = None


class ReadRequest:
    """Reads `token_ids` into `kv`, at most `most` in a pass; `at_once`: the pattern needs all of them in one piece."""

    background = False

    @property
    def streaming(self) -> bool:
        """Never."""
        return False

    def __init__(
        self,
        token_ids: Sequence[int],
        kv: Taking,
        step: Callable[[], Step],
        *,
        owner: str,
        at_once: bool,
        most: int,
        cancel: Cancel | None,
        urgent: bool = False,
    ) -> None:
        self.owner, self.urgent = owner, urgent
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.abandoned = False
        self.released = threading.Event()
        self._ids, self._kv, self._step, self._at_once, self._cancel = token_ids, kv, step, at_once, cancel
        self._size, self._most = 0, most

    def work(self, budget: int) -> Work | None:
        start, n = self._kv.length, len(self._ids)
        if start == n:
            self.events.put(Event("end"))
            return None
        self._size = n if self._at_once else min(budget, self._most, n - start)
        self.events.put(Event("progress", start))
        return Work(tuple(self._ids[start : start + self._size]), self._step(), ())

    def done(self, logits: Tensor | None) -> None:
        self._kv.advance(self._size)

    def fail(self, error: Exception) -> None:
        self.events.put(Event("error", error=error))

    def cancelled(self) -> bool:
        gone = self.abandoned or (self._cancel is not None and self._cancel())
        if gone:
            self.events.put(Event("end"))
        return gone

    @property
    def complete(self) -> bool:
        """Whether all tokens were read."""
        return self._kv.length == len(self._ids)


@dataclass(slots=True)
class Wish:
    """What an answer should be like: how its tokens are chosen, where it ends, what it is drafted and held by."""

    sampler: Sampler
    speculation: Speculation
    constraint: Constraint | None
    stop_ids: frozenset[int]
    max_new_tokens: int


class AskRequest:
    """Feeds the new tokens of a tail, then generates, checking drafts in the same pass.

    `step` makes the step of one pass, given the evidence to collect (None where no token follows) and whether the
    answer has begun.
    """

    urgent = True
    background = False

    def __init__(
        self,
        tail: Tail,
        new_ids: Sequence[int],
        step: Callable[[Evidence | None, bool], Step],
        wish: Wish,
        *,
        owner: str,
        evidence: Evidence,
        selection: Selection | None,
        cancel: Cancel | None,
        graph: DecodeGraph | None = None,
    ) -> None:
        self.owner = owner
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.abandoned = False
        self.released = threading.Event()
        self.tail = tail
        self.choices: list[Choice] = []  # of the answer's tokens
        self.answer: list[int] = []
        self.finish: Finish = "length"
        self.first_token_s = 0.0
        self.over = False
        self._begin = time.perf_counter()
        self._pending = list(new_ids)
        self._step, self._wish = step, wish
        self._evidence, self._selection, self._cancel, self._graph = evidence, selection, cancel, graph
        self._fed: list[int] = []
        self._drafts: tuple[int, ...] = ()

    @property
    def streaming(self) -> bool:
        """Whether the question has been fed and the answer grows."""
        return bool(self.answer)

    def work(self, budget: int) -> Work | None:
        if self.over:
            return None
        self._drafts, replay = (), None
        if self.answer:
            if self._graph and self._graph.ready:  # one token at a time is what it was recorded for
                replay = partial(self._graph.run, self._pending[0])
            else:
                self._drafts = self._wish.speculation.propose(self._wish.max_new_tokens - len(self.answer) - 1)
        self._fed = [*self._pending[: max(budget, 1)], *self._drafts]
        last = len(self._fed) - len(self._drafts) == len(self._pending)
        rows = 1 + len(self._drafts) if last else 0
        if last:
            self._evidence.expect(rows)
        self.tail.kv.reserve(len(self._fed))
        step = self._step(self._evidence if last else None, bool(self.answer))
        return Work(tuple(self._fed), step, tuple(range(len(self._fed) - rows, len(self._fed))), replay)

    def done(self, logits: Tensor | None) -> None:
        kept = len(self._fed) - len(self._drafts)
        if logits is not None:
            wish = self._wish
            chosen = decode_step(logits, self._drafts, wish.sampler, wish.constraint, wish.stop_ids)
            kept += chosen.accepted
            self._evidence.keep(chosen.keep)
            if self._selection:
                self._selection.advance(chosen.keep, self.tail.kv.length + kept)
        self.tail.kv.advance(kept)
        self.tail.token_ids.extend(self._fed[:kept])
        if logits is None:
            del self._pending[:kept]
            return
        wish.speculation.settle(chosen)
        if not self.answer:
            self.first_token_s = time.perf_counter() - self._begin
        for choice in chosen.choices:
            if not self.over:
                self._take(choice)
        if chosen.finished and not self.over:
            self._end("stop")

    def _take(self, choice: Choice) -> None:
        if choice.token_id in self._wish.stop_ids:
            self._end("stop")
            return
        self.answer.append(choice.token_id)
        self.choices.append(choice)
        self._pending = [choice.token_id]
        self.events.put(Event("token", choice.token_id))
        if looping(self.answer):
            self._end("repeat")
        elif len(self.answer) == self._wish.max_new_tokens:
            self._end("length")

    def _end(self, finish: Finish) -> None:
        self.finish, self.over = finish, True
        self.events.put(Event("end"))

    def fail(self, error: Exception) -> None:
        self.over = True
        self.events.put(Event("error", error=error))

    def cancelled(self) -> bool:
        if self.over:
            return True
        gone = self.abandoned or (self._cancel is not None and self._cancel())
        if gone:
            self._end("cancelled")
        return gone


def looping(token_ids: Sequence[int], longest: int = 48, times: int = 4) -> bool:
    """Whether the end is one phrase of at most `longest` tokens, repeated `times` times over at least 24 tokens."""
    n = len(token_ids)
    for period in range(1, min(longest, n // times) + 1):
        span = max(period * times, 24)
        if span <= n and all(token_ids[-i] == token_ids[-i - period] for i in range(1, span - period + 1)):
            return True
    return False
