"""Engine: read(), ask(). The only door the assistant uses.

The engine knows nothing about text: token ids and anchors go in, token ids and attention evidence come out. Everything
is computed by one scheduler, which puts the pieces of all requests side by side in one pass.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from weakref import WeakValueDictionary

from sparse_backend import gpu
from sparse_backend.admission import Admission, Position
from sparse_backend.config import (
    Cancelled,
    ContextTooLongError,
    EngineOptions,
    Impl,
    UnsupportedPatternError,
)
from sparse_backend.constrain import Constraint
from sparse_backend.crossover import reading, within
from sparse_backend.decode_step import Speculation
from sparse_backend.graphs import DecodeGraph
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.lookup import Drafter
from sparse_backend.model import Decoder, Step
from sparse_backend.presets import Schedule, preset
from sparse_backend.probe import Evidence, Head
from sparse_backend.quantize import packed_bytes
from sparse_backend.question_look import QuestionLook
from sparse_backend.read_plan import ReadPlan
from sparse_backend.requests import AskRequest, Cancel, ReadRequest, Wish
from sparse_backend.results import Answer, Read
from sparse_backend.salted import salted_segment_key
from sparse_backend.sampling import Sampler, Sampling
from sparse_backend.scheduler import Scheduler
from sparse_backend.segment import Context, Segment, Tail, segment_key
from sparse_backend.select import Selection, SelectStep
from sparse_backend.shelf import Shelf
from sparse_backend.steps import TailStep
from sparse_backend.suffixes import SuffixCache
from sparse_backend.tails import Tails

Progress = Callable[[int, int], None]  # tokens read, tokens in all
SINK = 64  # leading tokens without evidence: they gather attention whatever is asked
SUFFIX_BYTES = 64 << 20  # of the indexes from which answers are drafted
GREEDY = Sampling()


class Engine:
    """Reads documents once and answers questions on them, for any number of conversations at once."""

    def __init__(
        self,
        decoder: Decoder,
        options: EngineOptions,
        store: StoreOptions | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        """`scheduler`: another engine's on this decoder. Raises UnsupportedPatternError, and as SegmentStore.open."""
        if reason := gpu.missing(options.impl):
            raise UnsupportedPatternError(reason)
        if options.impl is Impl.FLEX:
            raise UnsupportedPatternError(
                "The implementation “flex” compiles anew for every length and serves benchmarks only; choose “triton”."
            )
        self.decoder = decoder
        self.options = options
        decoder.to(options.impl.device)
        self.schedule = preset(options.pattern, options.level, trained=decoder.trained)
        self.heads: tuple[Head, ...] = ()  # those that look at the proof, where they are known for this model
        self.question_heads: tuple[Head, ...] = ()  # those that look at it from the words of the question
        self.store = SegmentStore(options.segments, store)
        self.store.open()
        self.shelf = Shelf(self.store, options.impl.device, options.resident_segments)
        self.scheduler = scheduler or Scheduler(decoder, chunk=options.chunk, step_s=options.step_s)
        self.admission = Admission(lambda: gpu.free_bytes(options.impl.device), self.shelf.let_go)
        self._state = threading.Lock()
        self._reading: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()  # gone with its last reader
        self._suffixes = SuffixCache(SUFFIX_BYTES)
        self.tails = Tails(decoder.shape, options.impl.device, options.live_tails)

    # -- reading ---------------------------------------------------------------

    def reads(self, tokens: int) -> bool:
        """Whether the engine's pattern can read a text of `tokens`; “headers” reads beyond the trained range too."""
        return tokens <= self.decoder.limit or within(self.schedule, self.decoder.limit) is not None

    def check_length(self, tokens: int) -> None:
        """Raises ContextTooLongError when a text of `tokens` cannot be read by the engine's pattern."""
        if not self.reads(tokens):
            raise ContextTooLongError(
                f"This needs {tokens:,} tokens, but {self.decoder.name} was trained for {self.decoder.limit:,}, "
                f"and only the pattern “headers” reads beyond that.",
                tokens=tokens,
                limit=self.decoder.limit,
            )

    def key(self, token_ids: Sequence[int], anchors: Sequence[int]) -> str:
        """The content hash under which these tokens' keys and values are kept."""
        model, impl, salt = self.decoder.fingerprint, self.options.impl.value, self.options.salt
        pattern = f"{self.schedule_for(len(token_ids)).fingerprint}|{self.store.options.kv_format}"
        if not salt:
            return segment_key(model, pattern, impl, token_ids, anchors)
        return salted_segment_key(salt, model, pattern, impl, token_ids, anchors)

    def schedule_for(self, n: int) -> Schedule:
        """How n tokens are read, see crossover."""
        return reading(self.schedule, n, self.decoder.limit, self.options.impl.device)

    def pattern_for(self, n: int) -> str:
        """The pattern with which n tokens are read, for receipts: “dense” for short texts."""
        return "dense" if self.schedule_for(n).covers(n) else self.options.pattern

    def read(
        self,
        token_ids: Sequence[int],
        anchors: Sequence[int],
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        waiting: Position | None = None,
        owner: str = "",
    ) -> Read:
        """Reads a document under the engine's pattern, or takes it from memory or disk when it was read before.

        `anchors`: indices of header tokens. `waiting` is told the place in the queue while memory is short; readings
        of different `owner`s take turns. Raises ContextTooLongError, OutOfMemoryError, DiskFullError, Cancelled; none
        of them leaves anything behind.
        """
        if not token_ids:
            raise ValueError("there is nothing to read")
        start = time.perf_counter()
        self.check_length(len(token_ids))
        key = self.key(token_ids, anchors)
        with self._state:
            alone = self._reading.setdefault(key, threading.Lock())
        with alone:  # a second reader of the same document waits and then finds it
            segment = self.shelf.get(key)
            cached, save_s = len(token_ids) if segment else 0, 0.0
            if segment is None:
                n, form, shape = len(token_ids), self.store.options.kv_format, self.decoder.shape
                self.store.check_space(packed_bytes(shape, n, form))
                plan = ReadPlan(self.decoder, self.options, self.schedule_for(n), form, token_ids, anchors)
                with self.admission.enter(plan.bytes, waiting=waiting, cancel=cancel):
                    segment = self._prefill(key, plan, token_ids, progress, cancel, owner)
                    saving = time.perf_counter()
                    segment = self.store.save(segment)
                    save_s = time.perf_counter() - saving
                    self.shelf.put(segment)
                    self.tails.welcome(key)
        if progress:
            progress(len(token_ids), len(token_ids))
        return Read(segment, cached, time.perf_counter() - start, save_s)

    def forget(self, key: str) -> None:
        """Deletes a segment from every tier, with what was derived from it, and every tail behind it."""
        for one in self.shelf.delete(key):
            self.tails.forget(one)
            self._suffixes.forget(one)

    def _prefill(
        self,
        key: str,
        plan: ReadPlan,
        token_ids: Sequence[int],
        progress: Progress | None,
        cancel: Cancel | None,
        owner: str,
    ) -> Segment:
        n = len(token_ids)
        request = ReadRequest(
            token_ids, plan.begin(), plan.step, owner=owner, at_once=plan.at_once, most=plan.size, cancel=cancel
        )
        self.scheduler.submit(request, background=self.options.background)
        try:
            while (event := request.events.get()).kind == "progress":
                if progress:
                    progress(event.value, n)
        finally:
            request.abandoned = True
        request.released.wait()
        if event.error:
            raise event.error
        if not request.complete:
            raise Cancelled("Reading was cancelled.")
        return plan.segment(key)

    # -- asking ----------------------------------------------------------------

    def ask(
        self,
        context: Context | Segment,
        tail_ids: Sequence[int],
        *,
        stop_ids: frozenset[int],
        max_new_tokens: int,
        sampling: Sampling = GREEDY,
        constraint: Constraint | None = None,
        cancel: Cancel | None = None,
        owner: str = "",
        question: range = range(0),
    ) -> Generator[int, None, Answer]:
        """Yields the answer's token ids, then returns the Answer.

        `context`: segments side by side, in any order, each read once. `tail_ids`: everything behind them, earlier
        turns included; what a live tail already holds is not computed again. Closing the generator stops the work
        within one pass. `constraint` holds the answer to a grammar or its quotes to the document. `question`: which
        of the tail's tokens are its words; where they look is noted in `asked`, if the heads for it are known.
        Raises ContextTooLongError before anything is computed, and ValueError for an empty tail or for less than one
        new token.
        """
        if not tail_ids:
            raise ValueError("there is no question")
        if max_new_tokens < 1:
            raise ValueError("max_new_tokens must be at least 1")
        whole = Context((context,)) if isinstance(context, Segment) else context
        selection = self._selection(whole, len(tail_ids) + max_new_tokens)
        start = time.perf_counter()
        with ExitStack() as held:  # whatever fails, leases end and the tail comes back
            for segment in whole.segments:
                held.enter_context(self.store.lease(segment.key))
            words = question if self.question_heads else range(0)
            fresh = len(tail_ids) - words.start if words else 1
            tail = self.tails.take(whole.key + ("" if selection is None else "+selected"), tail_ids, fresh)
            held.callback(self.tails.give_back, tail)
            cached = len(whole) + tail.kv.length
            evidence = Evidence(self.decoder.shape.layers, len(whole), SINK, self.heads)
            asked = QuestionLook(len(whole), words, SINK, self.question_heads if words else ())
            wish = Wish(
                Sampler(sampling),
                Speculation(self._drafter(whole, tail_ids), constraint),
                constraint,
                stop_ids,
                max_new_tokens,
            )
            request = AskRequest(
                tail,
                tail_ids[tail.kv.length :],
                self._tail_step(whole, tail, selection, asked),
                wish,
                owner=owner,
                evidence=evidence,
                selection=selection,
                cancel=cancel,
                graph=self._graph(whole, tail, evidence, selection),
            )
            self.scheduler.submit(request, background=self.options.background)
            try:
                while (event := request.events.get()).kind == "token":
                    yield event.value
            finally:
                request.abandoned = True
                request.released.wait()
        if event.error:
            raise event.error
        return Answer(
            token_ids=tuple(request.answer),
            finish=request.finish,
            context_tokens=len(whole) + len(tail_ids),
            cached_tokens=cached,
            first_token_s=request.first_token_s,
            total_s=time.perf_counter() - start,
            evidence=evidence.looked()[: len(request.answer)],
            exact=selection is None,
            looked_at=selection.tokens if selection else len(whole),
            choices=tuple(request.choices),
            heads=len(self.heads),
            asked=asked.looked(),
        )

    def _graph(
        self, context: Context, tail: Tail, evidence: Evidence, selection: Selection | None
    ) -> DecodeGraph | None:
        """A CUDA graph for the answer's tokens, where there is a GPU and no layer has a window of its own."""
        windowed = any(window is not None for window in self.decoder.windows)
        if self.options.impl is not Impl.TRITON or windowed:
            return None
        return DecodeGraph(self.decoder, context, tail.kv, evidence, selection)

    def _selection(self, context: Context, behind: int) -> Selection | None:
        """None where the context, with `behind` tokens after it, fits the trained range and is looked at exactly."""
        limit, n = self.decoder.limit, len(context)
        if n + behind <= limit:
            return None
        options = replace(self.options.select, budget=min(self.options.select.budget, limit // 2))
        if behind > limit - options.budget - options.block or n < 2 * options.block:
            raise ContextTooLongError(
                f"Question and answer need {behind:,} tokens, but {self.decoder.name} was trained for {limit:,}, and "
                f"{options.budget:,} of them are for what the document says: ask in fewer words or start anew.",
                tokens=n + behind,
                limit=limit,
            )
        return Selection(self.decoder, context, options)

    def _tail_step(
        self, context: Context, tail: Tail, selection: Selection | None, asked: QuestionLook
    ) -> Callable[[Evidence | None, bool], Step]:
        decoder, kv, impl = self.decoder, tail.kv, self.options.impl

        def step(evidence: Evidence | None, answering: bool) -> Step:
            look = None if answering or not asked.heads else asked
            if selection:
                return SelectStep(decoder, kv, selection, impl, evidence, renew=not answering, asked=look)
            return TailStep(decoder, kv, context, impl, evidence, look)

        return step

    def _drafter(self, context: Context, tail_ids: Sequence[int]) -> Drafter | None:
        """Drafts from the context's own words; None where they are switched off or would not pay."""
        if not self.options.drafts or self.options.impl is Impl.TRITON:
            return None
        drafter = Drafter([self._suffixes.get(segment.key, segment.token_ids) for segment in context.segments])
        drafter.extend(tail_ids)
        return drafter
