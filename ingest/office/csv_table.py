"""A CSV or TSV file → Part: a line a row, cells with " | " between them; spans name the line in the file.

Delimiter and quoting are found by trying; a quote that never closes is taken as a plain character, with a warning.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from ingest.document import LimitError
from ingest.office.rows import Rows
from ingest.part import Part, Request
from ingest.text import decode

DELIMITERS = (",", ";", "\t", "|")  # the likeliest first
SAMPLE_ROWS, SAMPLE_CHARS = 200, 200_000
MAX_FIELD = 50_000_000  # characters in one cell
MAX_QUOTED_LINES = 1_000  # a cell over more lines than that is a quote that was never closed
OPEN_QUOTE = "a quotation mark in it is never closed: all quotation marks are read as plain characters"


def read(data: bytes, name: str, request: Request) -> Part:
    """The first row is the header of the one section, the whole table."""
    text, warning = decode(data)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    told, skip = _told_delimiter(text, name)
    delimiter = told or _sniff(text)
    warnings = [warning] if warning else []
    try:
        quoted = '"' in text
        rows = _fill(text, name, request, delimiter, skip, quoted=quoted)
        if rows is None:
            warnings.append(OPEN_QUOTE)
            rows = _fill(text, name, request, delimiter, skip, quoted=False)
    except csv.Error:
        raise LimitError(f"{name} has a cell of more than {MAX_FIELD:,} characters: split it.") from None
    assert rows is not None
    rows.warnings += warnings
    return rows.part()


def _fill(text: str, name: str, request: Request, delimiter: str, skip: int, *, quoted: bool) -> Rows | None:
    """All rows, None if a quotation mark that opens a cell is never closed."""
    rows = Rows(name, "csv", request)
    rows.header_row("table")
    first = before = 0
    for count, cells in _records(text, delimiter, quoted=quoted):
        first, before = before + 1, count
        if quoted and count - first > MAX_QUOTED_LINES:
            return None
        if first <= skip:
            continue
        if any(cells):
            rows.add(first, [cell.strip() for cell in cells])
        else:
            rows.gap(first)
    never_closed = quoted and before > first and text.count('"') % 2 == 1
    return None if never_closed else rows


def _records(text: str, delimiter: str, *, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Each record and the number of its last line."""
    limit = csv.field_size_limit(MAX_FIELD)
    try:
        reader = csv.reader(_lines(text), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        for cells in reader:
            yield reader.line_num, cells
    finally:
        csv.field_size_limit(limit)


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends, without a second copy of the whole."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _told_delimiter(text: str, name: str) -> tuple[str | None, int]:
    """The delimiter a file names itself, by its suffix or in a first line "sep=;", and how many lines that takes."""
    first = text[:16].split("\n", 1)[0].strip()
    if first[:4].lower() == "sep=" and len(first) == 5:
        return first[4], 1
    return ("\t", 0) if name.lower().endswith(".tsv") and "\t" in text[:SAMPLE_CHARS] else (None, 0)


def _sniff(text: str) -> str:
    """The delimiter that cuts most rows into the same number of cells."""
    best, choice = 0.0, DELIMITERS[0]
    sample = text[:SAMPLE_CHARS]
    for delimiter in DELIMITERS:
        if delimiter not in sample:
            continue
        rows = islice(_records(sample, delimiter, quoted='"' in sample), SAMPLE_ROWS)
        widths = Counter(len(cells) for _, cells in rows if cells)
        width, count = max(((w, n) for w, n in widths.items() if w > 1), key=lambda each: each[1], default=(0, 0))
        score = count / max(1, widths.total()) + min(width, 20) / 1000
        if count and score > best:
            best, choice = score, delimiter
    return choice
