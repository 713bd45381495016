"""Chat: a bot's answers kept in the store while they grow, so that nothing said is ever lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from assistant.answer_options import PLAIN, AnswerOptions
from assistant.bot import Bot, Delta, Event, Finished
from assistant.errors import AssistantError, BusyError, EmptyQuestionError
from assistant.handover import HandedOff, Handover
from assistant.meter import Meter
from assistant.observer import Observer
from assistant.prompt import Turn
from assistant.reading import ReadDocument
from assistant.record import answer_record
from assistant.second_look import SecondLooks
from ingest import IngestError
from sparse_backend import BackendError
from sparse_backend.span_engine import SpanEngine
from storage import AnswerRecord, Message, StorageError, Store

SAVE_EVERY = 0.5  # seconds between two saves of a growing answer
STRIPES = 64  # locks for asking: by conversation, so that users do not wait for each other
_STATUS = {"cancelled": "stopped"}
ENDING_S = 2.0  # a finished answer's thread has so long to end before the next question is refused


@dataclass(frozen=True, slots=True)
class Repeated:
    """The answer that this very request got before."""

    text: str
    message: Message


class Chat:
    """Questions and answers of any user's conversations.

    Without `remember` each question is answered from the document alone: very small models copy what they said before.
    """

    def __init__(
        self,
        store: Store,
        bot: Bot,
        *,
        remember: bool = True,
        observer: Observer | None = None,
        second: SecondLooks | None = None,
    ) -> None:
        self._store = store
        self._bot = bot
        self._remember = remember
        self._observer = observer or Observer()
        self._jobs: dict[str, AnswerJob] = {}
        self._lock = threading.Lock()
        self._asking = tuple(threading.Lock() for _ in range(STRIPES))
        self._handover = Handover(store, bot.profile)
        self._second = second

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
        idempotency_key: str | None = None,
    ) -> Iterator[Event | HandedOff | Repeated]:
        """Stores the question, then yields the bot's events, saving the answer as it grows.

        `read_now`: tokens of the document that were read within this very request, so were not cached for it.
        `asked`: the question where it is stored already. `begun` is told of the answer's empty message. The same
        request again, by its `idempotency_key`, yields its one Repeated answer. A HandedOff comes instead of the answer
        or behind it when a person takes over, and alone while one has the conversation.
        """
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        with self._asking[hash(conversation_id) % STRIPES]:  # the same request twice at once must find itself
            known: HandedOff | Repeated | None = None
            if asked is None:
                asked = self._store.append(user, conversation_id, "user", question, idempotency_key=idempotency_key)
                known = self._answered(user, conversation_id, asked) if idempotency_key else None
            conversation = self._store.conversation(user, conversation_id)
            known = known or self._handover.owned(conversation)
            if known is None and (reason := self._handover.reason(user, conversation, asked)):
                known = self._handover.call(user, conversation, reason, document)
            if known is None:
                earlier = self._store.messages(user, conversation_id) if self._remembers(document) else []
                answer = self._store.begin_answer(user, conversation_id)
        if known is not None:
            yield known
            return
        turns = turns_of([each for each in earlier if each.seq < asked.seq])
        if begun:
            begun(answer)
        answer_id = _id(answer)
        shared = document.held.id in conversation.document_ids
        text, status, record, stored = "", "error", None, False
        try:
            saved = time.monotonic()
            for event in self._bot.answer(document, turns, question, cancel.is_set if cancel else None, options):
                text = event.text
                if isinstance(event, Finished):
                    status = _STATUS.get(event.answer.finish, "complete")
                    record = answer_record(self._bot, event, document, read_now, options, shared)
                elif time.monotonic() - saved > SAVE_EVERY:
                    self._store.grow_answer(user, answer_id, text)
                    saved = time.monotonic()
                if isinstance(event, Delta):
                    yield event
                else:
                    self._store.finish_answer(user, answer_id, text, status, record)
                    stored = True
                    if self._second and record and status == "complete":
                        about = (document, turns, question, options, event, record)
                        self._second.consider(self._bot.profile, user, answer_id, *about)
                    yield event
        except GeneratorExit:
            status = status if record else "stopped"
            raise
        finally:
            if not stored:
                self._store.finish_answer(user, answer_id, text, status, record)
            self._observer.answered(self._bot.profile.name, status, record)
        if status == "complete" and (reason := self._handover.reason(user, conversation, asked)):
            yield self._handover.call(user, conversation, reason, document)

    def meter(self, user: str, conversation_id: str, document: ReadDocument, question: str) -> Meter | None:
        """What the context of the next question is made of; None for a model that reads each question alone."""
        if isinstance(self._bot.engine, SpanEngine):
            return None
        earlier = self._store.messages(user, conversation_id) if self._remembers(document) else []
        return self._bot.meter(document, turns_of(earlier), question)

    def tell(self, user: str, conversation_id: str, text: str) -> Message | None:
        """Stores what is said while a person has the conversation, or is called; None when the bot has it."""
        if not text.strip():
            raise EmptyQuestionError("There is nothing to send; type what you want to say.")
        if self._handover.owned(self._store.conversation(user, conversation_id)) is None:
            return None
        return self._store.append(user, conversation_id, "user", text)

    def record(
        self, event: Finished, document: ReadDocument, read_now: int, options: AnswerOptions = PLAIN
    ) -> AnswerRecord:
        """What is stored with an answer, see answer_record."""
        return answer_record(self._bot, event, document, read_now, options, shared=False)

    def _remembers(self, document: ReadDocument) -> bool:
        """Whether earlier turns go before the question; in a history they stand in its running session already."""
        return self._remember and document.places is None

    def _answered(self, user: str, conversation_id: str, asked: Message) -> Repeated | None:
        """What this very question got before. Raises BusyError while its answer still grows."""
        for message in self._store.messages(user, conversation_id):
            if message.seq <= asked.seq:
                continue
            if message.role == "user":  # what follows answers another question
                break
            if message.status == "streaming":
                raise BusyError("This question is being answered already; wait for its answer.")
            if message.status in ("complete", "stopped"):
                return Repeated(message.content, message)
        return None

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
        idempotency_key: str | None = None,
    ) -> AnswerJob:
        """Answers in a thread that outlives the page. Raises BusyError while the last answer still grows."""
        with self._lock:
            running = self._jobs.get(conversation_id)
            if running and running.finished is not None:  # all of it was heard; its thread is about to end
                running.wait(ENDING_S)
            if running and running.running:
                raise BusyError("This conversation is still being answered; wait for it or press Stop.")
            job = AnswerJob(self, user, conversation_id, question, document, read_now, options, asked, idempotency_key)
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
    it failed, and `failure` what was raised. `handed`: how a person came into it.
    """

    chat: Chat
    user: str
    conversation_id: str
    question: str
    document: ReadDocument
    read_now: int = 0
    options: AnswerOptions = PLAIN
    asked: Message | None = None
    idempotency_key: str | None = None
    text: str = ""
    error: str = ""
    failure: Exception | None = None
    message: Message | None = None
    finished: Finished | None = None
    handed: HandedOff | None = None
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
                idempotency_key=self.idempotency_key,
            ):
                if isinstance(event, HandedOff):
                    self.handed = event
                    if self.finished is None:
                        self.text, self.message = event.text, event.message
                    continue
                self.text = event.text
                if isinstance(event, Finished):
                    self.finished = event
                elif isinstance(event, Repeated):
                    self.message = event.message
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
    """Earlier questions with their answers, by bot or person; a question whose answer broke off is left out."""
    turns: list[Turn] = []
    for question, answer in pairwise(messages):
        done = answer.status in ("complete", "stopped") and answer.content
        if question.role == "user" and answer.role in ("assistant", "agent") and done:
            turns.append(Turn(question.content, answer.content))
    return turns


def _id(message: Message) -> int:
    if message.id is None:
        raise AssistantError("The answer has no place in the store.")
    return message.id
