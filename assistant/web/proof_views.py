"""HTML of the proof beside an answer, from plain values. Every text of documents and models is escaped here."""

from __future__ import annotations

from html import escape

from assistant.listing import place
from ingest import Document
from storage import CitationRecord, Message

AROUND = 40  # lines shown before and after a citation in a file without pages


def sources(message: Message | None) -> str:
    """The citations of one answer as buttons that open their place."""
    if message is None or message.answer is None:
        return '<p class="empty">Sources of an answer appear here.</p>'
    files = message.answer.files
    if not message.answer.citations:
        return '<p class="empty">This answer has no proven source.</p>'
    rows = (
        f'<button type="button" class="citation" data-message="{message.id}" data-number="{item.number}">'
        f"<b>[{item.number}] {escape(place(item, files=files))}</b><span>{escape(_short(item.quote))}</span>"
        f"<small>{_kind(item)}</small></button>"
        for item in message.answer.citations
    )
    return f'<div aria-label="Sources">{"".join(rows)}</div>'


def viewer(document: Document, citation: CitationRecord) -> str:
    """The cited page, or the lines around it, with the quote highlighted."""
    return _sheet(document, citation.start, (citation.start, citation.end))


def page_view(document: Document, page: int) -> str:
    """One page without a highlight."""
    span = next(span for span in document.spans if span.page == page)
    return _sheet(document, span.start, None)


def _sheet(document: Document, offset: int, mark: tuple[int, int] | None) -> str:
    span = document.span_at(offset)
    start, end = (span.start, span.end) if span.page else _lines_around(document, offset)
    if mark is None:
        body = escape(document.text[start:end])
    else:
        low, high = max(start, mark[0]), min(end, mark[1])
        before, cited, after = document.text[start:low], document.text[low:high], document.text[high:end]
        body = f'{escape(before)}<mark tabindex="-1">{escape(cited)}</mark>{escape(after)}'
    head = _head(document, offset)
    return f'<section class="sheet"><header>{head}</header><div class="page">{body.strip()}</div></section>'


def _head(document: Document, offset: int) -> str:
    span = document.span_at(offset)
    if span.page is None:
        return f"{escape(span.path)} · line {document.line_of(offset)}"
    label = f" (printed {escape(span.page_label)})" if span.page_label and span.page_label != str(span.page) else ""
    pages = [item.page for item in document.spans if item.path == span.path and item.page]

    def turn(to: int, sign: str, name: str) -> str:
        off = "" if to in pages else " disabled"
        return f'<button type="button" class="turn" data-page="{to}" aria-label="{name} page"{off}>{sign}</button>'

    title = f"{escape(span.path)} · page {span.page} of {document.report.pages}{label}"
    if len({item.path for item in document.spans}) > 1:
        return title  # page numbers repeat over several files, so pages are reached by citation only
    return f"{turn(span.page - 1, '‹', 'Previous')} {title} {turn(span.page + 1, '›', 'Next')}"


def _lines_around(document: Document, offset: int) -> tuple[int, int]:
    """AROUND lines before and after, of the same file."""
    text, path = document.text, document.span_at(offset).path
    start = end = offset
    for _ in range(AROUND + 1):
        start = text.rfind("\n", 0, start)
        if start < 0 or document.span_at(start).path != path:
            break
    for _ in range(AROUND + 1):
        if end >= len(text) or document.span_at(end).path != path:
            break
        end = text.find("\n", end) + 1 or len(text)
    return start + 1, end


def _short(text: str, longest: int = 220) -> str:
    return text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] + " …"


def _kind(citation: CitationRecord) -> str:
    return (
        "quoted literally"
        if citation.kind == "quote"
        else "holds what the answer says; read by the model while answering"
    )
