"""The coverage receipt: what of the source was read, in numbers a person can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assistant.sessions import KINDS, said_in
from ingest import Document


@dataclass(frozen=True, slots=True)
class Coverage:
    """`tokens_read` of the document's `tokens` are in the context; pages are 1-based.

    `sessions` and `messages` count those of a customer's history, all of them in the context.
    """

    tokens: int
    tokens_read: int
    pages: int
    pages_unread: tuple[int, ...]
    files: int
    files_unread: tuple[tuple[str, str], ...]
    sessions: int = 0
    messages: int = 0

    def as_json(self) -> dict[str, Any]:
        """The `coverage` object of the command line and the API."""
        return {
            "tokens": self.tokens,
            "tokens_read": self.tokens_read,
            "pages": self.pages,
            "pages_unread": list(self.pages_unread),
            "files": self.files,
            "files_unread": [{"path": path, "reason": reason} for path, reason in self.files_unread],
            **({"sessions": self.sessions, "messages": self.messages} if self.sessions else {}),
        }

    def sentence(self) -> str:
        """One line for people: “Read 23 of 23 pages, 15,135 of 15,135 tokens.”"""
        unread = len(self.pages_unread)
        parts = [f"{self.pages - unread} of {self.pages} pages"] if self.pages else []
        if self.sessions:
            parts.append(f"all {_count(self.sessions, 'session')} with {_count(self.messages, 'message')}")
        parts.append(f"{self.tokens_read:,} of {self.tokens:,} tokens")
        line = f"Read {', '.join(parts)}."
        if unread:
            listed = ", ".join(str(page) for page in self.pages_unread[:12]) + (" …" if unread > 12 else "")
            line += f" Not read (no text on the page): p. {listed}."
        if self.files_unread:
            count = len(self.files_unread)
            line += f" {count:,} file{'s' if count != 1 else ''} not read."
        return line


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def coverage(document: Document, tokens: int, tokens_read: int) -> Coverage:
    """The receipt of one document: `tokens` it has, `tokens_read` the model has read."""
    report = document.report
    said = said_in(document)
    return Coverage(
        tokens=tokens,
        tokens_read=tokens_read,
        pages=report.pages,
        pages_unread=report.pages_unread,
        files=report.files,
        files_unread=tuple((item.path, item.reason) for item in report.files_unread),
        sessions=sum(section.kind in KINDS for section in document.sections),
        messages=len(said),
    )
