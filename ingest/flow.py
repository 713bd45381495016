"""Flow: text that comes in blocks (headings, paragraphs, table rows, notes), laid out as lines → Part.

Blocks stand apart by an empty line; rows and list items follow each other directly. Two or more declared headings are
the sections, with numbered clauses below them; with fewer, the text's own structure decides (structure/headings.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ingest.document import Artifact, EmptyFileError, LimitError, Section, Span
from ingest.part import Part, Request
from ingest.structure.headings import find_sections
from ingest.structure.lines import Bookmark, split_pages
from ingest.structure.numbering import labels
from ingest.structure.titles import MAX_TITLE, clean, read_title
from ingest.text import normalise

CELL, LINE = " | ", " / "  # between the cells of a row; for a line break inside a cell
TIGHT = frozenset(("row", "item"))  # kinds that follow each other without an empty line
QUIET = frozenset(("row", "verbatim", "note"))  # kinds in which no section begins
BULLET = re.compile(r"[•·▪–—*-]")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document: kind is paragraph, heading, row, item, verbatim or note; `role` is a section's kind."""

    text: str
    kind: str = "paragraph"
    level: int = 0
    role: str = "heading"


Cell = Sequence[Block]


class Flow:
    """Takes blocks in order, bounds their size, and gives the Part of one file."""

    def __init__(self, name: str, format_name: str, request: Request) -> None:
        self.name, self.format, self.max_chars = name, format_name, request.max_chars
        self.artifacts: list[Artifact] = []
        self.lost: Counter[str] = Counter()  # what was not read, in words with {n}, and how often
        self._warnings: list[str] = []
        self._pieces: list[str] = []
        self._length = 0
        self._last = ""
        self._headings: dict[int, Block] = {}
        self._quiet: list[tuple[int, int, str]] = []
        self._notes: list[Block] = []

    def heading(self, level: int, text: str, role: str = "heading") -> None:
        """A heading the author declared; the notes of the section before it come first."""
        self.add(Block(text, "heading", level, role))

    def paragraph(self, text: str) -> None:
        """A paragraph; line breaks inside it stay."""
        self.add(Block(text))

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Rows of cells, one line a row."""
        for row in rows:
            self.add(Block(row_text(row), "row"))

    def note(self, mark: str, text: str) -> None:
        """A footnote, which stands at the end of the section that refers to it."""
        self._notes.append(Block(f"[{mark}] {text}", "note"))

    def warn(self, sentence: str) -> None:
        """Something the reader of the answer must know; the file's name is put before it."""
        if sentence not in self._warnings:
            self._warnings.append(sentence)

    def add(self, block: Block) -> None:
        """Lays a block out below the last one; a block without text leaves no trace."""
        text = normalise(block.text)
        text = " ".join(text.split()) if block.kind == "heading" else _outer(text, block.kind)
        if not text:
            return
        if block.kind == "heading":
            self.flush_notes()
        if self._pieces:
            self._put("\n" if block.kind in TIGHT and self._last == block.kind else "\n\n")
        start = self._length
        self._put(text)
        if block.kind == "heading":
            self._headings[start] = block
        elif block.kind != "paragraph":
            self._quiet.append((start, self._length, block.kind))
        self._last = block.kind

    def flush_notes(self) -> None:
        """Puts the notes that wait for the end of their section."""
        notes, self._notes = self._notes, []
        for note in notes:
            self.add(note)

    def part(self) -> Part:
        """Everything taken so far; EmptyFileError if that is nothing."""
        self.flush_notes()
        if not self._pieces:
            raise EmptyFileError(f"{self.name} holds no text: give a file with text in it.")
        self._put("\n")
        text = "".join(self._pieces)
        self._pieces = [text]
        counted = [words.replace("{n}", f"{count:,}") for words, count in sorted(self.lost.items())]
        return Part(
            text,
            [Span(0, len(text), self.name, line=1)],
            self._sections(text),
            warnings=[f"{self.name}: {sentence}" for sentence in (*self._warnings, *counted)],
            artifacts=self.artifacts,
            format=self.format,
        )

    def text(self) -> str:
        """The text alone, ending in a newline; "" if there is none."""
        self.flush_notes()
        return "".join((*self._pieces, "\n")) if self._pieces else ""

    def _put(self, text: str) -> None:
        self._length += len(text)
        if self._length > self.max_chars:
            raise LimitError(f"{self.name} holds more text than the limit of {self.max_chars:,} characters: split it.")
        self._pieces.append(text)

    def _sections(self, text: str) -> list[Section]:
        lines = split_pages(text, [(0, len(text))])
        declared = len(self._headings) >= 2
        marks: list[Bookmark] = []
        quiet = iter([each for each in self._quiet if each[2] in QUIET or (declared and each[2] == "item")])
        start, end, _ = next(quiet, (len(text), len(text), ""))
        for index, line in enumerate(lines):
            while line.start >= end and end < len(text):
                start, end, _ = next(quiet, (len(text), len(text), ""))
            line.running = start <= line.start < end
            line.page = index  # so that a declared heading is found by its place, not by its words
            block = self._headings.get(line.start)
            if block is not None:
                marks.append(Bookmark(text[line.start : line.end], block.level, index))
        sections = find_sections(lines, len(text), bookmarks=marks) if declared else find_sections(lines, len(text))
        if not declared and not sections:
            return [self._only(text, start, block) for start, block in self._headings.items()]
        return [self._declared(text, section) for section in sections]

    def _declared(self, text: str, section: Section) -> Section:
        """A declared section with its kind, its header no longer than a title where a whole clause is the heading."""
        block = self._headings.get(section.start)
        if block is None:
            return section
        kind = block.role if section.kind == "heading" else section.kind
        line = text[section.start : section.header_end]
        if len(line) <= MAX_TITLE:
            return replace(section, kind=kind)
        label = labels(line)[:1]
        end = read_title(line, label[0].end if label else 0, "").end
        return replace(section, kind=kind, header_end=section.start + end, title=clean(line[:end]))

    def _only(self, text: str, start: int, block: Block) -> Section:
        end = text.index("\n", start)
        return Section(clean(text[start:end]), 1, start, len(text), end, block.role)


def _outer(text: str, kind: str) -> str:
    """Lines without trailing blanks; a verbatim block and a list item keep their indentation."""
    rows = [row.rstrip() for row in text.split("\n")]
    while rows and not rows[0].strip():
        rows.pop(0)
    while rows and not rows[-1]:
        rows.pop()
    text = "\n".join(rows)
    return text if kind in ("verbatim", "item") else text.strip()


def row_text(cells: Sequence[str]) -> str:
    """A row as one line; line breaks inside a cell become " / ", empty cells at the end are left out."""
    texts = [LINE.join(cell.split("\n")) if "\n" in cell else cell.strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return CELL.join(texts)


def cell_text(blocks: Cell) -> str:
    """The blocks of a cell as one line."""
    rows = (" ".join(row.split()) for block in blocks for row in block.text.split("\n"))
    return LINE.join(row for row in rows if row)


def table_blocks(rows: Sequence[Sequence[Cell]], *, nested: bool) -> list[Block]:
    """A table as rows; one that only lays text out (one column, or a label beside its text) as that text."""
    filled = [[cell for cell in row if cell] for row in rows]
    if all(len(row) <= 1 for row in filled):
        return [block for row in filled for cell in row for block in cell]
    if len(rows) == 1 and len(filled[0]) == 2 and _is_label(cell_text(filled[0][0])) and filled[0][1]:
        first, *rest = filled[0][1]
        label = cell_text(filled[0][0])
        return [replace(first, text=f"{label} {first.text.lstrip()}"), *rest]
    texts = [row_text([cell_text(cell) for cell in row]) for row in rows]
    if nested:
        return [Block(f"[table: {LINE.join(text for text in texts if text)}]")]
    return [Block(text, "row") for text in texts]


def _is_label(text: str) -> bool:
    return bool(BULLET.fullmatch(text)) or any(label.end >= len(text) for label in labels(text + " ")[:1])
