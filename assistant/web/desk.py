"""What happens when the user does something on the page. Each method calls the service and yields what to show."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from assistant.reading import ReadDocument, ReadJob
from assistant.service import Service
from assistant.web import proof_views, views
from assistant.web.proof_desk import EXPECTED, ProofDesk
from assistant.web.view import View

_OWNERS = {
    "waiting": "A person was asked to take over; the bot is silent until they hand it back.",
    "human": "A person answers in this conversation; the bot is silent until they hand it back.",
}


class Desk:
    """One service behind the page. The user's name comes from the login, never from the page's data."""

    def __init__(self, service: Service) -> None:
        self.service = self._service = service
        self.proof = ProofDesk(service)
        self._reading: dict[str, ReadJob] = {}

    # -- documents -----------------------------------------------------------------

    def upload(self, user: str, paths: Sequence[str]) -> Iterator[View]:
        """Reads uploaded files as one document and opens a conversation on it."""
        yield View()
        files = [Path(path) for path in paths]
        if not files:
            return
        name = files[0].name if len(files) == 1 else f"{len(files)} files"
        if self._reading.get(user) and self._reading[user].running:
            _discard(files)
            yield View(status=views.status("Another document is being read; wait for it or cancel it.", "error"))
            return
        job = self._reading[user] = self._service.reader.start(files)
        try:
            yield from self._watch(job, name)
            document = job.result()
            self._service.keep(document, job)
            conversation = self._service.converse(user, document)
            note = views.status(f"{document.held.document.name} is read. {self._receipt(document)} Ask your question.")
            yield dataclasses.replace(self.open(user, conversation.id), status=note, busy="")
        except EXPECTED as error:
            yield View(status=views.status(str(error), "error"), busy="")
        finally:
            if not job.running:  # a page that was closed early leaves its files to the reading that goes on
                _discard(files)

    def cancel(self, user: str) -> View:
        """Stops the reading that this user started."""
        job = self._reading.get(user)
        if job:
            job.cancel()
        return View(status=views.status("Cancelling …"))

    def _watch(self, job: ReadJob, name: str) -> Iterator[View]:
        while not job.wait(0.2):
            yield View(status=views.progress(job.state, name), busy="reading")

    def _receipt(self, document: ReadDocument) -> str:
        from assistant.coverage import coverage

        tokens = len(document.encoded.token_ids)
        return coverage(document.held.document, tokens, tokens).sentence()

    # -- conversations ---------------------------------------------------------------

    def home(self, user: str) -> View:
        """The page after loading: the latest conversation, or the empty start."""
        latest = self._service.store.conversations(user, limit=1)
        return self.open(user, latest[0].id) if latest else self.fresh(user)

    def fresh(self, user: str) -> View:
        """An empty conversation, waiting for a document."""
        return View("", self._list(user, ""), [], proof_views.sources(None), "", "", "")

    def open(self, user: str, conversation_id: str) -> View:
        """A conversation as it was left. Its document is opened in the background, so that asking is fast."""
        store = self._service.store
        messages = store.messages(user, conversation_id)
        conversation = store.conversation(user, conversation_id)
        if conversation.document_ids:
            self._service.opened(conversation.document_ids[0], conversation.bot)
        answers = [message for message in messages if message.answer]
        last = answers[-1] if answers else None
        sheet = self.proof.sheet(user, conversation_id, last)
        listed = self._list(user, conversation_id)
        status = views.status(_OWNERS[conversation.state]) if conversation.state in _OWNERS else ""
        return View(conversation_id, listed, views.chat(messages), proof_views.sources(last), sheet, status, "")

    def _list(self, user: str, chosen: str) -> str:
        return views.conversation_list(self._service.store.conversations(user), chosen)

    # -- questions -------------------------------------------------------------------

    def ask(self, user: str, conversation_id: str, question: str) -> Iterator[View]:
        """Streams an answer into the chat."""
        if not conversation_id:
            yield View(status=views.status("Add a document first; then ask about it.", "error"), busy="")
            return
        try:
            shown = views.chat(self._service.store.messages(user, conversation_id))
            if question.strip():
                shown.append({"role": "user", "content": views.plain(question)})
            yield View(chat=shown, status="", busy="answering")
            document = yield from self._document(user, conversation_id)
            conversation = self._service.store.conversation(user, conversation_id)
            job = self._service.chat_of(conversation).start(user, conversation_id, question, document)
            text = ""
            while not job.wait(0.08):
                if job.text != text:
                    text = job.text
                    yield View(chat=[*shown, {"role": "assistant", "content": views.plain(text)}])
            view = self.open(user, conversation_id)
            yield dataclasses.replace(view, status=views.status(job.error, "error")) if job.error else view
        except EXPECTED as error:
            yield View(status=views.status(str(error), "error"), busy="")

    def stop(self, user: str, conversation_id: str) -> None:
        """Ends the answer that grows in this conversation; what was said stays."""
        conversation = self._service.store.conversation(user, conversation_id)  # whoever sees it may stop it
        job = self._service.chat_of(conversation).job(conversation_id)
        if job:
            job.stop()

    def follow(self, user: str, conversation_id: str) -> Iterator[View]:
        """Shows an answer that was already growing when the page was loaded."""
        yield View()  # a generator that yields nothing would empty the page
        try:
            conversation = self._service.store.conversation(user, conversation_id)
            job = self._service.chat_of(conversation).job(conversation_id)
        except EXPECTED:  # an empty page, somebody else's conversation, a bot that is no more
            return
        if job is None:
            return
        shown = views.chat(self._service.store.messages(user, conversation_id)[:-1])
        while not job.wait(0.2):
            yield View(chat=[*shown, {"role": "assistant", "content": views.plain(job.text)}], busy="answering")
        yield self.open(user, conversation_id)

    def _document(self, user: str, conversation_id: str) -> Generator[View, None, ReadDocument]:
        """The conversation's document, opened again after a restart; a generator that returns it."""
        conversation = self._service.store.conversation(user, conversation_id)
        job = self._service.reading(conversation)
        yield from self._watch(job, conversation.title)
        return job.result()


def _discard(files: Sequence[Path]) -> None:
    """Deletes uploaded files: the library has its own copies."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink()
