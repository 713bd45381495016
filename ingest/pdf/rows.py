"""Words → rows of one baseline, and rows → text: spaces, superscript markers, text from right to left."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingest.pdf.glyphs import GAP, Word

SAME_BASE = 0.2  # of the type size
SCRIPT = 0.85  # a smaller part of the size beside it is a superscript or subscript
RAISED = 0.15  # of the larger size, at least
TOUCH = 0.45  # a script stands this near its word
_MARKER = re.compile(r"\(?\[?(\d{1,3}|[*†‡§¶]{1,3}|[a-z])\]?\)?(?:,\s?\d{1,3})*")
_UNITS = frozenset(("m", "cm", "mm", "km", "ft", "in", "sq", "x", "R"))
_POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(slots=True)
class Row:
    """Words on one baseline, from left to right."""

    words: list[Word]
    base: float
    size: float
    scripts: set[int] = field(default_factory=set)  # orders of the raised words

    @property
    def x0(self) -> float:
        """Its left edge."""
        return min(word.x0 for word in self.words)

    @property
    def x1(self) -> float:
        """Its right edge."""
        return max(word.x1 for word in self.words)

    @property
    def top(self) -> float:
        """About where its letters begin."""
        return self.base - 0.75 * self.size

    def within(self, x0: float, x1: float) -> Row | None:
        """The part of the row whose words have their middle between two places; None if there is none."""
        words = [word for word in self.words if x0 <= (word.x0 + word.x1) / 2 < x1]
        return Row(words, self.base, main_size(words), self.scripts) if words else None

    def segments(self, gap: float, walls: Sequence[float] = ()) -> list[tuple[float, float]]:
        """The stretches that text covers, with white between them wider than `gap` or a line drawn through it."""
        found: list[tuple[float, float]] = []
        for word in self.words:
            joined = found and word.x0 - found[-1][1] <= gap
            if joined and not any(found[-1][1] <= x <= word.x0 for x in walls):
                found[-1] = found[-1][0], max(found[-1][1], word.x1)
            else:
                found.append((word.x0, word.x1))
        return found


def main_size(words: Iterable[Word]) -> float:
    """The type size most characters have."""
    sizes: Counter[float] = Counter()
    for word in words:
        sizes[word.size] += len(word.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def is_bold(words: Iterable[Word]) -> bool:
    """Most characters are bold."""
    return sum(len(word.text) * (1 if word.bold else -1) for word in words) > 0


def make_rows(words: Sequence[Word]) -> list[Row]:
    """The rows from top to bottom; superscripts belong to the row they hang on."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.base, word.order)):
        near = max(SAME_BASE * word.size, 0.5)
        fitting = (row for row in rows[:-4:-1] if word.base - row[0].base <= near and not _covers(row, word))
        into = next(fitting, None)
        if into is None:
            rows.append([word])
        else:
            into.append(word)
    made = [Row(some, statistics.median(word.base for word in some), main_size(some)) for some in rows]
    _hang_scripts(made)
    for row in made:
        row.words.sort(key=lambda word: (word.x0, word.order))
    return [row for row in made if row.words]


def _covers(row: Sequence[Word], word: Word) -> bool:
    """Other words stand where the word stands: text printed over text."""
    middle = (word.x0 + word.x1) / 2
    return any(other.x0 < middle < other.x1 and other.base != word.base for other in row)


def _hang_scripts(rows: list[Row]) -> None:
    for index, row in enumerate(rows):
        for word in list(row.words):
            for other in (*rows[index + 1 : index + 4], *rows[max(0, index - 3) : index]):
                if other.words and _is_script(word, other):
                    row.words.remove(word)
                    other.words.append(word)
                    if other.base - word.base > RAISED * other.size:
                        other.scripts.add(word.order)
                    break


def _is_script(word: Word, row: Row) -> bool:
    rise = row.base - word.base
    if word.size > SCRIPT * row.size or not -0.3 * row.size < rise < 0.75 * row.size or abs(rise) < 0.1:
        return False
    return any(
        -TOUCH * row.size <= other.x0 - word.x1 <= TOUCH * row.size
        or -TOUCH * row.size <= word.x0 - other.x1 <= TOUCH * row.size
        for other in row.words
        if other.size == row.size
    )


def text_of(row: Row) -> str:
    """The row as text; a raised marker is set off as "[3]"."""
    words = row.words
    if any(unicodedata.bidirectional(word.text[0]) in ("R", "AL") for word in words):
        words = sorted(words, key=lambda word: word.order)  # PDFium gives such text in reading order
    parts: list[str] = []
    last: Word | None = None
    for word in words:
        text, raised = word.text, word.order in row.scripts
        if raised and _MARKER.fullmatch(text):
            inner = text.strip("[]()")
            if last is not None and last.text in _UNITS and inner.isdigit():
                text = inner.translate(_POWERS)
            else:
                text = f"[{inner}]"
        if last is not None:
            gap = word.x0 - last.x1
            marked = last.order in row.scripts and text[:1].isalnum() and parts[-1].endswith("]")
            if marked or gap > GAP * max(word.size, last.size) or (word.spaced and not raised and word is not last):
                parts.append(" ")
        parts.append(text)
        last = word
    return "".join(parts)
