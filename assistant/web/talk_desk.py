"""A conversation as the page shows it: heading, what was said, the meter, what a person says meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assistant.meter import Meter
from assistant.profiles import Profile
from assistant.service import Service
from assistant.web import start_view, views
from assistant.web.list_desk import ListDesk
from assistant.web.meter_view import meter
from assistant.web.proof_desk import EXPECTED, ProofDesk
from assistant.web.transcript_view import Talk, transcript
from assistant.web.versions import versions_of
from assistant.web.view import View
from storage import Conversation, Message

SHOWN = 50  # messages of a conversation shown until more are asked for
METERS = 500  # conversations whose meter is remembered
OWNERS = {
    "waiting": "A person was asked to take over; the bot is silent until they hand it back.",
    "human": "A person answers in this conversation; the bot is silent until they hand it back.",
}


class TalkDesk:
    """One service behind the page. The user's name comes from the login, never from the page's data."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.proof = ProofDesk(service)
        self.list = ListDesk(service)
        self._meters: dict[str, Meter] = {}  # by conversation, as its last question left it

    @property
    def bots(self) -> list[Profile]:
        """All bots, the one that the server was started with first."""
        first = self._service.options.bot
        return sorted(self._service.profiles.values(), key=lambda profile: profile.name != first)

    def open(
        self, user: str, conversation_id: str, *, limit: int = SHOWN, find: int | None = None, asking: int | None = None
    ) -> View:
        """A conversation as it was left. Its document is opened in the background, so that asking is fast.

        `find`: the message to show; `asking`: the answer whose thumb's reason is asked for.
        """
        store = self._service.store
        page = store.page(user, conversation_id, limit=limit)
        wanted = asking if find is None else find
        while wanted is not None and page.more and page.messages[0].seq > wanted:
            page = store.page(user, conversation_id, limit=(limit := limit * 2))
        conversation = page.conversation
        known = conversation.bot in self._service.profiles
        if conversation.document_ids and known:
            self._service.opened(conversation.document_ids[0], conversation.bot)
        answers = [message for message in page.messages if message.answer]
        last = answers[-1] if answers else None
        talk = replace(self.talk(user, conversation, page.messages), more=page.more, limit=limit)
        shown = transcript(replace(talk, find=find, asking=asking))
        names = self.names(user, conversation)
        return replace(
            self.proof.proof(user, conversation_id, last),
            conversation=conversation_id,
            bot=conversation.bot,
            seen=_seen(conversation, page.messages),
            conversations=self.list.html(user, conversation_id),
            heading=views.heading(conversation, talk.bot, names),
            transcript=shown if page.messages else start_view.begun(talk.bot, names),
            growing="",
            meter=meter(self.meter_of(user, conversation)),
            status=views.status(OWNERS.get(conversation.state, "")),
            busy="",
            live=conversation.state != "bot",
        )

    def news(self, user: str, conversation_id: str, seen: str) -> View:
        """What a person said since the page was drawn, or that the bot has the conversation again; else nothing."""
        page = self._service.store.page(user, conversation_id, limit=1)
        if _seen(page.conversation, page.messages) == seen:
            return View()
        return replace(self.open(user, conversation_id), sources=None, viewer=None, outline=None)

    def talk(self, user: str, conversation: Conversation, messages: Sequence[Message]) -> Talk:
        """What a transcript of these messages is drawn from."""
        store = self._service.store
        bot = self._service.profiles.get(conversation.bot) or replace(self.bots[0], title=conversation.bot, examples=())
        streaming = bool(messages) and messages[-1].status == "streaming"
        return Talk(
            user=user,
            bot=bot,
            messages=messages,
            versions=versions_of(messages, store.branches(user, conversation.id)),
            feedback={each.seq: each for each in store.feedback(user, conversation.id)},
            settled=conversation.state == "bot" and not streaming,
            zone=self.list.zone(user),
        )

    def names(self, user: str, conversation: Conversation) -> list[str]:
        """The documents that a conversation is about."""
        names = []
        for each in conversation.document_ids:
            try:
                names.append(self._service.store.document(user, each).name)
            except EXPECTED:  # one that is no longer shared with this user
                continue
        return names

    def meter_of(self, user: str, conversation: Conversation) -> Meter | None:
        """The meter of a conversation whose document is open, or as its last question left it."""
        if conversation.bot in self._service.profiles and conversation.document_ids:
            served = self._service.bot(conversation.bot)
            if served.is_open(conversation.document_ids[0]):
                document = served.opened(conversation.document_ids[0]).result()
                self.remember(conversation.id, served.chat.meter(user, conversation.id, document, ""))
        return self._meters.get(conversation.id)

    def remember(self, conversation_id: str, known: Meter | None) -> None:
        """Keeps the meter of a conversation until its next question."""
        if known is not None:
            self._meters.pop(conversation_id, None)
            self._meters[conversation_id] = known
            while len(self._meters) > METERS:
                del self._meters[next(iter(self._meters))]


def _seen(conversation: Conversation, messages: Sequence[Message]) -> str:
    """What `news` compares: who has the conversation, and its last message."""
    last = messages[-1] if messages else None
    return f"{conversation.state}:{last.seq}:{last.status}" if last else conversation.state
