"""A second look: a share of real questions is answered again under dense attention while nobody wants anything.

So people see on their own documents what sparse reading costs. Nothing that was said is shown or kept a second time:
only numbers go into the store, and the dense keys and values are deleted at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import queue
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from assistant.agreement import overlap, same, shared_evidence
from assistant.answer_options import AnswerOptions
from assistant.bot import Bot, Finished
from assistant.errors import AssistantError
from assistant.observer import Observer
from assistant.profiles import Profile
from assistant.prompt import Prompt, Turn
from assistant.reading import ReadDocument
from assistant.tokenizer import Tokenizer
from ingest import IngestError
from sparse_backend import BackendError, Engine
from sparse_backend.gpu import free_bytes
from storage import AnswerRecord, StorageError, Store
from storage.records_signals import SecondLook

WAITING = 8  # sampled answers that wait for their turn; each holds its document in memory
HEADROOM = 2  # dense keys and values may take this part of the memory that is free: one half
QUIET_S = 0.5  # between two looks at whether anybody wants anything
logger = logging.getLogger("unabridged.second_look")


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer to be looked at again, with all it takes to ask its question the same way."""

    user: str
    message_id: int
    profile: Profile
    document: ReadDocument
    turns: tuple[Turn, ...]
    question: str
    options: AnswerOptions
    said: Finished
    pattern: str


class SecondLooks:
    """Looks again at a `share` (0 to 1) of the answers, one after the other, in a thread of its own."""

    def __init__(
        self,
        store: Store,
        tokenizer: Tokenizer,
        dense: Callable[[], Engine],
        folder: Path,
        share: float,
        observer: Observer | None = None,
    ) -> None:
        """`dense` makes the engine in the background, at the first look; it keeps what it reads in `folder` alone."""
        shutil.rmtree(folder, ignore_errors=True)  # what a crash left: documents may be gone since then
        self.share = share
        self.skipped: Counter[str] = Counter()  # sampled, but not looked at, by reason
        self._store, self._tokenizer, self._make, self._folder = store, tokenizer, dense, folder
        self._observer = observer or Observer()
        self._engine: Engine | None = None
        self._bots: dict[str, Bot] = {}
        self._waiting: queue.Queue[Sample | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def consider(
        self,
        profile: Profile,
        user: str,
        message_id: int,
        document: ReadDocument,
        turns: Sequence[Turn],
        question: str,
        options: AnswerOptions,
        said: Finished,
        record: AnswerRecord,
    ) -> None:
        """Puts a finished, stored answer into the queue if it is among the share. Costs nothing and never waits."""
        if self._closed.is_set() or not chosen(message_id, self.share):
            return
        if reason := unfit(record, options):
            self.skipped[reason] += 1
            return
        sample = Sample(user, message_id, profile, document, tuple(turns), question, options, said, record.pattern)
        try:
            self._waiting.put_nowait(sample)
        except queue.Full:
            self.skipped["busy"] += 1
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="second look", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ends the look that goes on; those that wait are dropped."""
        self._closed.set()
        with contextlib.suppress(queue.Full):  # then there is something to wake up for
            self._waiting.put_nowait(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def drain(self) -> None:
        """Waits until every answer that was put into the queue has been looked at."""
        self._waiting.join()

    # -- in the thread ----------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed.is_set():
            sample = self._waiting.get()
            try:
                if sample is not None:
                    self._look(sample)
            except (AssistantError, BackendError, IngestError, StorageError) as error:
                self._skip(type(error).__name__)
            except Exception as error:  # a check must never harm what it checks; its words could be a document's
                self._skip("failed")
                logger.error("second look", extra={"error": type(error).__name__})
            finally:
                self._waiting.task_done()

    def _look(self, sample: Sample) -> None:
        engine = self._engine = self._engine or self._make()
        while engine.scheduler.load and not self._closed.wait(QUIET_S):
            pass  # its passes would give way anyway; so do its other steps
        bot = self._bot(engine, sample.profile)
        if not self._fits(engine, sample):
            self._skip("too long for dense attention here")
            return
        document = sample.document
        read = engine.read(document.prefix.token_ids, document.prefix.anchors, cancel=self._closed.is_set)
        try:
            again = replace(document, read=read)
            events = list(bot.answer(again, sample.turns, sample.question, self._closed.is_set, sample.options))
        finally:
            engine.forget(read.segment.key)
        finished = events[-1]
        if not isinstance(finished, Finished) or finished.answer.finish == "cancelled":
            self._skip("cancelled")
            return
        look = compared(sample, finished, len(read.segment), read.seconds)
        self._store.signals.note_look(sample.user, sample.message_id, look)
        self._observer.looked_again(sample.profile.name, look)

    def _bot(self, engine: Engine, profile: Profile) -> Bot:
        """Kept by name: a bot reads the whole vocabulary at its first answer."""
        bot = self._bots.get(profile.name)
        if bot is None or bot.profile != profile:
            bot = self._bots[profile.name] = Bot(engine, self._tokenizer, profile)
        return bot

    def _fits(self, engine: Engine, sample: Sample) -> bool:
        """Whether the whole context can be looked at exactly, and its keys and values find room beside the others."""
        document, profile = sample.document, sample.profile
        tail = len(document.live) + len(Prompt(self._tokenizer, profile).tail(sample.turns, sample.question))
        need = len(document.prefix.token_ids) + tail + (sample.options.max_new_tokens or profile.max_new_tokens)
        free = free_bytes(engine.options.impl.device)
        return need <= engine.decoder.limit and engine.decoder.shape.bytes(need) <= free // HEADROOM

    def _skip(self, reason: str) -> None:
        self.skipped[reason] += 1


def chosen(message_id: int, share: float) -> bool:
    """Whether an answer is in the sample: by a hash of its number, so the same answer always is or is not."""
    digest = hashlib.sha256(f"second look {message_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def unfit(record: AnswerRecord, options: AnswerOptions) -> str:
    """Why comparing would tell nothing; "" where it would."""
    if record.pattern == "dense":
        return "read densely already"
    if options.sampling.temperature:
        return "chance decides"  # two answers would differ by it alone
    return ""


def compared(sample: Sample, dense: Finished, tokens: int, read_s: float) -> SecondLook:
    """The numbers of one look."""
    said = sample.said
    return SecondLook(
        pattern=sample.pattern,
        same=same(said.text, dense.text),
        overlap=overlap(said.text, dense.text),
        evidence=shared_evidence(said.citations, dense.citations),
        supported=dense.supported,
        tokens=tokens,
        read_s=read_s,
        total_s=dense.answer.total_s,
        at=datetime.now(UTC),
    )
