"""Rows: a table's rows as lines whose spans name the row they come from, bounded in size → Part."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.document import Artifact, EmptyFileError, LimitError, Section, Span
from ingest.flow import CELL, LINE
from ingest.part import Part, Request
from ingest.structure.titles import clean
from ingest.text import normalise


class Rows:
    """Takes rows in order; rows that follow each other share one span."""

    def __init__(self, name: str, format_name: str, request: Request) -> None:
        self.name, self.format, self.max_chars = name, format_name, request.max_chars
        self.warnings: list[str] = []
        self.artifacts: list[Artifact] = []
        self._pieces: list[str] = []
        self._spans: list[Span] = []
        self._sections: list[tuple[int, int, str, str]] = []  # start, header's end, title, kind
        self._length = 0
        self._from = 0  # where the open span starts
        self._line: int | None = None  # the row at which it starts
        self._next: int | None = None  # the row it can take next

    def heading(self, title: str, kind: str) -> None:
        """A section with a line of its own, which is no row of any file."""
        self._break(None)
        title = " ".join(normalise(title).split()) or "Sheet"
        self._sections.append((self._length, self._length + len(title), clean(title) or title, kind))
        self._put(title + "\n")
        self._break(None)

    def loose(self, text: str) -> None:
        """A line that belongs to no row."""
        self._break(None)
        self._put(_one_line(text) + "\n")
        self._break(None)

    def header_row(self, kind: str) -> None:
        """The next row names the columns: a section with it as header."""
        self._sections.append((self._length, -1, "", kind))

    def add(self, number: int, cells: Sequence[str]) -> None:
        """A row by its number in the file; empty cells at its end are left out."""
        text = CELL.join(cells)
        if not text.isprintable() or not cells[-1]:
            kept = [_one_line(cell) for cell in cells]
            while kept and not kept[-1]:
                kept.pop()
            text = CELL.join(kept)
        if number != self._next:
            self._break(number)
        if self._sections and self._sections[-1][1] < 0 and text.strip():
            start, _, _, kind = self._sections.pop()
            start = max(start, self._length) + len(text) - len(text.lstrip())
            self._sections.append((start, self._length + len(text), clean(text), kind))
        self._put(text + "\n")
        self._next = number + 1

    def gap(self, number: int) -> None:
        """An empty line of the file, kept so that the lines around it stay in one span."""
        if number == self._next:
            self._put("\n")
            self._next = number + 1

    def part(self) -> Part:
        """Everything taken so far; EmptyFileError if that is nothing."""
        self._break(None)
        text = "".join(self._pieces)
        self._pieces = []
        if not text.strip():
            raise EmptyFileError(f"{self.name} holds no text: give a file with text in it.")
        ends = [start for start, end, *_ in self._sections[1:] if end > 0] + [len(text)]
        kept = [each for each in self._sections if each[1] > 0]
        return Part(
            text,
            self._spans,
            [
                Section(title, 1, start, stop, end, kind)
                for (start, end, title, kind), stop in zip(kept, ends, strict=True)
            ],
            warnings=[f"{self.name}: {sentence}" for sentence in self.warnings],
            artifacts=self.artifacts,
            format=self.format,
        )

    def _break(self, number: int | None) -> None:
        """Ends the open span; the next one starts at row `number`."""
        if self._length > self._from:
            self._spans.append(Span(self._from, self._length, self.name, line=self._line))
        self._from, self._line, self._next = self._length, number, number

    def _put(self, text: str) -> None:
        self._length += len(text)
        if self._length > self.max_chars:
            raise LimitError(f"{self.name} holds more text than the limit of {self.max_chars:,} characters: split it.")
        self._pieces.append(text)


def _one_line(cell: str) -> str:
    rows = (row.strip() for row in normalise(cell).split("\n"))
    return LINE.join(row for row in rows if row)
