"""The two kinds of request: a reading that fills a segment, and a question whose answer streams.

Their methods are called by the scheduler's thread; what they find out reaches the caller through `events`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from sparse_backend.graphs import DecodeGraph
from sparse_backend.model import Step
from sparse_backend.probe import Evidence
from sparse_backend.scheduler import Work
from sparse_backend.segment import KVBuffer, Tail
from sparse_backend.select import Selection

Finish = Literal["stop", "length", "repeat", "cancelled"]
Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Event:
    """`progress` with a number of tokens read, `token` with its id, `end`, or `error`."""

    kind: Literal["progress", "token", "end", "error"]
    value: int = 0
    error: Exception | None = None


class ReadRequest:
    """Reads `token_ids` chunk by chunk into `kv`; `at_once`: the pattern needs all of them in one piece."""

    @property
    def streaming(self) -> bool:
        """Never."""
        return False

    def __init__(
        self,
        token_ids: Sequence[int],
        kv: KVBuffer,
        step: Callable[[], Step],
        *,
        owner: str,
        at_once: bool,
        cancel: Cancel | None,
        urgent: bool = False,
    ) -> None:
        self.owner, self.urgent = owner, urgent
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.abandoned = False
        self.released = threading.Event()
        self._ids, self._kv, self._step, self._at_once, self._cancel = token_ids, kv, step, at_once, cancel
        self._size = 0

    def work(self, budget: int) -> Work | None:
        start, n = self._kv.length, len(self._ids)
        if start == n:
            self.events.put(Event("end"))
            return None
        self._size = n if self._at_once else min(budget, n - start)
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


class AskRequest:
    """Feeds the new tokens of a tail, then generates: `choose` gives the next token for logits [vocabulary].

    `step` makes the step of one pass, given whether evidence counts in it.
    """

    urgent = True

    def __init__(
        self,
        tail: Tail,
        new_ids: Sequence[int],
        step: Callable[[bool], Step],
        *,
        owner: str,
        stop_ids: frozenset[int],
        max_new_tokens: int,
        choose: Callable[[Tensor], int],
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
        self.answer: list[int] = []
        self.finish: Finish = "length"
        self.first_token_s = 0.0
        self.over = False
        self._begin = time.perf_counter()
        self._pending = list(new_ids)
        self._step, self._stop_ids, self._most, self._choose = step, stop_ids, max_new_tokens, choose
        self._evidence, self._selection, self._cancel, self._graph = evidence, selection, cancel, graph
        self._fed: list[int] = []

    @property
    def streaming(self) -> bool:
        """Whether the question has been fed and the answer grows."""
        return bool(self.answer)

    def work(self, budget: int) -> Work | None:
        if self.over:
            return None
        self._fed = self._pending[: max(budget, 1)]
        last = len(self._fed) == len(self._pending)
        if last:
            self._evidence.expect(1)
        self.tail.kv.reserve(len(self._fed))
        replay = None
        if self._graph and self.answer and len(self._fed) == 1:
            graph, token = self._graph, self._fed[0]

            def replay() -> Tensor:
                return graph.run(token)

        return Work(tuple(self._fed), self._step(last), (len(self._fed) - 1,) if last else (), replay)

    def done(self, logits: Tensor | None) -> None:
        self.tail.kv.advance(len(self._fed))
        self.tail.token_ids.extend(self._fed)
        del self._pending[: len(self._fed)]
        if logits is None:
            return
        token = self._choose(logits[0])
        self._evidence.keep(1)
        if self._selection:
            self._selection.advance(1)
        self._take(token)

    def _take(self, token: int) -> None:
        if not self.answer:
            self.first_token_s = time.perf_counter() - self._begin
        if token in self._stop_ids:
            self._end("stop")
            return
        self.answer.append(token)
        self._pending = [token]
        self.events.put(Event("token", token))
        if looping(self.answer):
            self._end("repeat")
        elif len(self.answer) == self._most:
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
