"""Engine: read(), ask(). The only door the assistant uses.

The engine knows nothing about text: token ids and anchors go in, token ids and attention evidence come out. One lock
is held for one forward pass at a time, so a question is answered between two chunks of a long reading.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sparse_backend import gpu
from sparse_backend.config import (
    BackendError,
    Cancelled,
    ContextTooLongError,
    EngineOptions,
    Impl,
    OutOfMemoryError,
    UnsupportedPatternError,
)
from sparse_backend.crossover import chunk_size, effective
from sparse_backend.kvstore import SegmentStore
from sparse_backend.layout import Layout, compile_layout
from sparse_backend.model import Decoder
from sparse_backend.presets import Schedule, preset
from sparse_backend.probe import Evidence
from sparse_backend.segment import KVBuffer, Segment, Tail, segment_key
from sparse_backend.steps import AskStep, ReadStep

Finish = Literal["stop", "length", "repeat", "cancelled"]
Progress = Callable[[int, int], None]  # tokens read, tokens in all
Cancel = Callable[[], bool]
SINK = 64  # leading tokens without evidence: they gather attention whatever is asked


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a document gave: `cached_tokens` of the segment's tokens did not have to be read again.

    `seconds` for all of it, `save_s` of them for writing the segment to disk.
    """

    segment: Segment
    cached_tokens: int
    seconds: float
    save_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `evidence`: float32 [len(token_ids), len(segment)], attention mass per generated token.

    `cached_tokens` of the `context_tokens` before the answer had their keys and values ready.
    """

    token_ids: tuple[int, ...]
    finish: Finish
    context_tokens: int
    cached_tokens: int
    first_token_s: float
    total_s: float
    evidence: Tensor


class Engine:
    """Reads documents once and answers questions on them, for any number of conversations."""

    def __init__(self, decoder: Decoder, options: EngineOptions) -> None:
        if reason := gpu.missing(options.impl):
            raise UnsupportedPatternError(reason)
        if options.impl is Impl.FLEX:
            raise UnsupportedPatternError(
                "The implementation “flex” compiles anew for every length and serves benchmarks only; choose “triton”."
            )
        self.decoder = decoder
        self.options = options
        decoder.to(options.impl.device)
        self.schedule = preset(options.pattern, options.level)
        self.store = SegmentStore(options.segments)
        self.store.open()
        self._compute = threading.Lock()
        self._state = threading.Lock()
        self._reading: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._segments: OrderedDict[str, Segment] = OrderedDict()
        self._tails: list[Tail] = []
        self._forgotten: set[str] = set()  # their tails are dropped when a running answer gives them back

    # -- reading ---------------------------------------------------------------

    def check_length(self, tokens: int) -> None:
        """Raises ContextTooLongError when `tokens` exceed the model's trained range."""
        if tokens > self.decoder.limit:
            raise ContextTooLongError(
                f"This needs {tokens:,} tokens, but {self.decoder.name} was trained for {self.decoder.limit:,}.",
                tokens=tokens,
                limit=self.decoder.limit,
            )

    def key(self, token_ids: Sequence[int], anchors: Sequence[int]) -> str:
        """The content hash under which these tokens' keys and values are kept."""
        model, impl = self.decoder.fingerprint, self.options.impl.value
        return segment_key(model, self.schedule_for(len(token_ids)).fingerprint, impl, token_ids, anchors)

    def schedule_for(self, n: int) -> Schedule:
        """How n tokens are read, see crossover.effective."""
        return effective(self.schedule, n, self.options.impl.device)

    def pattern_for(self, n: int) -> str:
        """The name of the pattern with which n tokens are read, for receipts: “dense” for short texts."""
        return "dense" if self.schedule_for(n).covers(n) else self.options.pattern

    def read(
        self,
        token_ids: Sequence[int],
        anchors: Sequence[int],
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Read:
        """Reads a document under the engine's pattern, or takes it from memory or disk when it was read before.

        `anchors`: indices of header tokens. Raises ContextTooLongError, OutOfMemoryError, DiskFullError, Cancelled;
        none of them leaves anything behind.
        """
        if not token_ids:
            raise ValueError("there is nothing to read")
        start = time.perf_counter()
        self.check_length(len(token_ids))
        key = self.key(token_ids, anchors)
        with self._state:
            reading = self._reading[key]
        with reading:  # a second reader of the same document waits and then finds it
            segment = self._known(key)
            cached, save_s = len(token_ids) if segment else 0, 0.0
            if segment is None:
                segment = self._prefill(key, token_ids, anchors, progress, cancel)
                saving = time.perf_counter()
                self.store.save(segment)
                save_s = time.perf_counter() - saving
                self._remember(segment)
        if progress:
            progress(len(token_ids), len(token_ids))
        return Read(segment, cached, time.perf_counter() - start, save_s)

    def forget(self, key: str) -> None:
        """Deletes a segment's keys and values from memory and disk, and every tail behind it."""
        with self._state:
            self._segments.pop(key, None)
            self._forgotten.add(key)
            self._tails = [tail for tail in self._tails if tail.segment_key != key]
        self.store.delete(key)

    def _known(self, key: str) -> Segment | None:
        with self._state:
            segment = self._segments.get(key)
        if segment is None and (stored := self.store.load(key)):
            segment = stored.on(self.options.impl.device)
        if segment:
            self._remember(segment)
        return segment

    def _remember(self, segment: Segment) -> None:
        with self._state:
            self._segments[segment.key] = segment
            self._forgotten.discard(segment.key)
            self._segments.move_to_end(segment.key)
            while len(self._segments) > self.options.resident_segments:
                self._segments.popitem(last=False)

    def _prefill(
        self,
        key: str,
        token_ids: Sequence[int],
        anchors: Sequence[int],
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> Segment:
        n = len(token_ids)
        self._check_room(n)
        kv = KVBuffer(self.decoder.shape, n, self.options.impl.device)
        step = ReadStep(kv, self._layouts(anchors, n), self.options.impl)
        size = chunk_size(self.schedule_for(n), n, self.options.impl.device, self.options.chunk)
        for start in range(0, n, size):
            if cancel and cancel():
                raise Cancelled("Reading was cancelled.")
            if progress:
                progress(start, n)
            chunk = token_ids[start : start + size]
            with self._compute:
                self.decoder.forward(chunk, start, step)
            kv.advance(len(chunk))
        return Segment(key, tuple(token_ids), tuple(anchors), kv.keys, kv.values)

    def _layouts(self, anchors: Sequence[int], n: int) -> list[Layout]:
        """One layout per layer; layers with the same pattern share theirs."""
        layers = self.decoder.shape.layers
        patterns = [self.schedule_for(n).of(layer, layers) for layer in range(layers)]
        indices = torch.tensor(anchors, dtype=torch.int64)
        device = self.options.impl.device
        compiled = {pattern: compile_layout(pattern, indices, n).on(device) for pattern in set(patterns)}
        return [compiled[pattern] for pattern in patterns]

    def _check_room(self, n: int) -> None:
        size = self.decoder.shape.bytes(n)
        free = gpu.free_bytes(self.options.impl.device)
        if size > 0.8 * free:
            raise OutOfMemoryError(
                f"Reading {n:,} tokens needs {size / 1e9:.1f} GB of memory, but {free / 1e9:.1f} GB are free; "
                f"close other programs, choose a smaller model or read fewer files."
            )
        self.store.check_space(size)

    # -- asking ----------------------------------------------------------------

    def ask(
        self,
        segment: Segment,
        tail_ids: Sequence[int],
        *,
        stop_ids: frozenset[int],
        max_new_tokens: int,
        cancel: Cancel | None = None,
    ) -> Generator[int, None, Answer]:
        """Yields the answer's token ids (greedy), then returns the Answer.

        `tail_ids`: everything behind the segment, earlier turns included; what a live tail already holds is not
        computed again. Closing the generator stops the work at the next token. Raises ContextTooLongError before
        anything is computed, and ValueError for an empty tail or for less than one new token.
        """
        if not tail_ids:
            raise ValueError("there is no question")
        if max_new_tokens < 1:
            raise ValueError("max_new_tokens must be at least 1")
        self.check_length(len(segment) + len(tail_ids) + max_new_tokens)
        start = time.perf_counter()
        tail = self._take_tail(segment, tail_ids)
        cached = len(segment) + tail.kv.length
        try:
            answer: list[int] = []
            evidence = Evidence(self.decoder.shape.layers, len(segment), SINK)
            token = self._extend(segment, tail, tail_ids[tail.kv.length :], evidence)
            first_token_s = time.perf_counter() - start
            finish: Finish = "length"
            while True:
                if token in stop_ids:
                    finish = "stop"
                    break
                answer.append(token)
                yield token
                if cancel and cancel():
                    finish = "cancelled"
                    break
                if looping(answer):
                    finish = "repeat"
                    break
                if len(answer) == max_new_tokens:
                    break
                token = self._extend(segment, tail, [token], evidence)
        finally:
            self._return_tail(tail)
        rows = evidence.rows()[: len(answer)]
        context = len(segment) + len(tail_ids)
        return Answer(tuple(answer), finish, context, cached, first_token_s, time.perf_counter() - start, rows)

    def _extend(self, segment: Segment, tail: Tail, token_ids: Sequence[int], evidence: Evidence) -> int:
        """Feeds `token_ids` behind the tail; the most likely next token."""
        tail.kv.reserve(len(token_ids))
        logits: Tensor | None = None
        for low in range(0, len(token_ids), self.options.chunk):
            chunk = list(token_ids[low : low + self.options.chunk])
            last = low + len(chunk) == len(token_ids)
            step = AskStep(segment, tail.kv, self.options.impl, evidence if last else None)
            with self._compute:
                logits = self.decoder.forward(chunk, len(segment) + tail.kv.length, step)
            tail.kv.advance(len(chunk))
            tail.token_ids.extend(chunk)
        if logits is None:
            raise BackendError("The model gave no next token.")
        evidence.next_token()
        return int(logits.argmax())

    def _take_tail(self, segment: Segment, tail_ids: Sequence[int]) -> Tail:
        """The live tail that shares most with `tail_ids`, cut to what is shared; a new one when none shares anything.

        At least the last token is always computed, because its logits are needed.
        """
        most = len(tail_ids) - 1
        with self._state:
            candidates = [tail for tail in self._tails if tail.segment_key == segment.key]
            best = max(candidates, key=lambda tail: tail.shared(tail_ids), default=None)
            shared = min(best.shared(tail_ids), most) if best else 0
            if best is None or shared == 0:
                return Tail(
                    segment.key, [], KVBuffer(self.decoder.shape, len(tail_ids) + 256, self.options.impl.device)
                )
            if shared < len(best.token_ids) - 1:  # another branch of the conversation may want the rest
                return Tail(segment.key, best.token_ids[:shared], best.kv.copy(shared))
            self._tails.remove(best)
        best.kv.crop(shared)
        del best.token_ids[shared:]
        return best

    def _return_tail(self, tail: Tail) -> None:
        del tail.token_ids[tail.kv.length :]
        with self._state:
            if tail.segment_key in self._forgotten:
                return
            self._tails.append(tail)
            del self._tails[: -self.options.live_tails]


def looping(token_ids: Sequence[int], longest: int = 48, times: int = 4) -> bool:
    """Whether the end is one phrase of at most `longest` tokens, repeated `times` times over at least 24 tokens."""
    n = len(token_ids)
    for period in range(1, min(longest, n // times) + 1):
        span = max(period * times, 24)
        if span <= n and all(token_ids[-i] == token_ids[-i - period] for i in range(1, span - period + 1)):
            return True
    return False
