"""Lines: a text cut at its newlines, each with the evidence a heading is judged by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.structure.numbering import Label, labels
from ingest.structure.titles import is_caps

LOOK = 400  # characters of a line that matter for headings
EDGE_LINES = 3  # running headers and footers stand this near the edge of a page
SHORT = 0.75  # a line shorter than this part of a full one ends its paragraph

PageStyle = list[tuple[int, float, bool]]  # runs of (characters, size, bold) that cover the page's text

_PAGE_NUMBER = re.compile(
    r"(?i)[-–—\s]*(?:page\s+)?(?:\d{1,4}|[ivxl]{1,6}|[A-Z]-\d{1,3})(?:\s*(?:of|/)\s*\d{1,4})?[-–—\s]*"
)
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*[\divxlIVXL-]{0,6}\s*$|…{2,}\s*\d+\s*$")
_ENDS_IN_NUMBER = re.compile(r"\S.*?[\s.](\d{1,4}|[ivxl]{1,6})$")
_CONTENTS = re.compile(r"(?i)(?:table\s+of\s+)?contents:?")
_ENDED = re.compile(r"(?:[.:;!?—–]|[;,]\s*(?:and/or|and|or))[”\"’')\]]*$|^(?:and|or)$")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of a PDF outline; depth from 1, page from 0."""

    title: str
    depth: int
    page: int


@dataclass(slots=True)
class Line:
    """A line with text on it; `text` is its start, stripped, and `start`, `end` bound the stripped whole."""

    start: int
    end: int
    text: str
    page: int = 0
    indent: int = 0
    size: float = 0.0
    bold: bool = False
    blank_before: bool = False
    running: bool = False  # a running header or footer, or a page number
    contents: bool = False  # part of a table of contents
    opens: bool = True  # a paragraph can begin here
    readings: tuple[Label, ...] = ()


def split_pages(
    text: str, pages: Sequence[tuple[int, int]], styles: Sequence[PageStyle] = (), *, repeated: bool = True
) -> list[Line]:
    """The lines of `text`; `pages` are its page ranges (one for a plain text).

    `repeated`: lines that come again at the edges of pages are running headers; False where they were taken out.
    """
    lines: list[Line] = []
    for number, (start, end) in enumerate(pages):
        style = _Style(styles[number] if number < len(styles) else [])
        blank, offset = True, start
        for row in text[start:end].split("\n"):
            stripped = row.strip()
            if stripped:
                indent = len(row) - len(row.lstrip())
                at = offset + indent
                size, bold = style.of(at - start, at - start + len(stripped))
                line = Line(at, at + len(stripped), stripped[:LOOK], number, indent, size, bold, blank)
                line.readings = tuple(labels(line.text))
                lines.append(line)
            blank = not stripped
            offset += len(row) + 1
    _mark_running(lines, len(pages), repeated=repeated)
    _mark_contents(lines)
    _mark_openings(lines)
    return lines


class _Style:
    """The style most characters of a range have, from runs asked for in order."""

    def __init__(self, runs: PageStyle) -> None:
        self.runs, self.at, self.start = runs, 0, 0

    def of(self, start: int, end: int) -> tuple[float, bool]:
        while self.at < len(self.runs) and self.start + self.runs[self.at][0] <= start:
            self.start += self.runs[self.at][0]
            self.at += 1
        weights: Counter[tuple[float, bool]] = Counter()
        place = self.start
        for chars, size, bold in self.runs[self.at :]:
            weights[size, bold] += max(0, min(end, place + chars) - max(start, place))
            place += chars
            if place >= end:
                break
        return max(weights, key=lambda style: weights[style]) if weights else (0.0, False)


def _mark_running(lines: list[Line], pages: int, *, repeated: bool) -> None:
    if pages < 2:
        return
    by_page: list[list[Line]] = [[] for _ in range(pages)]
    for line in lines:
        by_page[line.page].append(line)
    edges = [[*rows[:EDGE_LINES], *rows[EDGE_LINES:][-EDGE_LINES:]] for rows in by_page]
    seen = Counter(key for rows in edges for key in {_running_key(line) for line in rows})
    for rows in edges:
        for line in rows:
            again = repeated and seen[_running_key(line)] >= max(3, (pages + 1) // 2)
            line.running = again or bool(_PAGE_NUMBER.fullmatch(line.text))


def _running_key(line: Line) -> str:
    # Page numbers change from page to page; the number of a section header must not be lost that way.
    return line.text if line.readings else re.sub(r"\d+", "#", line.text)


def _plain(line: Line) -> str:
    """The words of a line without leaders and page number, to find a contents entry again as a header."""
    return re.sub(r"\W+", "", re.sub(r"[\s.…]*(?:\d+|[ivxl]+)?$", "", line.text) or line.text).casefold()


def _mark_contents(lines: list[Line]) -> None:
    body = [line for line in lines if not line.running]
    run: list[Line] = []
    last = -1
    for line in body:
        match = _ENDS_IN_NUMBER.match(line.text)
        value = int(match[1]) if match and match[1].isdigit() else None
        if _LEADERS.search(line.text):
            line.contents = True
        elif value is not None and last <= value <= last + 200 and len(line.text) < 160:
            run.append(line)
            last = value
            continue
        elif is_caps(line.text) and run and line.readings:
            continue  # "ARTICLE I DEFINITIONS" without a page number between entries that have one
        _close_run(run)
        run, last = [], -1
    _close_run(run)
    for index, line in enumerate(body):
        if not line.contents and _CONTENTS.fullmatch(line.text):
            _mark_listing(body, index + 1)


def _close_run(run: list[Line]) -> None:
    if len(run) >= 3 and sum(bool(line.readings) for line in run) * 2 >= len(run):
        for line in run:
            line.contents = True


def _mark_listing(body: list[Line], start: int) -> None:
    """After a "Contents" header: all lines that come again later, up to the first one that does not."""
    counts = Counter(_plain(line) for line in body[start:])
    for index in range(start, len(body)):
        line = body[index]
        key = _plain(line)
        counts[key] -= 1
        if not line.contents and counts[key] < 1:
            return
        line.contents = True


def _mark_openings(lines: list[Line]) -> None:
    widths = sorted(line.end - line.start for line in lines if not line.running)
    full = widths[len(widths) * 9 // 10] if widths else 0
    before: Line | None = None
    for line in lines:
        if line.running:
            continue
        if before is not None and not (line.blank_before and line.page == before.page):
            ended = _ENDED.search(before.text[-LOOK:] if before.end - before.start <= LOOK else ".")
            line.opens = bool(ended) or before.end - before.start < full * SHORT or before.contents
        before = line
