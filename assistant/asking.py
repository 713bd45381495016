"""`ask` on the terminal: a document or a customer's history is read, then answered on, with proof and receipt."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.bot import Finished
from assistant.chat import Repeated
from assistant.errors import AssistantError, EmptyQuestionError
from assistant.handover import HandedOff
from assistant.history import latest_conversation, reads_history
from assistant.library import Held, Library
from assistant.listing import answer_json, message_json, receipt_lines
from assistant.profiles import Profile
from assistant.reading import ReadDocument
from assistant.service import Service, profile_named
from assistant.service_options import ServiceOptions
from assistant.terminal import show_progress
from storage import AnswerRecord, Conversation, Store


@dataclass(frozen=True, slots=True)
class AskCommand:
    """What `ask` was asked for. Without `paths` and `conversation` it is about the user's whole history."""

    paths: Sequence[Path | str]
    question: str
    user: str
    conversation: str | None = None
    password: str | None = None
    ocr: bool = False
    json: bool = False


def ask(command: AskCommand, options: ServiceOptions) -> None:
    """Answers and prints. Raises IngestError, BackendError, StorageError and AssistantError."""
    start = time.perf_counter()
    if not command.question.strip():
        raise EmptyQuestionError("The question is empty; type what you want to know after -q.")
    profile = profile_named(options.bot, options.profiles)
    _check(command, options, profile)
    held = _parsed(command, options)
    try:
        service = Service(options)
    except BaseException:
        if held and held.new:
            Library(options.data_dir / "documents", options.limits).delete(held.id)
        raise
    try:
        conversation, document = _open(service, command, held)
        _answer(service, command, conversation, document, start)
    finally:
        service.close()


def _check(command: AskCommand, options: ServiceOptions, profile: Profile) -> None:
    """A wrong wish must not cost the loading of a model."""
    if command.conversation is None and not command.paths and not reads_history(profile):
        raise AssistantError("There is nothing to read; give a file, or --conversation with one about a document.")
    if command.conversation is not None:
        store = Store.open(options.where)
        try:
            if store.conversation(command.user, command.conversation).deleted:
                raise AssistantError("This conversation was deleted; bring it back with “history restore” first.")
        finally:
            store.close()


def _parsed(command: AskCommand, options: ServiceOptions) -> Held | None:
    """The document of the command line's paths, so that a wrong file is told before a model is loaded."""
    if not command.paths:
        return None
    library = Library(options.data_dir / "documents", options.limits)
    return library.add(command.paths, password=command.password, ocr=command.ocr)


def _open(service: Service, command: AskCommand, held: Held | None) -> tuple[Conversation, ReadDocument]:
    """The conversation that goes on or begins, and what it is about, read."""
    store, user = service.store, command.user
    known = command.conversation
    if known is None and held is None:
        known = latest_conversation(store, user, service.profile.name)
        known = known or store.create_conversation(user, service.profile.name, service.profile.title).id
    conversation = store.conversation(user, known) if known else None
    if held is not None:
        job = service.bot(conversation.bot if conversation else service.profile.name).reader.start(held)
    else:
        assert conversation is not None
        job = service.reading(conversation)
    try:
        document = job.result(watch=show_progress if sys.stderr.isatty() else None)
    finally:
        job.cancel()
    if held is not None and conversation is not None and held.id not in conversation.document_ids:
        record = service.register(user, document)
        conversation = store.attach_document(user, conversation.id, record.id)
    return conversation or service.converse(user, document), document


def _answer(
    service: Service, command: AskCommand, conversation: Conversation, document: ReadDocument, start: float
) -> None:
    read_now = len(document.read.segment) - document.read.cached_tokens
    shown, text = 0, ""
    finished: Finished | None = None
    handed: HandedOff | None = None
    chat = service.chat_of(conversation)
    for event in chat.ask(command.user, conversation.id, command.question, document, read_now=read_now):
        if isinstance(event, HandedOff):
            handed = event
        elif isinstance(event, Finished):
            finished = event
        if isinstance(event, Repeated | HandedOff) and finished:
            continue
        text = event.text
        if not command.json:
            print(text[shown:], end="", flush=True)
            shown = max(shown, len(text))
    record = _record(service, command.user, conversation.id) if finished else None
    total = time.perf_counter() - start
    if command.json:
        found = answer_json(text, record, conversation.id, total) if record else message_json(text, conversation.id)
        print(json.dumps(found | _owner(handed), ensure_ascii=False))
        return
    print()
    if finished and record:
        print(receipt_lines(finished, record, conversation.id))
    if handed:
        print(f"  {_told(handed)} Ask on: --conversation {conversation.id}")


def _record(service: Service, user: str, conversation_id: str) -> AnswerRecord | None:
    """The receipt as it was stored."""
    messages = service.store.page(user, conversation_id, limit=2).messages
    return next((message.answer for message in reversed(messages) if message.answer), None)


def _owner(handed: HandedOff | None) -> dict[str, object]:
    if handed is None:
        return {"state": "bot"}
    return {"state": str(handed.state), "hand_off": handed.reason.sentence if handed.reason else None}


def _told(handed: HandedOff) -> str:
    if handed.reason:
        return f"{handed.text} ({handed.reason.sentence})"
    return handed.text or "A person answers in this conversation; your message was passed on to them."
