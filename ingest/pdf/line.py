"""A line of a page with its place: what layout makes in the sandbox and the parent works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any


@dataclass(slots=True)
class Line:
    """One line of the text; `column` counts the stretches read one after the other on the page.

    `kind`: "text", "row" of a table, "note" at the foot, "edge" of the page, "aside" in another direction.
    """

    text: str
    size: float
    bold: bool
    x0: float
    top: float
    x1: float
    base: float
    column: int = 0
    kind: str = "text"

    def row(self) -> list[Any]:
        """Its form on the wire."""
        places = [round(place, 1) for place in (self.x0, self.top, self.x1, self.base)]
        return [self.text, self.size, self.bold, *places, self.column, self.kind]


@dataclass(slots=True)
class PageLines:
    """The lines of a page that stands `number`-th (from 1); `notes` are fields and comments, without a place."""

    number: int
    lines: list[Line]
    width: float = 0.0
    height: float = 0.0
    notes: list[str] = field(default_factory=list)
    label: str | None = None


def line_from(row: Sequence[Any]) -> Line:
    """The line a child sent."""
    text, size, bold, x0, top, x1, base, column, kind = row
    places = (float(x0), float(top), float(x1), float(base))
    return Line(str(text), float(size), bool(bold), *places, int(column), str(kind))


def leading(lines: Sequence[Line]) -> float:
    """The usual distance of two lines of a column."""
    gaps = [
        after.base - line.base
        for line, after in pairwise(lines)
        if line.column == after.column and 0 < after.base - line.base < 4 * max(line.size, 8.0)
    ]
    size = median(line.size for line in lines) if lines else 10.0
    return median(gaps) if len(gaps) >= 3 else 1.25 * (size or 10.0)
