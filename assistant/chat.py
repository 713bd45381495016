"""Chat: a bot's answers kept in the store while they grow, so that nothing said is ever lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from assistant.bot import Bot, Delta, Event, Finished
from assistant.errors import AssistantError, BusyError, EmptyQuestionError
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

    def __init__(self, store: Store, bot: Bot, *, remember: bool = True) -> None:
        self._store = store
        self._bot = bot
        self._remember = remember
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
    ) -> Iterator[Event]:
        """Stores the question, then yields the bot's events, saving the answer as it grows.

        `read_now`: tokens of the document that were read within this very request, so were not cached for it.
        """
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        turns = turns_of(self._store.messages(user, conversation_id)) if self._remember else []
        self._store.append(user, conversation_id, "user", question)
        answer_id = _id(self._store.begin_answer(user, conversation_id))
        text, status, record, stored = "", "error", None, False
        try:
            saved = time.monotonic()
            for event in self._bot.answer(document, turns, question, cancel.is_set if cancel else None):
                text = event.text
                if isinstance(event, Finished):
                    status = _STATUS.get(event.answer.finish, "complete")
                    record = self.record(event, document, read_now)
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

    def record(self, event: Finished, document: ReadDocument, read_now: int) -> AnswerRecord:
        """What is stored with an answer: enough to show it again and to say how it came about."""
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
        )

    # -- background answers ------------------------------------------------------

    def start(self, user: str, conversation_id: str, question: str, document: ReadDocument) -> AnswerJob:
        """Answers in a thread that outlives the page. Raises BusyError while the last answer still grows."""
        with self._lock:
            running = self._jobs.get(conversation_id)
            if running and running.running:
                raise BusyError("This conversation is still being answered; wait for it or press Stop.")
            job = AnswerJob(self, user, conversation_id, question, document)
            self._jobs[conversation_id] = job
            job.begin()  # within the lock: a job that has not begun does not count as running
        return job

    def job(self, conversation_id: str) -> AnswerJob | None:
        """The running answer of a conversation, if there is one."""
        job = self._jobs.get(conversation_id)
        return job if job and job.running else None


@dataclass(eq=False)
class AnswerJob:
    """One answer growing in its own thread. `text` is the answer so far; `error` one sentence when it failed."""

    chat: Chat
    user: str
    conversation_id: str
    question: str
    document: ReadDocument
    text: str = ""
    error: str = ""
    finished: Finished | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

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

    def _run(self) -> None:
        try:
            for event in self.chat.ask(
                self.user, self.conversation_id, self.question, self.document, cancel=self._stop
            ):
                self.text = event.text
                if isinstance(event, Finished):
                    self.finished = event
        except (AssistantError, BackendError, IngestError, StorageError) as error:
            self.error = str(error)
        except Exception as error:  # shown to the user instead of a page that waits for ever
            self.error = f"Answering failed unexpectedly: {error}"


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
