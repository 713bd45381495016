"""What happens when the user looks at the proof of an answer: sources, the places they stand on, and the outline."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from assistant.errors import AssistantError
from assistant.history import history_as_read
from assistant.history_text import Place, message_document
from assistant.pictures import Pictures
from assistant.receipts import numbers
from assistant.service import Service
from assistant.web import outline_view, proof_views, source_view, views
from assistant.web.source_view import IMAGE, TEXT, Spot
from assistant.web.view import View
from ingest import Document, IngestError
from sparse_backend import BackendError
from storage import CitationRecord, Message, StorageError

EXPECTED = (AssistantError, BackendError, IngestError, StorageError)
OPEN = 8  # parsed documents held for the viewer
_UNBOXED = (
    "The quote was not found among the letters that this page draws (it may be recognised from a scan, or stand in a "
    "form or a comment), so the text that was read is shown."
)


class ProofDesk:
    """The right column's side of the desk; the user's name comes from the login."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pictures = Pictures(service.reader.library, service.options.limits)
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._lock = threading.Lock()

    def proof(self, user: str, conversation_id: str, message: Message | None) -> View:
        """All of the column for one answer: its sources, the first of them opened, the outline with its heat bars."""
        if message is None or message.answer is None:
            return View(sources=proof_views.sources(None), viewer="", outline="")
        if message.answer.citations:
            view = self.cite(user, conversation_id, message.id or 0, message.answer.citations[0].number)
            if view.sources is not None:
                return view
        sources = proof_views.sources(message)
        return View(sources=sources, viewer="", outline=self._outline(user, conversation_id, message))

    def cite(self, user: str, conversation_id: str, message_id: int, number: int) -> View:
        """Opens one citation of one answer in the viewer."""
        try:
            message = self._message(user, conversation_id, message_id)
            citation = _citation(message, number)
            if citation.conversation_id is not None:
                return self._said(user, conversation_id, message, citation)
            document_id, document = self._opened(user, conversation_id)
            spot = Spot(citation.start, citation.start, citation.end)
            return View(
                sources=proof_views.sources(message, document, number),
                viewer=self._sheet(document_id, document, spot, chosen=False),
                outline=self._outline(user, conversation_id, message, citation.start),
            )
        except (*EXPECTED, StopIteration, IndexError):
            return View(status=views.status("This source cannot be opened any more.", "error"))

    def _said(self, user: str, conversation_id: str, message: Message, citation: CitationRecord) -> View:
        """A citation of what was said, within its session."""
        sources = proof_views.sources(message, None, citation.number)
        history, places = self._history(user, conversation_id)
        wanted = (citation.conversation_id, citation.seq)
        place = next((each for each in places if (each.conversation_id, each.seq) == wanted), None)
        if place is None:  # it is on a branch that is not the active one: it is shown alone
            cited = self._service.store.message(user, str(citation.conversation_id), citation.seq or 0)
            alone = message_document(cited, citation.section)
            spot = Spot(citation.start, citation.start, citation.end, TEXT)
            return View(sources=sources, viewer=source_view.text_sheet(alone, spot), outline="")
        start = place.start + citation.start
        spot = Spot(start, start, place.start + citation.end, TEXT)
        outline = self._outline(user, conversation_id, message, start)
        return View(sources=sources, viewer=source_view.text_sheet(history, spot), outline=outline)

    def _history(
        self, user: str, conversation_id: str, message: Message | None = None
    ) -> tuple[Document, tuple[Place, ...]]:
        """All that was said to this user and by them; with an answer, up to its question."""
        store = self._service.store
        running = message.session if message else store.conversation(user, conversation_id).sessions
        return history_as_read(store, user, conversation_id, running, message.parent if message else None)

    def show(self, user: str, conversation_id: str, spot: Spot) -> View:
        """Another page, other lines, or the same page as picture or text."""
        try:
            document_id, document = self._opened(user, conversation_id)
            return View(viewer=self._sheet(document_id, document, spot, chosen=True))
        except (*EXPECTED, IndexError):
            return View(status=views.status("There is no such place in the document any more.", "error"))

    def forget(self, document_id: str) -> None:
        """Drops what is held of a document that is deleted."""
        with self._lock:
            self._documents.pop(document_id, None)
        self._pictures.forget(document_id)

    def _sheet(self, document_id: str, document: Document, spot: Spot, *, chosen: bool) -> str:
        """The picture of the page, or its text: where that was `chosen`, where there is no picture, and why."""
        if spot.mode == TEXT or document.span_at(spot.at).page is None:
            return source_view.text_sheet(document, replace(spot, mode=TEXT))
        try:
            picture = self._pictures.page(document_id, document, spot.at, (spot.low, spot.high))
        except (AssistantError, IngestError) as error:
            return source_view.text_sheet(document, replace(spot, mode=TEXT), str(error))
        span = document.span_at(spot.at)
        wanted = max(span.start, spot.low) < min(span.end, spot.high)
        if wanted and not picture.boxes and not chosen:
            return source_view.text_sheet(document, replace(spot, mode=TEXT), _UNBOXED)
        return source_view.picture_sheet(document, replace(spot, mode=IMAGE), picture)

    def _outline(self, user: str, conversation_id: str, message: Message, at: int | None = None) -> str:
        if message.answer is None:
            return ""
        evidence = message.answer.evidence
        try:
            if not self._service.store.conversation(user, conversation_id).document_ids:
                document, _ = self._history(user, conversation_id, message)
                told = numbers(message.answer, ("sessions",))[0]
                evidence = evidence if told == len(document.sections) else ()  # sessions were added or deleted since
            else:
                _, document = self._opened(user, conversation_id)
        except EXPECTED:
            return ""
        return outline_view.outline(document, evidence, at)

    def _message(self, user: str, conversation_id: str, message_id: int) -> Message:
        messages = self._service.store.messages(user, conversation_id)
        return next(message for message in messages if message.id == message_id)

    def _opened(self, user: str, conversation_id: str) -> tuple[str, Document]:
        """The conversation's document with its id. That the user may see it is asked anew each time."""
        conversation = self._service.store.conversation(user, conversation_id)
        if not conversation.document_ids:
            return "", self._history(user, conversation_id)[0]
        document_id = conversation.document_ids[0]
        if not self._service.reader.library.has(document_id):
            self.forget(document_id)
            raise AssistantError("The document of this conversation is no longer in the library.")
        with self._lock:
            if document_id in self._documents:
                self._documents.move_to_end(document_id)
                return document_id, self._documents[document_id]
        held = self._service.reader.library.get(document_id)
        if held is None:
            raise AssistantError("The document of this conversation is no longer in the library.")
        with self._lock:
            self._documents[document_id] = held.document
            while len(self._documents) > OPEN:
                self._documents.popitem(last=False)
        return document_id, held.document


def _citation(message: Message, number: int) -> CitationRecord:
    if message.answer is None:
        raise AssistantError("This message is no answer.")
    return next(item for item in message.answer.citations if item.number == number)
