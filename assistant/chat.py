"""Chat: a bot's answers kept in the store while they grow, so that nothing said is ever lost."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.bot import Bot, Delta, Event, Finished
from assistant.errors import AssistantError, BusyError, EmptyQuestionError
from assistant.observer import Observer
from assistant.prompt import Turn
from assistant.reading import ReadDocument
from ingest import IngestError
from sparse_backend import BackendError
from storage import AnswerRecord, Message, StorageError, Store

SAVE_EVERY = 0.5  # seconds between two saves of a growing answer
_STATUS = {"cancelled": "stopped"}


class Chat:
    """Questions and answers of any user's conversations.

    Without `remember` each question is answered from the document alone: very small models copy what they said before.
    """

    def __init__(self, store: Store, bot: Bot, *, remember: bool = True, observer: Observer | None = None) -> None:
        self._store = store
        self._bot = bot
        self._remember = remember
        self._observer = observer or Observer()
        self._jobs: dict[str, AnswerJob] = {}
        self._lock = threading.Lock()

    def ask(
        self,
        user: str,
        conversation_id: str,
        question: str,
        document: ReadDocument,
        *,
        read_now: int = 0,
        cancel: threading.Event | None = None,
        options: AnswerOptions = PLAIN,
        asked: Message | None = None,
        begun: Callable[[Message], None] | None = None,
    ) -> Iterator[Event]:
        """Stores the question, then yields the bot's events, saving the answer as it grows.

        `read_now`: tokens of the document that were read within this very request, so were not cached for it.
        `asked`: the question where it is stored already. `begun` is told of the answer's empty message.
        """
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        earlier = self._store.messages(user, conversation_id) if self._remember else []
        turns = turns_of([each for each in earlier if asked is None or each.seq < asked.seq])
        if asked is None:
            self._store.append(user, conversation_id, "user", question)
        answer = self._store.begin_answer(user, conversation_id)
        if begun:
            begun(answer)
        answer_id = _id(answer)
        text, status, record, stored = "", "error", None, False
        try:
            saved = time.monotonic()
            for event in self._bot.answer(document, turns, question, cancel.is_set if cancel else None, options):
                text = event.text
                if isinstance(event, Finished):
                    status = _STATUS.get(event.answer.finish, "complete")
                    record = self.record(event, document, read_now, options)
                elif time.monotonic() - saved > SAVE_EVERY:
                    self._store.grow_answer(user, answer_id, text)
                    saved = time.monotonic()
                if isinstance(event, Delta):
                    yield event
                else:
                    self._store.finish_answer(user, answer_id, text, status, record)
                    stored = True
                    yield event
        except GeneratorExit:
            status = status if record else "stopped"
            raise
        finally:
            if not stored:
                self._store.finish_answer(user, answer_id, text, status, record)
            self._observer.answered(self._bot.profile.name, status, record)

    def record(
        self, event: Finished, document: ReadDocument, read_now: int, options: AnswerOptions = PLAIN
    ) -> AnswerRecord:
        """What is stored with an answer: enough to show it again, to say how it came about and to repeat it."""
        engine, answer, receipt = self._bot.engine, event.answer, event.coverage
        return AnswerRecord(
            model=engine.decoder.name,
            pattern=engine.pattern_for(len(document.read.segment)),
            level=engine.options.level,
            impl=engine.options.impl.value,
            finish_reason=answer.finish,
            supported=event.supported,
            tokens=receipt.tokens,
            tokens_read=receipt.tokens_read,
            cached_tokens=max(0, answer.cached_tokens - read_now),
            generated_tokens=len(answer.token_ids),
            pages=receipt.pages,
            pages_unread=receipt.pages_unread,
            files=receipt.files,
            files_unread=receipt.files_unread,
            parse_s=document.held.parse_s,
            read_s=document.read.seconds,
            first_token_s=answer.first_token_s,
            total_s=answer.total_s,
            citations=event.citations,
            seed=options.sampling.seed,
            bot_digest=hashlib.sha256(repr(self._bot.profile).encode()).hexdigest(),
            model_digest=engine.decoder.fingerprint,
            context=(document.read.segment.key,),
            settings=(
                ("context_tokens", str(answer.context_tokens)),
                ("exact", "yes" if answer.exact else "no"),
                ("looked_at", str(answer.looked_at)),
                *options.settings(),
            ),
        )

    # -- background answers ------------------------------------------------------

    def start(
        self,
        user: str,
        conversation_id: str,
        question: str,
        document: ReadDocument,
        *,
        read_now: int = 0,
        options: AnswerOptions = PLAIN,
        asked: Message | None = None,
    ) -> AnswerJob:
        """Answers in a thread that outlives the page. Raises BusyError while the last answer still grows."""
        with self._lock:
            running = self._jobs.get(conversation_id)
            if running and running.running:
                raise BusyError("This conversation is still being answered; wait for it or press Stop.")
            job = AnswerJob(self, user, conversation_id, question, document, read_now, options, asked)
            self._jobs = {key: each for key, each in self._jobs.items() if each.running}  # the others hold documents
            self._jobs[conversation_id] = job
            job.begin()  # within the lock: a job that has not begun does not count as running
        return job

    def job(self, conversation_id: str) -> AnswerJob | None:
        """The running answer of a conversation, if there is one."""
        job = self._jobs.get(conversation_id)
        return job if job and job.running else None

    @property
    def running(self) -> list[AnswerJob]:
        """All answers that grow now."""
        with self._lock:
            return [job for job in self._jobs.values() if job.running]


@dataclass(eq=False)
class AnswerJob:
    """One answer growing in its own thread.

    `text` is the answer so far; `message` its place in the conversation, once it has one; `error` one sentence when
    it failed, and `failure` what was raised.
    """

    chat: Chat
    user: str
    conversation_id: str
    question: str
    document: ReadDocument
    read_now: int = 0
    options: AnswerOptions = PLAIN
    asked: Message | None = None
    text: str = ""
    error: str = ""
    failure: Exception | None = None
    message: Message | None = None
    finished: Finished | None = None
    ended: bool = False  # nothing will change any more
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def begin(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._run, name="answer", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the answer still grows."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Ends the answer at the next token; what was said so far is kept."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Waits at most `seconds`; whether the answer has ended."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.running

    def watch(self, seen: Callable[[], None]) -> None:
        """Calls `seen` whenever the answer has grown and when it has `ended`: in its thread, at least once."""
        self._watchers.append(seen)
        if self.ended:  # it may have ended before it was watched
            seen()

    def _run(self) -> None:
        try:
            self._answer()
        finally:
            self.ended = True
            self._tell()

    def _answer(self) -> None:
        try:
            for event in self.chat.ask(
                self.user,
                self.conversation_id,
                self.question,
                self.document,
                read_now=self.read_now,
                cancel=self._stop,
                options=self.options,
                asked=self.asked,
                begun=self._begun,
            ):
                self.text = event.text
                if isinstance(event, Finished):
                    self.finished = event
                self._tell()
        except (AssistantError, BackendError, IngestError, StorageError) as error:
            self.error, self.failure = str(error), error
        except Exception as error:  # shown to the user instead of a page that waits for ever
            self.error, self.failure = f"Answering failed unexpectedly: {error}", error

    def _begun(self, message: Message) -> None:
        self.message = message
        self._tell()

    def _tell(self) -> None:
        for seen in list(self._watchers):
            seen()


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """Earlier questions with their answers; a question whose answer broke off is left out of the context."""
    turns: list[Turn] = []
    for question, answer in pairwise(messages):
        done = answer.status in ("complete", "stopped") and answer.content
        if question.role == "user" and answer.role == "assistant" and done:
            turns.append(Turn(question.content, answer.content))
    return turns


def _id(message: Message) -> int:
    if message.id is None:
        raise AssistantError("The answer has no place in the store.")
    return message.id
