"""Questions and answers: asked, asked anew, stopped, followed, weighed and rated."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from assistant.chat import AnswerJob
from assistant.errors import AssistantError, BusyError, EmptyQuestionError
from assistant.history import reads_history
from assistant.reading import ReadDocument, ReadJob, ReadState
from assistant.service import Service
from assistant.web import views
from assistant.web.errands import LOOK_S, Errand, Errands
from assistant.web.meter_view import meter
from assistant.web.proof_desk import EXPECTED
from assistant.web.talk_desk import OWNERS, SHOWN, TalkDesk
from assistant.web.transcript_view import Talk, growing, transcript
from assistant.web.view import View
from storage import Conversation, Message

LONGEST = 8000  # characters of a question
ANSWERING_PAUSE_S = 0.08  # between two looks at a growing answer: more often than a person can read


class QuestionDesk(TalkDesk):
    """What the middle column does."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._errands = Errands()

    def ask(self, user: str, conversation_id: str, question: str, bot: str = "") -> Iterator[View]:
        """Streams an answer. Without a conversation, a bot that reads histories begins one."""
        try:
            check(question)
            if not conversation_id:
                conversation_id = self._begin(user, bot, question).id
            conversation = self.list.own(user, conversation_id)
            if self._service.chat_of(conversation).tell(user, conversation_id, question) is not None:
                yield replace(self.open(user, conversation_id), question="")
                return
            yield from self._answer(user, self._titled(user, conversation, question), question, None)
        except EXPECTED as error:
            yield self._refused(user, conversation_id, error, question)

    def anew(self, user: str, conversation_id: str, seq: int, question: str | None = None) -> Iterator[View]:
        """Answers the question `seq` again, or `question` in its place: a branch beside what was said."""
        try:
            conversation, store = self.list.own(user, conversation_id), self._service.store
            if question is not None:
                check(question)
            if conversation.state != "bot":
                raise AssistantError(OWNERS[conversation.state])
            if self._service.chat_of(conversation).job(conversation_id):
                raise BusyError("This conversation is still being answered; wait for it or press Stop.")
            asked = store.message(user, conversation_id, seq)
            text = asked.content if question is None else question
            if question is not None or store.page(user, conversation_id, limit=1).messages[-1].seq != seq:
                asked = store.edit(user, conversation_id, seq, text)  # else nothing answers it yet
            yield from self._answer(user, conversation, text, asked)
        except EXPECTED as error:
            yield self._refused(user, conversation_id, error)

    def stop(self, user: str, conversation_id: str) -> None:
        """Ends the answer that grows in this conversation; what was said stays."""
        conversation = self._service.store.conversation(user, conversation_id)  # whoever sees it may stop it
        errand, job = self._errands.of(conversation_id), self._service.chat_of(conversation).job(conversation_id)
        for each in (errand, job):
            if each:
                each.stop()

    def follow(self, user: str, conversation_id: str) -> Iterator[View]:
        """Shows an answer that was already growing when the page was loaded, and the meter once it can be told."""
        waited = False
        yield View()  # a generator that yields nothing would empty the page
        try:
            conversation = self._service.store.conversation(user, conversation_id)
            bot = self._service.bot(conversation.bot)
            while (errand := self._errands.of(conversation_id)) is not None:
                waited = True
                errand.wait(LOOK_S)
                yield View(growing=growing(bot.profile, "", self._waits(conversation, errand)), busy="answering")
            job = bot.chat.job(conversation_id)
            if job is None and conversation.document_ids:
                bot.opened(conversation.document_ids[0]).wait(20)
                yield View(meter=meter(self.meter_of(user, conversation)))
        except EXPECTED:  # an empty page, somebody else's conversation, a bot that is no more
            return
        if job is None and not waited:
            return
        while job is not None and not job.wait(LOOK_S):
            yield View(growing=growing(bot.profile, job.text), busy="answering")
        yield self.open(user, conversation_id)

    def weigh(self, user: str, conversation_id: str, question: str) -> View:
        """The meter with the question as it is typed."""
        if not conversation_id:
            return View(meter="")
        self._service.store.conversation(user, conversation_id)  # raises NotFoundError for somebody else's
        known = self._meters.get(conversation_id)
        if known is None or not question:
            return View(meter=meter(known))
        return View(meter=meter(replace(known, question=len(self._service.tokenizer.text(question)))))

    def switch(self, user: str, conversation_id: str, branch: int) -> View:
        """Shows another wording of a question, with what followed it."""
        self._service.store.switch_branch(user, conversation_id, branch)
        return self.open(user, conversation_id)

    def message(self, user: str, conversation_id: str, message_id: int) -> Message | None:
        """A message of the conversation as it is shown, by its id in the store."""
        messages = self._service.store.messages(user, conversation_id)
        return next((each for each in messages if each.id == message_id), None)

    def rate(self, user: str, conversation_id: str, seq: int, thumb: int) -> View:
        """Keeps a thumb, and asks for its reason."""
        self._service.store.give_feedback(user, conversation_id, seq, thumb)
        return replace(self._redrawn(user, conversation_id, asking=seq), status=None)

    def reason(self, user: str, conversation_id: str, seq: int, thumb: int, text: str) -> View:
        """Keeps why."""
        self._service.store.give_feedback(user, conversation_id, seq, thumb, " ".join(text.split())[:1000])
        thanks = views.status("Thank you; your opinion is kept.")
        return replace(self._redrawn(user, conversation_id), status=thanks)

    def talk(self, user: str, conversation: Conversation, messages: Sequence[Message]) -> Talk:
        """As it is stored; nothing can be asked anew while a question waits for its document or its first word."""
        talk = super().talk(user, conversation, messages)
        known = conversation.bot in self._service.profiles
        busy = self._errands.of(conversation.id) or (known and self._service.chat_of(conversation).job(conversation.id))
        return replace(talk, settled=False) if busy else talk

    def _redrawn(self, user: str, conversation_id: str, asking: int | None = None) -> View:
        """What was said drawn anew; the proof that is open stays, and so does an answer that grows below."""
        view = self.open(user, conversation_id, asking=asking)
        return replace(view, sources=None, viewer=None, outline=None, growing=None, busy=None)

    def _refused(self, user: str, conversation_id: str, error: Exception, question: str | None = None) -> View:
        """Why nothing is asked. What was typed goes back into its box; an answer that grows meanwhile goes on."""
        view = View(status=views.status(str(error), "error"), question=question)
        try:
            conversation = self.list.own(user, conversation_id)
            jobs = (self._errands.of(conversation_id), self._service.chat_of(conversation).job(conversation_id))
            running = any(jobs)
        except EXPECTED:  # no conversation yet, or none any more
            running = False
        return view if running else replace(view, growing="", busy="")

    def _begin(self, user: str, bot: str, question: str) -> Conversation:
        profile = self._service.bot(bot or self._service.options.bot).profile
        if not reads_history(profile):
            raise AssistantError("Add a document first; then ask about it.")
        return self._service.store.create_conversation(user, profile.name, views.title_of(question))

    def _titled(self, user: str, conversation: Conversation, question: str) -> Conversation:
        """The conversation, called after its first question where it is only called after its document."""
        store = self._service.store
        named = conversation.title in ("", *self.names(user, conversation))
        if not named or store.page(user, conversation.id, limit=1).messages:
            return conversation
        return store.rename(user, conversation.id, views.title_of(question))

    def _answer(
        self, user: str, conversation: Conversation, question: str, asked: Message | None
    ) -> Generator[View, None, None]:
        service, identity = self._service, conversation.id
        served = service.bot(conversation.bot)
        messages = list(service.store.page(user, identity, limit=SHOWN).messages)
        if asked is None:
            now = datetime.now(UTC)
            messages.append(Message(None, identity, -1, 1, "user", question, "complete", now, None, author=user))
        talk = replace(self.talk(user, service.store.conversation(user, identity), messages), settled=False)
        yield View(
            conversation=identity,
            conversations=self.list.html(user, identity),
            heading=views.heading(conversation, talk.bot, self.names(user, conversation)),
            transcript=transcript(talk),
            growing=growing(talk.bot, "", "Thinking …"),
            status="",
            question="" if asked is None else None,
            busy="answering",
        )
        errand: Errand | None = None
        try:
            errand = self._sent(user, conversation, question, asked)
            while not errand.wait(LOOK_S):
                yield View(growing=growing(talk.bot, "", self._waits(conversation, errand)))
            document, job = errand.result()
        except EXPECTED as error:  # what was drawn before it was stored goes
            told = self._refused(user, identity, error, question if asked is None and errand is None else None)
            view = self.open(user, identity)
            yield replace(view, status=told.status, question=told.question, growing=told.growing, busy=told.busy)
            return
        text = ""
        while not job.wait(ANSWERING_PAUSE_S):
            if job.text != text:
                text = job.text
                yield View(growing=growing(talk.bot, text))
        self.remember(identity, served.chat.meter(user, identity, document, ""))
        view = self.open(user, identity)
        if job.error:
            view = replace(view, status=views.status(job.error, "error"))
        yield view

    def _sent(self, user: str, conversation: Conversation, question: str, asked: Message | None) -> Errand:
        """The question stored and on its way: it is answered once its document is read, even if the tab is closed."""
        if self._service.closing:
            raise AssistantError("The server is about to end; ask again in a moment.")
        served, documents = self._service.bot(conversation.bot), conversation.document_ids
        if served.chat.job(conversation.id):
            raise BusyError("This conversation is still being answered; wait for it or press Stop.")
        warm = bool(documents) and served.is_open(documents[0])

        def keep() -> Message:
            return asked or self._service.store.append(user, conversation.id, "user", question)

        def ask(document: ReadDocument, kept: Message) -> AnswerJob:
            read_now = 0 if warm else len(document.read.segment) - document.read.cached_tokens
            return served.chat.start(user, conversation.id, question, document, asked=kept, read_now=read_now)

        def read(kept: Message) -> ReadJob:
            return self._service.reading(conversation, before=kept.seq)

        return self._errands.begin(conversation.id, keep, read, ask)

    def _waits(self, conversation: Conversation, errand: Errand) -> str:
        """What is done before the first word."""
        name = conversation.title if conversation.document_ids else "your earlier conversations"
        return "Thinking …" if errand.reading.wait(0) else told(errand.reading.state, name)


def check(question: str) -> None:
    """Raises AssistantError for what is no question, or too long a one: nothing is cut off it."""
    if not question.strip():
        raise EmptyQuestionError("The question is empty; type what you want to know.")
    if len(question) > LONGEST:
        raise AssistantError(f"A question may have {LONGEST:,} characters, and this one has {len(question):,}.")


def told(state: ReadState, name: str) -> str:
    """How far a reading is, in words."""
    if not state.total:
        return f"Opening {name} …"
    unit = "tokens" if state.phase == "reading" else "parts"
    return f"Reading {name}: {state.done:,} of {state.total:,} {unit} …"
