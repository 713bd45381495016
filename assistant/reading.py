"""Reading as a background job: files in, a document that can be asked out, with progress and cancel.

A job outlives the page that started it. It ends done, failed or cancelled, and a document read before is ready at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from assistant.citations import Citer
from assistant.errors import AssistantError
from assistant.history_text import Place
from assistant.holdings import DOCUMENT, Holdings
from assistant.library import Held, Library
from assistant.observer import Observer
from assistant.profiles import Profile
from assistant.prompt import BarePrompt, Prefix, Prompt
from assistant.tokenizer import Tokenizer
from ingest import Encoded, IngestError, encode
from sparse_backend import BackendError, Cancelled, ContextTooLongError, Engine, Read
from sparse_backend.estimate import Estimate
from sparse_backend.segment import Context, Segment
from sparse_backend.span_engine import SpanEngine
from storage import StorageError

Phase = Literal["parsing", "reading", "done", "failed", "cancelled"]
Source = Sequence[Path] | Sequence[str] | Held | str  # files and folders, git URLs, a parsed document, an id
S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
Cost = Callable[[int, int], Estimate | None]  # of so many tokens with so many anchors
QUESTION_ROOM = 256  # tokens kept free for a question beside the longest answer


@dataclass(frozen=True, slots=True)
class ReadContext:
    """Several texts that were read side by side; the fields are those of Read, summed up."""

    segment: Context
    cached_tokens: int
    seconds: float
    save_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document the model has read: everything a bot needs to answer on it.

    Of a customer's history, `live` are the tokens of the session that still runs; they stand behind what was read, and
    their words at the end of the document. `places`: where its messages stand in the text.
    """

    held: Held
    encoded: Encoded
    prefix: Prefix
    read: Read | ReadContext
    citer: Citer
    live: tuple[int, ...] = ()
    places: tuple[Place, ...] | None = None  # None for a document

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What was read, in order."""
        segment = self.read.segment
        return segment.segments if isinstance(segment, Context) else (segment,)


@dataclass(frozen=True, slots=True)
class ReadState:
    """A moment of a job: pages while parsing, tokens while reading; `eta_s` in seconds once it can be told.

    `rate`: tokens a second.
    """

    phase: Phase
    done: int
    total: int
    eta_s: float | None
    error: str = ""
    rate: float = 0.0


class Reader:
    """Parses, encodes and reads documents for one profile on one engine."""

    def __init__(
        self,
        library: Library,
        engine: Engine | SpanEngine,
        tokenizer: Tokenizer,
        profile: Profile,
        observer: Observer | None = None,
        holdings: Holdings | None = None,
        cost: Cost | None = None,
    ) -> None:
        self._holdings, self._cost = holdings, cost
        self._bot, self._observer = profile.name, observer or Observer()
        self.library = library
        self._engine = engine
        self._tokenizer = tokenizer
        spans = isinstance(engine, SpanEngine)
        self._prompt = BarePrompt() if spans else Prompt(tokenizer, profile)
        self._room = QUESTION_ROOM + (0 if spans else profile.max_new_tokens)

    def start(self, source: Source, ask_above_s: float | None = None) -> ReadJob:
        """A running job for files and folders, for a parsed document, or for the id of one in the library.

        One that will take longer than `ask_above_s` waits for its `go` once its cost is known.
        """
        return ReadJob(self, source, ask_above_s)

    def expected(self, encoded: Encoded, prefix: Prefix) -> Estimate | None:
        """What reading a document will take; None for what was read before, or where it cannot be told."""
        engine = self._engine
        if self._cost is None or isinstance(engine, SpanEngine):
            return None
        if engine.store.has(engine.key(prefix.token_ids, prefix.anchors)):
            return None
        return self._cost(len(encoded.token_ids), len(encoded.anchors))

    def prepare(self, held: Held) -> tuple[Encoded, Prefix]:
        """Tokens and anchors of a document; raises ContextTooLongError with choices when it does not fit whole."""
        encoded = encode(held.document, self._tokenizer)
        prefix = self._prompt.prefix(encoded)
        need, limit = len(prefix.token_ids) + self._room, self._engine.decoder.limit
        if not self._engine.reads(need):
            raise ContextTooLongError(
                f"“{held.document.name}” has {len(encoded.token_ids):,} tokens, and with a question and its answer "
                f"{need:,} are needed, but {self._engine.decoder.name} was trained for {limit:,}; nothing was cut "
                f"off: choose a model with a longer range (--model), or give fewer pages or files.",
                tokens=need,
                limit=limit,
            )
        return encoded, prefix

    def forget(self, document_id: str) -> None:
        """Removes a document, its files and what the model read of it, from disk and memory."""
        self.unread(document_id)
        self.library.delete(document_id)

    def unread(self, document_id: str) -> None:
        """Removes what the model read of a document under this bot; the document itself stays."""
        held = self.library.get(document_id)
        if held is not None:
            prefix = self._prompt.prefix(encode(held.document, self._tokenizer))
            self._engine.forget(self._engine.key(prefix.token_ids, prefix.anchors))

    def work(self, job: ReadJob, source: Source) -> ReadDocument:
        """The job's work, in the job's thread. A new document that cannot be read does not stay in the library."""
        held = self._held(job, source)
        try:
            encoded, prefix = self.prepare(held)
            if self._holdings is not None:
                self._holdings.note(DOCUMENT, held.id, [self._engine.key(prefix.token_ids, prefix.anchors)])
            if job.ask_above_s is not None:
                job.weigh(self.expected(encoded, prefix))
            read = self._engine.read(prefix.token_ids, prefix.anchors, progress=job.read, cancel=job.cancelled)
        except BaseException:
            if held.new:
                self.library.delete(held.id)
            raise
        if not isinstance(source, str | Held):
            self.library.ensure(held, source)
        self._observer.read(self._bot, read, held.parse_s)
        return ReadDocument(held, encoded, prefix, read, Citer(held.document, encoded))

    def _held(self, job: ReadJob, source: Source) -> Held:
        if isinstance(source, Held):
            return source
        if not isinstance(source, str):
            return self.library.add(source, progress=job.parsed, cancel=job.cancelled)
        held = self.library.get(source)
        if held is None:
            raise AssistantError("This document is no longer in the library; add its file again.")
        return held


class Worker(Protocol[S_contra]):
    """Who does a job's work, in the job's thread."""

    def work(self, job: ReadJob, source: S_contra) -> ReadDocument: ...


class ReadJob:
    """One reading in its own thread."""

    def __init__(self, reader: Worker[S], source: S, ask_above_s: float | None = None) -> None:
        self._state = ReadState("parsing", 0, 0, None)
        self._cancel, self._go = threading.Event(), threading.Event()
        self.ask_above_s = ask_above_s
        self.cost: Estimate | None = None  # once it is parsed, where it can be told
        self.asking = False  # whether it waits for `go`
        self._result: ReadDocument | None = None
        self._error: Exception | None = None
        self._reading_since = 0.0
        self._thread = threading.Thread(target=self._run, args=(reader, source), name="read", daemon=True)
        self._thread.start()

    @property
    def state(self) -> ReadState:
        """Where the job is now."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether the job still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Asks the job to stop at the next page or chunk."""
        self._cancel.set()
        self._go.set()

    def go(self) -> None:
        """Lets a job read that waits because of its cost."""
        self._go.set()

    def weigh(self, cost: Estimate | None) -> None:
        """Waits for `go`, where the cost is too high to read unasked. Raises Cancelled."""
        self.cost = cost
        if cost is None or self.ask_above_s is None or cost.seconds <= self.ask_above_s:
            return
        self.asking = True
        self._go.wait()
        self.asking = False
        if self.cancelled():
            raise Cancelled("Reading was cancelled before it began.")

    def cancelled(self) -> bool:
        """Whether somebody asked the job to stop."""
        return self._cancel.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits at most `seconds`; whether the job has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self, watch: Callable[[ReadState], None] | None = None) -> ReadDocument:
        """Waits for the end, showing states to `watch`; raises what went wrong."""
        while not self.wait(0.1):
            if watch:
                watch(self._state)
        if watch:
            watch(self._state)
        if self._error:
            raise self._error
        if self._result is None:
            raise AssistantError("Reading ended without a result.")
        return self._result

    def parsed(self, _path: str, pages: int, total: int) -> None:
        """Progress of the parser, in pages."""
        self._state = ReadState("parsing", pages, total, None)

    def read(self, tokens: int, total: int) -> None:
        """Progress of the model, in tokens. The time left follows from the pace so far."""
        now = time.perf_counter()
        if not tokens or not self._reading_since:
            self._reading_since = now
        pace = (now - self._reading_since) / tokens if tokens else 0.0
        left = pace * (total - tokens) if tokens else None
        self._state = ReadState("reading", tokens, total, left, rate=1 / pace if pace else 0.0)

    def _run(self, reader: Worker[S], source: S) -> None:
        try:
            self._result = reader.work(self, source)
            self._end("done")
        except (IngestError, BackendError, AssistantError, StorageError) as error:
            self._error = error
            stopped = isinstance(error, Cancelled) or self.cancelled()
            self._end("cancelled" if stopped else "failed", str(error))
        except Exception as error:  # the thread must never die silently; result() raises it where it is seen
            self._error = AssistantError(f"Reading failed unexpectedly: {error}")
            self._error.__cause__ = error
            self._end("failed", str(self._error))

    def _end(self, phase: Phase, error: str = "") -> None:
        self._state = ReadState(phase, self._state.done, self._state.total, 0.0, error)
