"""The blocks of a Word file's body in order: paragraphs with their numbers, headings, tables, text boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from ingest.flow import Block, Cell, table_blocks
from ingest.office.numbering import Numbering
from ingest.office.runs import TRACKED, Runs
from ingest.office.styles import TITLE, Styles, read_numbered
from ingest.office.word_xml import MC, W, number_of, value_of

MAX_SPAN = 64  # columns one cell may cover
HOLDERS = frozenset(W + name for name in ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "txbxContent"))
PARTS_ELSEWHERE = "parts of other files placed in this one, not read: {n}"
MAX_BOXES = 64  # text boxes inside each other


class Body:
    """Reads block by block; the counters of the numbering run on from one call to the next."""

    def __init__(self, styles: Styles, numbering: Numbering, runs: Runs, lost: Counter[str]) -> None:
        self.styles, self.numbering, self.runs, self.lost = styles, numbering, runs, lost
        self._boxed = 0

    def blocks(self, parent: etree._Element, *, nested: bool = False) -> Iterator[Block]:
        """The blocks of a body, a cell, a text box, a header or a note."""
        for child in parent:
            if child.tag == W + "p":
                yield from self._paragraph(child)
            elif child.tag == W + "tbl":
                yield from table_blocks(self._rows(child), nested=nested)
            elif child.tag in HOLDERS:
                yield from self.blocks(child, nested=nested)
            elif child.tag == MC + "AlternateContent":
                for choice in list(child)[:1]:
                    yield from self.blocks(choice, nested=nested)
            elif child.tag in (W + "altChunk", W + "subDoc"):
                self.lost[PARTS_ELSEWHERE] += 1

    def words(self, parent: etree._Element) -> str:
        """The text of a note, comment or header, a line a block."""
        return "\n".join(block.text for block in self.blocks(parent) if block.text.strip())

    def _paragraph(self, paragraph: etree._Element) -> Iterator[Block]:
        properties = paragraph.find(W + "pPr")
        style = value_of(properties.find(W + "pStyle")) if properties is not None else ""
        label, depth = self._label(properties, style)
        text = self.runs.text(paragraph).strip()
        if properties is not None:
            changed = [*properties.iterfind(f"{W}rPr/{W}ins"), *properties.iterfind(f"{W}rPr/{W}del")]
            self.lost[TRACKED] += len(changed)
        level = self._heading(properties, style)
        boxes, self.runs.boxes = self.runs.boxes, []
        shown = f"{label} {text}".strip()
        if text and level is not None:
            yield Block(shown, "heading", max(level, 1), "title" if level == TITLE else "heading")
        elif label == "•":
            yield Block("  " * depth + shown, "item")
        elif shown:
            yield Block(shown)
        self._boxed += 1
        for box in boxes if self._boxed <= MAX_BOXES else ():
            yield from self.blocks(box)
        self._boxed -= 1

    def _heading(self, properties: etree._Element | None, style: str) -> int | None:
        own = properties.find(W + "outlineLvl") if properties is not None else None
        if own is not None:
            level = number_of(value_of(own), 9)
            return level + 1 if 0 <= level < 9 else None
        return self.styles.heading(style)

    def _label(self, properties: etree._Element | None, style: str) -> tuple[str, int]:
        """The paragraph's number as shown, and its level in the list."""
        direct = read_numbered(properties)
        place = direct.place if direct is not None else None
        if direct is not None and direct.num:
            num = direct.num
        else:
            found = self.styles.numbered(style)
            if found is None:
                return "", 0
            num = found[0].num
            if place is None:
                place = self.numbering.level_of_style(num, style)
        if place is None:
            place = self.styles.place(style) or 0
        return self.numbering.label(num, place), place

    def _rows(self, table: etree._Element) -> list[list[Cell]]:
        rows: list[list[Cell]] = []
        for row in _held(table, W + "tr"):
            properties = row.find(W + "trPr")
            before = properties.find(W + "gridBefore") if properties is not None else None
            cells: list[Cell] = [() for _ in range(_span(before, 0))]
            for cell in _held(row, W + "tc"):
                cells += self._cell(cell)
            rows.append(self._row_change(properties, cells))
        return rows

    def _cell(self, cell: etree._Element) -> list[Cell]:
        span = cell.find(f"{W}tcPr/{W}gridSpan")
        content = [block for block in self.blocks(cell, nested=True) if block.text.strip()]
        return [content, *(() for _ in range(_span(span, 1) - 1))]

    def _row_change(self, properties: etree._Element | None, cells: list[Cell]) -> list[Cell]:
        """A row that was inserted or deleted as a whole says so in front of its first cell."""
        for name, word in (("ins", "inserted"), ("del", "deleted")):
            change = properties.find(W + name) if properties is not None else None
            if change is not None and cells:
                author = str(change.get(W + "author", "")).strip() or "an unnamed author"
                self.lost[TRACKED] += 1
                cells[0] = [Block(f"[row {word} by {author}]"), *cells[0]]
        return cells


def _span(element: etree._Element | None, default: int) -> int:
    return min(max(number_of(value_of(element), default), default), MAX_SPAN)


def _held(parent: etree._Element, tag: str) -> Iterator[etree._Element]:
    """Children of a kind, also inside content controls."""
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in HOLDERS:
            yield from _held(child, tag)
