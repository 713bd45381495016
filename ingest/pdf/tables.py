"""Rows of a band with gutters → the rows of a table; the wrapped lines of a cell are joined in their cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ingest.pdf.glyphs import Rule, Word
from ingest.pdf.rows import Row, text_of

WRAPPED = 1.25  # times the least distance of two lines: more starts another row of the table
LEAST_ROWS = 3  # that have more than one cell, where no lines are drawn
_PAGE = re.compile(r"(?:\.|\s)*(\d{1,4}|[ivxl]{1,6})")

Gutter = tuple[float, float]
Cells = list[Row | None]
TableRow = tuple[list[str], list[Word]]  # the text of each cell, and all words


def table_rows(band: Sequence[Row], gutters: Sequence[Gutter], rules: Sequence[Rule]) -> list[TableRow]:
    """The rows of the table, or nothing if the band is none; a listing with page numbers is none."""
    edges = [sum(gutter) / 2 for gutter in gutters]
    if not edges:
        return []
    grid = [_cells(row, edges) for row in band]
    split = sum(_filled(cells) > 1 for cells in grid)
    ys = _drawn(band, rules)
    if split < (2 if ys else LEAST_ROWS) or _is_listing(grid):
        return []
    groups = _groups(band, grid, ys)
    return [_joined([grid[index] for index in group]) for group in groups]


def _cells(row: Row, edges: Sequence[float]) -> Cells:
    bounds = [float("-inf"), *edges, float("inf")]
    return [row.within(x0, x1) for x0, x1 in pairwise(bounds)]


def _filled(cells: Cells) -> int:
    return sum(cell is not None for cell in cells)


def _drawn(band: Sequence[Row], rules: Sequence[Rule]) -> list[float]:
    """The heights of lines drawn across most of the band, the borders of single cells put together."""
    left, right = min(row.x0 for row in band), max(row.x1 for row in band)
    ys: list[tuple[float, float]] = []
    for rule in sorted(rules, key=lambda rule: rule.y):
        length = max(0.0, min(rule.x1, right) - max(rule.x0, left))
        if ys and rule.y - ys[-1][0] < 2:
            ys[-1] = ys[-1][0], ys[-1][1] + length
        else:
            ys.append((rule.y, length))
    return [y for y, length in ys if length >= 0.6 * (right - left)]


def _groups(band: Sequence[Row], grid: Sequence[Cells], ys: Sequence[float]) -> list[list[int]]:
    """Which lines make one row of the table."""
    between = [sum(y < row.base - 0.3 * row.size for y in ys) for row in band]
    begun = sum(cells[0] is not None for cells in grid)
    trusted = len(set(between)) >= max(2, 0.7 * begun)
    gaps = [after.base - row.base for row, after in pairwise(band)]
    least = min(gaps, default=0.0)
    small = [place for place, gap in enumerate(gaps, start=1) if gap <= WRAPPED * least]
    full = sum(_filled(grid[place]) == len(grid[place]) for place in small)
    by_gap = 0 < len(small) < len(gaps) and full < 0.6 * len(small)
    groups: list[list[int]] = []
    for place, cells in enumerate(grid):
        if not groups or between[place] != between[place - 1]:
            wrapped = False
        elif trusted:
            wrapped = True
        elif by_gap:
            wrapped = gaps[place - 1] <= WRAPPED * least
        else:
            wrapped = cells[0] is None and _filled(cells) < len(cells) and _continues(grid[place - 1], cells)
        if wrapped:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _continues(before: Cells, cells: Cells) -> bool:
    """Every cell of a line goes on with a cell of the line before."""
    return all(above is not None for above, cell in zip(before, cells, strict=True) if cell is not None)


def _joined(lines: Sequence[Cells]) -> TableRow:
    texts: list[str] = []
    for column in range(len(lines[0])):
        pieces = [text_of(cell) for cells in lines if (cell := cells[column]) is not None]
        texts.append(" ".join(pieces))
    words = [word for cells in lines for cell in cells if cell is not None for word in cell.words]
    filled = [text for text in texts if text]
    return (filled if len(filled) == 1 else texts), words


def _is_listing(grid: Sequence[Cells]) -> bool:
    """Names with rising page numbers at their right: a table of contents."""
    last = [text_of(cells[-1]) for cells in grid if cells[-1] is not None]
    matches = [_PAGE.fullmatch(text) for text in last]
    if len(last) < LEAST_ROWS or not all(matches):
        return False
    values = [int(match[1]) for match in matches if match is not None and match[1].isdigit()]
    return values == sorted(values) and len(grid[0]) <= 3 and (len(values) >= 6 or len(set(values)) < len(values) or
                                                              values[:1] != [1])  # fmt: skip
