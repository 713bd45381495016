"""One PDF → Part: the parsing is sandboxed; what needs the whole document is done here.

Pages come as lines in reading order. Running headers, footers and page numbers go to `artifacts`, broken words are
joined, a table's row is one line with " | " between its cells, fields and comments stand at the end of their page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ingest.document import BrokenFileError, IngestCancelled, Limits, NoTextError, Span, Unread
from ingest.part import Part
from ingest.pdf import recognition
from ingest.pdf.failures import failure
from ingest.pdf.hyphens import join_broken_words
from ingest.pdf.line import Line, PageLines, leading, line_from
from ingest.pdf.running import take_running
from ingest.sandbox import messages
from ingest.structure.headings import find_sections
from ingest.structure.lines import Bookmark, PageStyle, split_pages

FEW_CHARS = 100  # a page with a picture and less text than this may be a scan with a stamp on it
PARAGRAPH = 1.45  # times the usual distance of lines: a blank line


@dataclass(slots=True)
class _Reading:
    """What came out of the sandbox so far."""

    name: str
    count: int = 0
    labels: list[str] | None = None
    pages: list[PageLines] = field(default_factory=list)
    outline: list[Any] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damaged: bool = False


def read_pdf(
    source: BinaryIO | bytes,
    name: str,
    *,
    limits: Limits,
    progress: Callable[[str, int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    password: str | None = None,
    ocr: bool = False,
) -> Part:
    """Reads every page; raises the IngestError that says what is wrong with `name`."""
    if ocr:
        recognition.check_available(name)
    request = {"max_pages": limits.max_pages, "max_chars": limits.max_chars, "password": password, "ocr": ocr}
    reading = _Reading(name)
    picture: bytes | None = None
    for message in messages("ingest.pdf.worker", source, request, name=name, limits=limits, cancel=cancel):
        if "error" in message:
            raise failure(str(message["error"]), str(message.get("detail", "")), name, limits)
        if "pages" in message:
            reading.count, reading.labels = int(message["pages"]), message.get("labels")
        elif "raw" in message:
            picture = message["data"]
        elif "lines" in message:
            _take(reading, message, picture)
            picture = None
            if progress is not None:
                progress(name, len(reading.pages), reading.count)
            if cancel is not None and cancel():
                raise IngestCancelled(f"Reading {name} was cancelled.")
        elif "outline" in message:
            reading.outline = message["outline"]
            if message.get("outline_cut"):
                reading.warnings.append(f"{name}: its bookmarks are damaged or too many, not all of them were used")
        reading.faults = message.get("faults", reading.faults)
    if len(reading.pages) != reading.count:
        raise failure("pages", f"{len(reading.pages)} of {reading.count}", name, limits)
    return _part(reading, ocr=ocr)


def _take(reading: _Reading, message: dict[str, Any], picture: bytes | None) -> None:
    """One page; where a picture of it came along, its text is recognised."""
    number, name = len(reading.pages) + 1, reading.name
    label = reading.labels[number - 1] if reading.labels and number <= len(reading.labels) else None
    lines = [line_from(row) for row in message["lines"]]
    notes = [str(note) for note in message["notes"]]
    page = PageLines(number, lines, float(message["width"]), float(message["height"]), notes, label)
    reading.pages.append(page)
    chars = sum(len(line.text) for line in lines)
    fault, recognised = message["fault"], recognition.recognise(picture) if picture else None
    if recognised is not None and sum(len(line.text) for line in recognised.lines) > chars:
        page.lines, page.width, page.height = recognised.lines, recognised.width, recognised.height
        sure = f"mean confidence {recognised.confidence}%"
        reading.warnings.append(f"{name}: p. {number} was read by text recognition ({sure})")
    elif fault or not chars:
        tried = "text recognition found no text" if recognised else "text recognition failed or took too long"
        reason = fault or (tried if picture else "no text layer (a scan?)")
        reading.unread.append(Unread(name, number, str(reason)))
        reading.damaged = reading.damaged or bool(fault)
    elif message["doubt"]:
        reading.warnings.append(f"{name}: page {number}: {message['doubt']}")
    elif message["image"] and chars < FEW_CHARS:
        reading.warnings.append(f"{name}: page {number} has a picture and hardly any text, it may be a scan")


def _part(reading: _Reading, *, ocr: bool) -> Part:
    name, pages = reading.name, reading.pages
    if not any(page.lines or page.notes for page in pages):
        if reading.damaged:
            raise BrokenFileError(f"{name} is damaged: not one page can be read; get the file again.")
        raise NoTextError(_no_text(name, len(pages), ocr=ocr))
    if reading.faults:
        faults = "; ".join(str(fault) for fault in reading.faults)
        reading.warnings.append(f"{name}: small faults of the PDF were repaired while reading ({faults})")
    artifacts = take_running(pages, name)
    join_broken_words(pages)
    part = Part("", [], pages=len(pages), format="pdf", artifacts=artifacts)
    part.unread, part.warnings = reading.unread, reading.warnings
    texts: list[str] = []
    styles: list[PageStyle] = []
    offset = 0
    for page in pages:
        text, style = _written(page)
        part.spans.append(Span(offset, offset + len(text), name, page=page.number, page_label=page.label))
        texts.append(text)
        styles.append(style)
        offset += len(text)
    part.text = "".join(texts)
    bookmarks = [Bookmark(str(title), int(depth), int(place)) for title, depth, place in reading.outline]
    ranges = [(span.start, span.end) for span in part.spans]
    placed = any(page.height > 0 for page in pages)  # then the running lines are out of the text already
    lines = split_pages(part.text, ranges, styles, repeated=not placed)
    part.sections = find_sections(lines, len(part.text), bookmarks=bookmarks)
    return part


def _no_text(name: str, pages: int, *, ocr: bool) -> str:
    if ocr:
        return f"{name} has no text on any of its {pages} page(s), and text recognition found none: scan it again."
    return (
        f"{name} has no text layer on any of its {pages} page(s), it is probably a scan: "
        "run text recognition (OCR) over it with --ocr."
    )


def _written(page: PageLines) -> tuple[str, PageStyle]:
    """The page's text, ending in a newline, with a blank line where paragraphs stand apart; and its styles."""
    usual = leading(page.lines)
    rows: list[str] = []
    style: PageStyle = []
    before: Line | None = None
    for line in page.lines:
        text = line.text + "\n"
        if before is not None and _stands_apart(before, line, usual):
            text = "\n" + text
        rows.append(text)
        style.append((len(text), line.size, line.bold))
        before = line
    if page.notes:
        notes = ("\n" if rows else "") + "".join(f"{note}\n" for note in page.notes)
        rows.append(notes)
        style.append((len(notes), 0.0, False))
    return "".join(rows) or "\n", style


def _stands_apart(before: Line, line: Line, usual: float) -> bool:
    if line.kind == before.kind and line.kind in ("row", "note"):
        return False
    if line.kind != before.kind:
        return True
    return line.column == before.column and line.base - before.base > PARAGRAPH * usual
