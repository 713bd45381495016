"""One PDF → Part: text and spans per page, styles per line, bookmarks; the parsing itself is sandboxed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from ingest.document import (
    BrokenFileError,
    EncryptedFileError,
    IngestError,
    LimitError,
    Limits,
    NoTextError,
    Span,
    Unread,
)
from ingest.structure.headings import find_sections
from ingest.structure.lines import Bookmark, PageStyle, split_pages
from ingest.part import Part
from ingest.sandbox import messages
from ingest.text import normalise

FEW_CHARS = 100  # a page with a picture and less text than this may be a scan with a stamp on it


def read_pdf(
    source: BinaryIO,
    name: str,
    *,
    limits: Limits,
    progress: Callable[[str, int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Part:
    """Reads every page; raises the IngestError that says what is wrong with `name`."""
    request = {"max_pages": limits.max_pages, "max_chars": limits.max_chars}
    header: dict[str, Any] = {}
    pages: list[dict[str, Any]] = []
    outline: list[Any] = []
    faults: list[Any] = []
    for message in messages("ingest.pdf.worker", source, request, name=name, limits=limits, cancel=cancel):
        if "error" in message:
            raise _error(str(message["error"]), str(message.get("detail", "")), name, limits)
        if "pages" in message:
            header = message
        elif "text" in message:
            pages.append(message)
            if progress is not None:
                progress(name, len(pages), int(header["pages"]))
        outline = message.get("outline", outline)
        faults = message.get("faults", faults)
    if len(pages) != header.get("pages"):
        raise _error("pages", f"{len(pages)} of {header.get('pages')}", name, limits)
    part = _part(pages, header.get("labels"), name)
    if faults:
        part.warnings.append(f"{name}: small faults of the PDF were repaired while reading ({'; '.join(faults)})")
    styles = [_style(page) for page in pages]
    bookmarks = [Bookmark(str(title), int(depth), int(page)) for title, depth, page in outline]
    lines = split_pages(part.text, [(span.start, span.end) for span in part.spans], styles)
    part.sections = find_sections(lines, len(part.text), bookmarks=bookmarks)
    return part


def _part(pages: list[dict[str, Any]], labels: list[str] | None, name: str) -> Part:
    part = Part("", [], pages=len(pages))
    texts: list[str] = []
    offset = 0
    for number, page in enumerate(pages, start=1):
        text = normalise(str(page["text"])).rstrip("\n") + "\n"  # the separator belongs to the page before it
        if page["fault"] or not text.strip():
            reason = page["fault"] or "no text layer (a scan?)"
            part.unread.append(Unread(name, number, str(reason)))
        elif page["doubt"]:
            part.warnings.append(f"{name}: page {number}: {page['doubt']}")
        elif page["image"] and len(text) < FEW_CHARS:
            part.warnings.append(f"{name}: page {number} has a picture and hardly any text, it may be a scan")
        label = labels[number - 1] if labels and number <= len(labels) else None
        part.spans.append(Span(offset, offset + len(text), name, page=number, page_label=label))
        texts.append(text)
        offset += len(text)
    part.text = "".join(texts)
    if not part.text.strip():
        if any(page["fault"] for page in pages):
            raise BrokenFileError(f"{name} is damaged: not one page can be read; get the file again.")
        raise NoTextError(
            f"{name} has no text layer on any of its {len(pages)} page(s), it is probably a scan: "
            "run text recognition (OCR) over it first."
        )
    return part


def _style(page: dict[str, Any]) -> PageStyle:
    return [(int(chars), float(size), bool(bold)) for chars, size, bold in page["runs"]]


def _error(kind: str, detail: str, name: str, limits: Limits) -> IngestError:
    if kind == "truncated":
        return BrokenFileError(f"{name} is cut short (the end of the PDF is missing): download or copy it again.")
    if kind == "pages":
        return BrokenFileError(f"{name} is damaged (only {detail} pages can be found): download or copy it again.")
    if kind == "encrypted":
        return EncryptedFileError(f"{name} is protected by a password: save a copy without one and use that.")
    if kind == "max_pages":
        return LimitError(f"{name} has {detail} pages, the limit is {limits.max_pages:,}: split it.")
    return LimitError(f"{name} holds more text than the limit of {limits.max_chars:,} characters: split it.")
