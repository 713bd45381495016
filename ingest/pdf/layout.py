"""Words of one page → its lines in reading order: columns one after the other, tables row by row.

A band is a run of rows with white strips (gutters) right through it. It is read as columns if both sides hold
running text, as a table if its rows line up, else as ordinary lines.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.pdf.glyphs import Glyphs, Rule, Wall
from ingest.pdf.line import Line
from ingest.pdf.rows import Row, is_bold, main_size, make_rows, text_of
from ingest.pdf.tables import table_rows

GUTTER = 0.8  # of the type size: the least width of the white between columns
TABLE_GUTTER = 1.0  # the same between the cells of a table
EDGE = 0.11  # of the page's height: where running headers and footers stand
EDGE_GAP = 1.3  # times the usual distance of lines, between them and the text
MAX_DEPTH = 6
MAX_BAND = 400  # rows
LEAST_ROWS = 3
PROSE = 0.3  # of the lines of a column read on into the next
_LABEL = re.compile(r"[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]{1,2}|[ivxlIVXL]{1,7})[)\].:]*|[^\w\s]{1,3}")

Gutter = tuple[float, float]


def read_lines(glyphs: Glyphs) -> list[Line]:
    """All lines of a page in reading order, words in other directions last."""
    rows = make_rows(glyphs.words)
    above, body, below = _edges(rows, glyphs.height)
    flow = _Flow(glyphs)
    lines = [_line(row, -1, "edge") for row in above]
    lines += flow.read(body, 0)
    lines += [_line(row, flow.column + 1, "edge") for row in below]
    for place, words in enumerate(glyphs.aside):
        lines += [_line(row, flow.column + 2 + place, "aside") for row in make_rows(words)]
    return lines


def _edges(rows: list[Row], height: float) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows at the edges of the page that white space parts from the rest, which gutters must not join to it."""
    usual = leading(rows)
    first, last = 0, len(rows)
    for index in range(min(3, len(rows) - 1)):
        if rows[index].base > height * EDGE:
            break
        if rows[index + 1].base - rows[index].base > EDGE_GAP * usual:
            first = index + 1
    for index in range(len(rows) - 1, max(first, len(rows) - 4), -1):
        if rows[index].base < height * (1 - EDGE):
            break
        if rows[index].base - rows[index - 1].base > EDGE_GAP * usual:
            last = index
    return rows[:first], rows[first:last], rows[last:]


def leading(rows: Sequence[Row]) -> float:
    """The usual distance of two lines."""
    gaps = [after.base - row.base for row, after in pairwise(rows)]
    near = [gap for gap, row in zip(gaps, rows, strict=False) if 0.7 * row.size < gap < 3.5 * row.size]
    return statistics.median(near) if near else 1.2 * (rows[0].size if rows else 10.0)


def _line(row: Row, column: int, kind: str = "text") -> Line:
    return Line(text_of(row), row.size, is_bold(row.words), row.x0, row.top, row.x1, row.base, column, kind)


class _Flow:
    """Reads rows into lines and counts the columns on the way."""

    def __init__(self, glyphs: Glyphs) -> None:
        self.rules, self.walls = glyphs.rules, glyphs.walls
        self.column = 0

    def read(self, rows: list[Row], depth: int) -> list[Line]:
        """The lines of a region."""
        lines: list[Line] = []
        index = 0
        gap = GUTTER * main_size(word for row in rows for word in row.words)
        while index < len(rows):
            band = _grow(rows, index, gap, self.walls)
            start, stop = _trim(band, self.walls, whole=index + len(band) == len(rows))
            if start:  # from there a longer or more divided band may begin
                lines += [_line(row, self.column) for row in band[:start]]
                index += start
                continue
            core = band[:stop]
            lines += self._band(core, _gutters(core, self.walls), depth)
            index += max(stop, 1)
        return lines

    def _band(self, band: list[Row], gutters: list[Gutter], depth: int) -> list[Line]:
        if depth < MAX_DEPTH and gutters:
            parting = max(
                (gutter for gutter in gutters if self._are_columns(band, gutter)),
                key=lambda gutter: _balance(band, gutter),
                default=None,
            )
            if parting is not None:
                return self._columns(band, parting, depth)
            cells = [gutter for gutter in gutters if not _beside_labels(band, gutter, gutters)]
            size = main_size(word for row in band for word in row.words)
            drawn = [x for row in band for x in _drawn_at(row, self.walls)]
            cells = [gutter for gutter in cells if _is_wide(gutter, TABLE_GUTTER * size, drawn)]
            made = table_rows(band, cells, [rule for rule in self.rules if _inside(rule, band)])
            if made:
                return [
                    Line(
                        " | ".join(texts).strip(),
                        main_size(words),
                        is_bold(words),
                        min(word.x0 for word in words),
                        min(word.top for word in words),
                        max(word.x1 for word in words),
                        max(word.base for word in words),
                        self.column,
                        "row" if len(texts) > 1 else "text",
                    )
                    for texts, words in made
                ]
        return [_line(row, self.column) for row in band]

    def _columns(self, band: list[Row], gutter: Gutter, depth: int) -> list[Line]:
        middle = sum(gutter) / 2
        lines: list[Line] = []
        for x0, x1 in ((float("-inf"), middle), (middle, float("inf"))):
            self.column += 1
            parts = [part for row in band if (part := row.within(x0, x1)) is not None]
            lines += self.read(parts, depth + 1)
        self.column += 1
        return lines

    def _are_columns(self, band: list[Row], gutter: Gutter) -> bool:
        left, right = _sides(band, gutter)
        if min(len(left), len(right)) < LEAST_ROWS:
            return False
        overlap = min(left[-1].base, right[-1].base) - max(left[0].base, right[0].base)
        if overlap < 2 * leading(band) or self._ruled(band, gutter):
            return False
        if any(_width(side) < 0.2 * _width(band) or _chars(side) < 12 for side in (left, right)):
            return False
        shared = {id(word) for row in band for word in row.words}
        paired = sum(1 for row in band if row.within(float("-inf"), gutter[0]) and row.within(gutter[1], float("inf")))
        if shared and paired * 4 < min(len(left), len(right)):
            return True  # the baselines of the two sides have nothing to do with each other
        if _rows_line_up(left, right):
            return False
        return all(_fill(side) > 0.5 for side in (left, right)) and max(map(_prose, (left, right))) >= PROSE

    def _ruled(self, band: list[Row], gutter: Gutter) -> bool:
        """Lines right across the gutter, between rows: a table."""
        middle = sum(gutter) / 2
        ys = [rule.y for rule in self.rules if rule.x0 < gutter[0] - 5 and rule.x1 > gutter[1] + 5]
        ends = [rule.y for rule in self.rules if abs(rule.x1 - middle) <= (gutter[1] - gutter[0]) / 2 + 1]
        starts = [rule.y for rule in self.rules if abs(rule.x0 - middle) <= (gutter[1] - gutter[0]) / 2 + 1]
        ys += [y for y in ends if any(abs(y - other) < 1.5 for other in starts)]  # borders drawn a cell at a time
        return any(band[0].base < y < band[-1].top for y in ys)


def _inside(rule: Rule, band: list[Row]) -> bool:
    return band[0].top - 30 < rule.y < band[-1].base + 30


def _grow(rows: list[Row], index: int, gap: float, walls: Sequence[Wall]) -> list[Row]:
    """The longest run of rows from `index` on that some white strip goes right through."""
    free = [(min(row.x0 for row in rows), max(row.x1 for row in rows))]
    end, parted = index, False
    while end < len(rows) and end - index < MAX_BAND:
        drawn = _drawn_at(rows[end], walls)
        rest = [part for part in _minus(free, rows[end].segments(0.9 * gap, drawn)) if _is_wide(part, gap, drawn)]
        inside = any(_parts(rows[index : end + 1], part) for part in rest)
        if not rest or (parted and not inside):
            break
        free, parted = rest, inside
        end += 1
    return rows[index : max(end, index + 1)]


def _drawn_at(row: Row, walls: Sequence[Wall]) -> list[float]:
    return [wall.x for wall in walls if wall.y0 - 1 <= row.base - 0.3 * row.size <= wall.y1 + 1]


def _is_wide(part: Gutter, gap: float, drawn: Sequence[float]) -> bool:
    """White enough for a gutter; a line drawn in it makes any white one."""
    return part[1] - part[0] >= gap or any(part[0] <= x <= part[1] for x in drawn)


def _parts(rows: Sequence[Row], strip: Gutter) -> bool:
    """Text of at least two rows on either side."""
    left, right = sum(row.x0 < strip[0] for row in rows), sum(row.x1 > strip[1] for row in rows)
    return min(left, right) >= 2


def _minus(free: Sequence[Gutter], covered: Sequence[Gutter]) -> Iterator[Gutter]:
    for start, stop in free:
        at = start
        for x0, x1 in covered:
            if x1 <= at or x0 >= stop:
                continue
            if x0 > at:
                yield at, x0
            at = max(at, x1)
        if at < stop:
            yield at, stop


def _gutters(band: list[Row], walls: Sequence[Wall]) -> list[Gutter]:
    """White strips with text of at least two rows on either side."""
    if len(band) < 2:
        return []
    gap = GUTTER * main_size(word for row in band for word in row.words)
    left, right = min(row.x0 for row in band), max(row.x1 for row in band)
    free: list[Gutter] = [(left, right)]
    for row in band:
        drawn = _drawn_at(row, walls)
        free = [part for part in _minus(free, row.segments(0.0)) if _is_wide(part, gap, drawn)]
    return [part for part in free if min(map(len, _sides(band, part))) >= 2]


def _trim(band: list[Row], walls: Sequence[Wall], *, whole: bool) -> tuple[int, int]:
    """Without the rows at its ends that stand on one side only and apart from the rest."""
    inner = _gutters(band, walls)
    if not inner:
        return 0, 1
    split = [any(row.x0 < part[0] and row.x1 > part[1] for part in inner) for row in band]
    far = 1.3 * leading(band)
    first = next((place for place, is_split in enumerate(split) if is_split), 0)
    for place in range(first, 0, -1):
        apart = band[place].base - band[place - 1].base > far
        if apart or len(_gutters(band[place:], walls)) > len(inner):
            return place, len(band)
    stop = len(band)
    last = next((place for place in reversed(range(stop)) if split[place]), stop - 1)
    if not whole:
        for place in range(last, stop - 1):
            if band[place + 1].base - band[place].base > far:
                stop = place + 1
                break
    return 0, max(stop, 2)


def _sides(band: Sequence[Row], gutter: Gutter) -> tuple[list[Row], list[Row]]:
    middle = sum(gutter) / 2
    left = [part for row in band if (part := row.within(float("-inf"), middle)) is not None]
    right = [part for row in band if (part := row.within(middle, float("inf"))) is not None]
    return left, right


def _balance(band: list[Row], gutter: Gutter) -> float:
    left, right = _sides(band, gutter)
    return min(_width(left), _width(right))


def _width(rows: Sequence[Row]) -> float:
    return max(row.x1 for row in rows) - min(row.x0 for row in rows)


def _chars(rows: Sequence[Row]) -> float:
    return sum(len(word.text) + 1 for row in rows for word in row.words) / len(rows)


def _fill(rows: Sequence[Row]) -> float:
    return statistics.median(row.x1 - row.x0 for row in rows) / (_width(rows) or 1.0)


def _prose(rows: Sequence[Row]) -> float:
    """The share of lines that the next one continues in the middle of a sentence."""
    pairs = list(pairwise(rows))
    on = sum(after.words[0].text[0].islower() or row.words[-1].text[-1] in ",-" for row, after in pairs)
    return on / max(1, len(pairs))


def _rows_line_up(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Wherever the left side has a wider gap, the right side has one at the same place: rows of a table."""
    gaps = [_wide_gaps(side) for side in (left, right)]
    shared = sum(any(abs(y - other) < 3 for other in gaps[1]) for y in gaps[0])
    return shared >= 2 and shared >= 0.75 * min(map(len, gaps))


def _wide_gaps(rows: Sequence[Row]) -> list[float]:
    """Where text goes on after a gap."""
    pairs = list(pairwise(rows))
    least = min((after.base - row.base for row, after in pairs), default=0.0)
    return [after.base for row, after in pairs if after.base - row.base > 1.25 * least]


def _beside_labels(band: list[Row], gutter: Gutter, gutters: Sequence[Gutter]) -> bool:
    """To its left are only numbers of clauses or bullets."""
    before = max((other[1] for other in gutters if other[1] <= gutter[0]), default=float("-inf"))
    texts = [text_of(part) for row in band if (part := row.within(before, sum(gutter) / 2)) is not None]
    return bool(texts) and before == float("-inf") and all(_LABEL.fullmatch(text) for text in texts)
