"""Rows to values and back. Columns carry the names of the fields, so only what differs is written out."""

from dataclasses import fields
from typing import Any

from storage.records import AnswerRecord, CitationRecord, Conversation, DocumentRecord, Message
from storage.schema import AnswerRow, CitationRow, ConversationRow, DocumentRow, MessageRow, UnreadRow

_DOCUMENT = tuple(field.name for field in fields(DocumentRecord))
_CITATION = tuple(field.name for field in fields(CitationRecord))
_IN_OTHER_TABLES = {"pages_unread", "files_unread", "citations"}
_ANSWER = tuple(field.name for field in fields(AnswerRecord) if field.name not in _IN_OTHER_TABLES)


def document_value(row: DocumentRow) -> DocumentRecord:
    return DocumentRecord(**_picked(row, _DOCUMENT))


def document_row(user: str, document: DocumentRecord) -> DocumentRow:
    return DocumentRow(user_id=user, **_picked(document, _DOCUMENT))


def conversation_value(row: ConversationRow) -> Conversation:
    return Conversation(
        id=row.id,
        user=row.user_id,
        bot=row.bot,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        document_ids=tuple(link.document_id for link in row.links),
        sessions=row.sessions,
        deleted=row.deleted_at is not None,
    )


def message_value(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        seq=row.seq,
        session=row.session,
        role=row.role,
        content=row.content,
        status=row.status,
        created_at=row.created_at,
        answer=None if row.answer is None else _answer_value(row.answer),
    )


def answer_row(answer: AnswerRecord) -> AnswerRow:
    """The receipt with its citations and unread parts, ready to be added as a whole."""
    unread = [UnreadRow(path="", page=page, reason="") for page in answer.pages_unread]
    unread += [UnreadRow(path=path, page=None, reason=reason) for path, reason in answer.files_unread]
    citations = [CitationRow(**_picked(citation, _CITATION)) for citation in answer.citations]
    for position, row in enumerate(unread):
        row.position = position
    for position, citation in enumerate(citations):
        citation.position = position
    return AnswerRow(**_picked(answer, _ANSWER), unread=unread, citations=citations)


def _answer_value(row: AnswerRow) -> AnswerRecord:
    return AnswerRecord(
        **_picked(row, _ANSWER),
        pages_unread=tuple(part.page for part in row.unread if part.page is not None),
        files_unread=tuple((part.path, part.reason) for part in row.unread if part.page is None),
        citations=tuple(CitationRecord(**_picked(citation, _CITATION)) for citation in row.citations),
    )


def _picked(thing: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}
