"""HTML of an answer's citations, from plain values. Every text of documents and models is escaped here."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from assistant.closest import CLOSEST
from assistant.listing import QUOTED, place, shortened
from assistant.receipts import proofs
from ingest import Document
from storage import CitationRecord, Message

NOTHING_YET = '<p class="empty">Sources of an answer appear here.</p>'
_KINDS = {
    "quote": "quoted literally",
    "evidence": "holds what the answer says; read by the model while answering",
    CLOSEST: "where the question leads; no proof of the answer",
}


def sources(message: Message | None, document: Document | None = None, opened: int = 0) -> str:
    """The citations of one answer as buttons that open their place; `opened`: the one that the viewer shows.

    With the `document`, each says under which headers it stands.
    """
    if message is None or message.answer is None:
        return NOTHING_YET
    record = message.answer
    if not record.citations:
        return '<p class="empty">This answer has no proven source.</p>'
    count = len(proofs(record))
    rows = [_row(message, item, document, opened) for item in record.citations]
    beside = f"<h4>Beside the answer</h4>{''.join(rows[count:])}" if rows[count:] else ""
    return f'<div role="group" aria-label="Sources">{"".join(rows[:count])}{beside}</div>'


def _row(message: Message, item: CitationRecord, document: Document | None, opened: int) -> str:
    files = message.answer.files if message.answer else 1
    shown = "true" if item.number == opened else "false"
    trail = _trail(item, document)
    where = place(replace(item, section="") if trail else item, files=files)
    return (
        f'<button type="button" class="citation" data-message="{message.id}" data-number="{item.number}" '
        f'aria-pressed="{shown}"><b class="number">{item.number}</b>'
        f'<span class="where">{escape(where)}</span>{trail}'
        f"<q>{escape(shortened(item.quote, QUOTED))}</q>"
        f"<small>{escape(_KINDS.get(item.kind, item.kind))}</small></button>"
    )


def _trail(item: CitationRecord, document: Document | None) -> str:
    """The headers above the place, outermost first; only where there is more than the one that `place` names."""
    if document is None or item.conversation_id is not None or item.start >= len(document.text):
        return ""
    path = document.section_path(item.start)
    if len(path) < 2:
        return ""
    return f'<span class="trail">{" › ".join(escape(section.title) for section in path)}</span>'
