"""What happens when the user looks at the proof of an answer: sources, and the places they stand on."""

from __future__ import annotations

from assistant.errors import AssistantError
from assistant.history_text import message_document
from assistant.service import Service
from assistant.web import proof_views, views
from assistant.web.view import View
from ingest import Document, IngestError
from sparse_backend import BackendError
from storage import Message, StorageError

EXPECTED = (AssistantError, BackendError, IngestError, StorageError)


class ProofDesk:
    """The right column's side of the desk; the user's name comes from the login."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def cite(self, user: str, conversation_id: str, message_id: int, number: int) -> View:
        """Opens one citation of one answer in the viewer."""
        try:
            message = self._message(user, conversation_id, message_id)
            citation = next(item for item in message.answer.citations if item.number == number)  # type: ignore[union-attr]
            if citation.conversation_id is not None and citation.seq is not None:
                cited = self._service.store.message(user, citation.conversation_id, citation.seq)
                return View(viewer=proof_views.viewer(message_document(cited, citation.section), citation))
            return View(viewer=proof_views.viewer(self._text(user, conversation_id), citation))
        except (*EXPECTED, StopIteration, AttributeError):
            return View(status=views.status("This source cannot be opened any more.", "error"))

    def turn(self, user: str, conversation_id: str, page: int) -> View:
        """Shows another page of the document."""
        try:
            return View(viewer=proof_views.page_view(self._text(user, conversation_id), page))
        except (*EXPECTED, StopIteration):
            return View(status=views.status("There is no such page.", "error"))

    def choose(self, user: str, conversation_id: str, index: int) -> View:
        """The sources of the answer at `index` of the chat."""
        messages = self._service.store.messages(user, conversation_id) if conversation_id else []
        if not 0 <= index < len(messages) or messages[index].answer is None:
            return View()
        message = messages[index]
        return View(sources=proof_views.sources(message), viewer=self.sheet(user, conversation_id, message))

    def _message(self, user: str, conversation_id: str, message_id: int) -> Message:
        messages = self._service.store.messages(user, conversation_id)
        return next(message for message in messages if message.id == message_id)

    def _text(self, user: str, conversation_id: str) -> Document:
        conversation = self._service.store.conversation(user, conversation_id)
        held = self._service.reader.library.get(conversation.document_ids[0]) if conversation.document_ids else None
        if held is None:
            raise AssistantError("The document of this conversation is no longer in the library.")
        return held.document

    def sheet(self, user: str, conversation_id: str, message: Message | None) -> str:
        """The place of an answer's first citation, or nothing."""
        if message is None or message.answer is None or not message.answer.citations:
            return ""
        return self.cite(user, conversation_id, message.id or 0, 1).viewer or ""
