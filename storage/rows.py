"""Rows to values and back. Columns carry the names of the fields, so only what differs is written out."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from storage.records import (
    AnswerRecord,
    CitationRecord,
    Conversation,
    DocumentRecord,
    Message,
    SectionEvidence,
    SessionRecord,
)
from storage.schema import (
    AnswerRow,
    CitationRow,
    ContextRow,
    ConversationRow,
    DocumentRow,
    EvidenceRow,
    MessageRow,
    OfAnswer,
    SessionRow,
    SettingRow,
    UnreadRow,
)

_DOCUMENT = tuple(field.name for field in fields(DocumentRecord))
_CITATION = tuple(field.name for field in fields(CitationRecord))
_IN_OTHER_TABLES = {"pages_unread", "files_unread", "citations", "context", "settings", "evidence"}
_ANSWER = tuple(field.name for field in fields(AnswerRecord) if field.name not in _IN_OTHER_TABLES)
_MESSAGE = tuple(field.name for field in fields(Message) if field.name not in {"parent", "answer", "hash"})


def document_value(row: DocumentRow) -> DocumentRecord:
    return DocumentRecord(**picked(row, _DOCUMENT))


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
        organisation=row.organisation_id,
        state=row.state,
        pinned=row.pinned,
        archived=row.archived_at is not None,
        branch=row.branch,
        version=row.version,
    )


def session_value(row: SessionRow, messages: int) -> SessionRecord:
    return SessionRecord(row.conversation_id, row.number, row.started_at, row.ended_at, messages)


def message_value(row: MessageRow) -> Message:
    answer = None if row.answer is None else _answer_value(row.answer)
    return Message(**picked(row, _MESSAGE), parent=row.parent_seq, answer=answer, hash=row.hash or "")


def answer_row(answer: AnswerRecord) -> AnswerRow:
    """The receipt with its citations, unread parts and settings, ready to be added as a whole."""
    unread = [UnreadRow(path="", page=page, reason="") for page in answer.pages_unread]
    unread += [UnreadRow(path=path, page=None, reason=reason) for path, reason in answer.files_unread]
    citations = [CitationRow(**picked(citation, _CITATION)) for citation in answer.citations]
    context = [ContextRow(segment=segment) for segment in answer.context]
    settings = [SettingRow(name=name, value=value) for name, value in answer.settings]
    evidence = [EvidenceRow(section=each.section, weight=each.weight) for each in answer.evidence]
    parts: tuple[Sequence[OfAnswer], ...] = (unread, citations, context, settings, evidence)
    for several in parts:
        for position, part in enumerate(several):
            part.position = position
    row = AnswerRow(**picked(answer, _ANSWER))
    row.unread, row.citations, row.context, row.settings = unread, citations, context, settings
    row.evidence = evidence
    return row


def _answer_value(row: AnswerRow) -> AnswerRecord:
    return AnswerRecord(
        **picked(row, _ANSWER),
        pages_unread=tuple(part.page for part in row.unread if part.page is not None),
        files_unread=tuple((part.path, part.reason) for part in row.unread if part.page is None),
        citations=tuple(CitationRecord(**picked(citation, _CITATION)) for citation in row.citations),
        context=tuple(part.segment for part in row.context),
        settings=tuple((part.name, part.value) for part in row.settings),
        evidence=tuple(SectionEvidence(part.section, part.weight) for part in row.evidence),
    )


def picked(thing: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}
