"""One question and its answer over HTTP. It runs on its own: whoever asked may leave, the answer is stored anyway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from assistant.chat import AnswerJob
from assistant.errors import BusyError
from assistant.prompt import Turn
from assistant.reading import ReadDocument, ReadJob, ReadState
from assistant.web.api.asked import Asked
from assistant.web.api.journal import failure
from assistant.web.api.problems import Problem, problem_of
from assistant.web.api.state import ApiState
from storage import Conversation, Message

logger = logging.getLogger("unabridged.answers")
_POLL = 0.05  # seconds between two looks at a reading


class Exchange:
    """Reads the document, or for "" the user's history, finds or opens the conversation, asks, follows the answer.

    `reading` is set while the document is read; `job` once the answer grows; `stored` instead of it when the same
    request, by its `key`, was answered before; `problem` when something failed; `over` at the end. `news` counts what
    there was to tell.
    """

    def __init__(
        self, state: ApiState, user: str, asked: Asked, document_id: str, key: str | None, request_id: str
    ) -> None:
        self.asked, self.document_id = asked, document_id
        self.reading: ReadState | None = None
        self.conversation: Conversation | None = None
        self.job: AnswerJob | None = None
        self.stored: Message | None = None
        self.problem: Problem | None = None
        self.over = False
        self.news = 0
        self._state, self._user, self._key, self._request_id = state, user, key, request_id
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Event] = set()
        self._served = state.service.bot(asked.bot)

    @property
    def text(self) -> str:
        """The answer so far; without what may still be stripped off its end, until it is over."""
        if self.stored:
            return self.stored.content
        text = self.job.text.lstrip() if self.job else ""
        return text if self.over else text.rstrip()

    @property
    def message(self) -> Message | None:
        """The answer's place in the conversation, once it has one."""
        return self.stored or (self.job.message if self.job else None)

    async def wait(self, seconds: float, seen: int | None = None) -> bool:
        """Waits for news, at most `seconds`; whether there are any. `seen`: the count of `news` that are known."""
        if seen is not None and seen != self.news:
            return True
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            await asyncio.wait_for(event.wait(), seconds)
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(event)

    async def run(self, leave: Callable[[], None]) -> None:
        """All of it; `leave` is called at the end."""
        try:
            document, read_now = await self._document()
            await run_in_threadpool(self._ask, document, read_now)
            if self.job:
                self.job.watch(self._heard)
                while not self.job.ended:
                    await self.wait(1.0)
                if self.job.failure:
                    raise self.job.failure
                await run_in_threadpool(self._note)
        except Exception as error:  # told to whoever asked; what is not meant for them goes to the log
            self.problem = problem_of(error)
            if self.problem.status >= 500:
                logger.error("answer", extra=failure(error) | {"request_id": self._request_id})
        finally:
            self.over = True
            leave()
            self._ring()

    # -- the document -----------------------------------------------------------------

    async def _document(self) -> tuple[ReadDocument, int]:
        """The document or history, read, and how many of its tokens were read for this question."""
        if not self.document_id:
            return await self._history()
        upload = self._state.uploads.find(self._user, self.document_id)
        while upload and not upload.ended.is_set():
            self._progress(upload.state)
            await asyncio.sleep(_POLL)
        if upload and upload.ticket.error:
            raise Problem(422, upload.ticket.error, "unreadable_file", "messages")
        await run_in_threadpool(self._state.service.store.document, self._user, self.document_id)
        fresh = upload is not None or not self._served.is_open(self.document_id)
        return await self._followed(self._served.opened(self.document_id), fresh=fresh)

    async def _history(self) -> tuple[ReadDocument, int]:
        """All sessions of the user, read."""
        assert self.asked.conversation is not None
        service = self._state.service
        conversation = await run_in_threadpool(service.store.conversation, self._user, self.asked.conversation)
        return await self._followed(await run_in_threadpool(service.reading, conversation), fresh=True)

    async def _followed(self, job: ReadJob, *, fresh: bool) -> tuple[ReadDocument, int]:
        """What a job reads, told as it goes on."""
        while job.running:
            self._progress(job.state)
            await asyncio.sleep(_POLL)
        document = await run_in_threadpool(job.result)
        self.reading = None
        return document, len(document.read.segment) - document.read.cached_tokens if fresh else 0

    def _progress(self, state: ReadState) -> None:
        if state != self.reading:
            self.reading = state
            self._ring()

    # -- the conversation -------------------------------------------------------------

    def _ask(self, document: ReadDocument, read_now: int) -> None:
        user, key, question = self._user, self._key, self.asked.question
        conversation = self.conversation = self._conversation(document)
        chat, store = self._served.chat, self._state.service.store
        if (running := chat.job(conversation.id)) is not None:
            if key and running.asked and running.question == question and self._asked_with(key) == running.asked.seq:
                self.job = running
                return
            raise BusyError("This conversation is still being answered; wait for it or stop it.")
        asked = None
        if key is not None:
            asked = store.append(user, conversation.id, "user", question, idempotency_key=key)
            later = [each for each in store.messages(user, conversation.id) if each.seq > asked.seq]
            self.stored = answer_among(later, question)
            if self.stored:
                return
            asked = None if later else asked  # its answer broke off: the question is asked anew
        self.job = chat.start(
            user, conversation.id, question, document, read_now=read_now, options=self.asked.options, asked=asked
        )

    def _asked_with(self, key: str) -> int:
        assert self.conversation
        store = self._state.service.store
        return store.append(
            self._user, self.conversation.id, "user", self.asked.question, idempotency_key=key
        ).seq  # known by its key, so nothing is added

    def _conversation(self, document: ReadDocument) -> Conversation:
        user, store, asked = self._user, self._state.service.store, self.asked
        if asked.conversation is not None:
            return store.conversation(user, asked.conversation)
        known = self._state.histories.find(user, asked.bot, self.document_id, asked.turns)
        if known is not None and self._says_this(known):
            return store.conversation(user, known)
        title = document.held.document.name
        if self._key is None:
            conversation = store.create_conversation(user, asked.bot, title, (self.document_id,))
        else:  # the same request again, even after a restart, comes to the same conversation
            conversation = store.import_history(user, asked.bot, title, (), key=f"http:{self._key}")
            if conversation.document_ids not in ((), (self.document_id,)) or conversation.bot != asked.bot:
                raise Problem(409, "This Idempotency-Key belongs to another request; use a new one.", "key_reused")
            if store.page(user, conversation.id, limit=1).messages:
                return conversation
            conversation = store.attach_document(user, conversation.id, self.document_id)
        for turn in asked.turns:
            store.append(user, conversation.id, "user", turn.question)
            store.append(user, conversation.id, "assistant", turn.answer)
        return conversation

    def _says_this(self, conversation_id: str) -> bool:
        """Whether nobody went on with the conversation elsewhere, or deleted it, since it was noted."""
        store = self._state.service.store
        conversation = store.conversation(self._user, conversation_id)
        if conversation.deleted:
            return False
        if conversation.state != "bot":  # what a person says there is in no client's history
            return True
        last = store.page(self._user, conversation_id, limit=1).messages
        return bool(last) and last[-1].content.strip() == self.asked.turns[-1].answer.strip()

    def _note(self) -> None:
        if self.conversation and self.job:
            turns = (*self.asked.turns, Turn(self.asked.question, self.job.text))
            if self.asked.conversation is None:
                self._state.histories.note(self._user, self.asked.bot, self.document_id, turns, self.conversation.id)
            if self.job.message:
                message = self.job.message
                self.stored = self._state.service.store.message(self._user, self.conversation.id, message.seq)

    # -- news -------------------------------------------------------------------------

    def _heard(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended with the server; the answer is stored anyway
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        self.news += 1
        for event in self._waiting:
            event.set()


def answer_among(messages: list[Message], question: str) -> Message | None:
    """The finished answer to a question that was asked, and perhaps asked again, before these messages."""
    for place, message in enumerate(messages):
        if message.role != "assistant" or (place and messages[place - 1].content != question):
            continue
        if message.status in ("complete", "stopped"):
            return message
        if message.status == "streaming":
            raise BusyError("This question is being answered by another process; ask again in a moment.")
    return None
