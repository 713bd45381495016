"""Conversations, documents and answers in SQL. Values go in and come out; rows and sessions stay inside."""

from storage.records import (
    AnswerRecord,
    CitationRecord,
    Conversation,
    DocumentRecord,
    Message,
    NotFoundError,
    StorageError,
)
from storage.store import Store

__all__ = [
    "AnswerRecord",
    "CitationRecord",
    "Conversation",
    "DocumentRecord",
    "Message",
    "NotFoundError",
    "StorageError",
    "Store",
]
