"""One page → words with their places, read upright, and the rules drawn on it; runs in the sandbox, by PDFium.

Coordinates are points from the top left corner of the upright page, y downwards. Words that do not run in the
page's main direction come apart from the rest, by direction.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium  # type: ignore[import-untyped]

MAX_GLYPHS = 2_000_000  # of one page
MAX_OBJECTS = 20_000  # looked at for rules
GAP = 0.11  # of the type size: a wider gap between two glyphs is a space
THIN, LONG = 3.0, 8.0  # points: a drawn line
SLANTED = -1
_HYPHENS = {0x02: "-", 0xFFFE: "-", 0xAD: "-", 0x2010: "-", 0x2011: "-"}  # PDFium marks a hyphen at a line's end
_BOLD = re.compile(r"bold|black|heavy|-medi$|(?:^|\+)(?:cmbx|sfbx|ecbx|lmromandemi|cmssbx)", re.IGNORECASE)
_FILL_AND_STROKE = 2

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Word:
    """Glyphs without a space between them, of one style; `spaced` if a space stands before it."""

    text: str
    x0: float
    x1: float
    base: float
    size: float
    bold: bool
    spaced: bool
    order: int

    @property
    def top(self) -> float:
        """About where its letters begin."""
        return self.base - 0.75 * self.size


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line from x0 to x1 at y."""

    x0: float
    x1: float
    y: float


@dataclass(frozen=True, slots=True)
class Wall:
    """A vertical line at x from y0 down to y1."""

    x: float
    y0: float
    y1: float


@dataclass(slots=True)
class Glyphs:
    """What stands on a page; `aside` are the words in other directions than the main one."""

    width: float
    height: float
    words: list[Word] = field(default_factory=list)
    aside: list[list[Word]] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    walls: list[Wall] = field(default_factory=list)
    unknown: int = 0  # glyphs whose character the file does not tell
    turn: int = 0
    box: Box = (0.0, 0.0, 0.0, 0.0)

    def place(self, box: Box) -> Box:
        """A box of the file's own coordinates as (x0, top, x1, bottom)."""
        return _turned_box(box, self.turn, self.box)


@dataclass(frozen=True, slots=True)
class _Style:
    size: float
    bold: bool
    turn: int


def read_glyphs(page: pypdfium2.PdfPage) -> Glyphs:
    """Words and rules of an open page; raises PdfiumError if PDFium cannot read its text."""
    text_page = page.get_textpage()
    try:
        raw = list(_raw_glyphs(text_page))
    finally:
        text_page.close()
    turns = Counter(style.turn for char, _, _, style, _ in raw if char.strip() and style.turn != SLANTED)
    turn = turns.most_common(1)[0][0] if turns else page.get_rotation() // 90
    box = page.get_cropbox()
    glyphs = _empty(box, turn)
    glyphs.unknown = sum(char == "\ufffd" for char, *_ in raw)
    by_turn: dict[int, list[_Raw]] = defaultdict(list)
    for item in raw:
        by_turn[item[3].turn].append(item)
    glyphs.words = _words(by_turn.pop(turn, []), turn, box)
    for other, items in by_turn.items():
        words = _words(items, turn if other == SLANTED else other, box)
        if other == SLANTED:
            words = _in_one_line(words)
        if words:
            glyphs.aside.append(words)
    _add_rules(page, glyphs)
    return glyphs


def _empty(box: Box, turn: int) -> Glyphs:
    width, height = box[2] - box[0], box[3] - box[1]
    if turn % 2:
        width, height = height, width
    return Glyphs(width, height, turn=turn, box=box)


_Raw = tuple[str, tuple[float, float, float, float], tuple[float, float], _Style, bool]


def _raw_glyphs(text_page: pypdfium2.PdfTextPage) -> Iterator[_Raw]:
    """(character, box, origin, style, generated) in the order of the content; a generated one has no place."""
    handle = text_page.raw
    styles: dict[int, _Style] = {}
    rect, x, y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    nothing = _Style(0.0, False, SLANTED)
    high = 0
    for index in range(min(text_page.count_chars(), MAX_GLYPHS)):
        code = pdfium.FPDFText_GetUnicode(handle, index)
        if pdfium.FPDFText_IsGenerated(handle, index) == 1 and code not in _HYPHENS:
            yield " ", (0.0, 0.0, 0.0, 0.0), (0.0, 0.0), nothing, True
            continue
        if 0xD800 <= code < 0xDC00:  # half of a pair, the other half comes next
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code, high = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00), 0
        char = _HYPHENS.get(code) or (chr(code) if code and code <= 0x10FFFF else "\ufffd")
        owner = pdfium.FPDFText_GetTextObject(handle, index)
        key = ctypes.cast(owner, ctypes.c_void_p).value or 0
        if key not in styles:
            styles[key] = _style(handle, index, owner)
        pdfium.FPDFText_GetLooseCharBox(handle, index, rect)
        pdfium.FPDFText_GetCharOrigin(handle, index, x, y)
        yield char, (rect.left, rect.bottom, rect.right, rect.top), (x.value, y.value), styles[key], False


def _style(handle: Any, index: int, owner: Any) -> _Style:
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(handle, index, matrix)
    size = abs(pdfium.FPDFText_GetFontSize(handle, index)) * math.hypot(matrix.c, matrix.d)
    angle = math.degrees(math.atan2(matrix.b, matrix.a)) if matrix.a or matrix.b else 0.0
    turn = round(angle / 90) % 4 if abs(angle - 90 * round(angle / 90)) < 8 else SLANTED
    name = ctypes.create_string_buffer(256)
    bold = False
    if owner:
        font = pdfium.FPDFTextObj_GetFont(owner)
        pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
        stroked = pdfium.FPDFTextObj_GetTextRenderMode(owner) == _FILL_AND_STROKE
        bold = stroked or bool(_BOLD.search(name.value.decode("latin-1")))
    return _Style(round(size, 1) if math.isfinite(size) else 0.0, bold, turn)


def _turned(x: float, y: float, turn: int, box: Box) -> tuple[float, float]:
    if turn == 1:
        return y - box[1], x - box[0]
    if turn == 2:
        return box[2] - x, y - box[1]
    if turn == 3:
        return box[3] - y, box[2] - x
    return x - box[0], box[3] - y


def _turned_box(box: Box, turn: int, page: Box) -> Box:
    (xa, ya), (xb, yb) = _turned(box[0], box[1], turn, page), _turned(box[2], box[3], turn, page)
    return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)


def _words(items: list[_Raw], turn: int, box: Box) -> list[Word]:
    words: list[Word] = []
    style: _Style | None = None
    spaced = True
    for order, (char, place, origin, look, generated) in enumerate(items):
        if generated or char.isspace():
            spaced = True
            continue
        x0, _, x1, _ = _turned_box(place, turn, box)
        left, base = _turned(*origin, turn, box)
        if x1 <= x0:
            x0, x1 = left, left + 0.5 * look.size
        last = words[-1] if words else None
        size = look.size or 1.0
        if (
            last is None
            or spaced
            or look != style
            or abs(base - last.base) > 0.12 * size
            or not -0.5 * size < x0 - last.x1 <= GAP * size
        ):
            words.append(Word(char, x0, x1, base, size, look.bold, spaced, order))
        else:
            last.text += char
            last.x1 = max(last.x1, x1)
        style, spaced = look, False
    return words


def _in_one_line(words: list[Word]) -> list[Word]:
    """Slanted text has no rows of its own: its words side by side, as written."""
    for place, word in enumerate(words):
        word.base = words[0].base
        word.x0, word.x1 = 10.0 * place, 10.0 * place + 10.0
    return words


def _add_rules(page: pypdfium2.PdfPage, glyphs: Glyphs) -> None:
    """Thin lines, and the edges of boxes."""
    left, bottom, right, top = ctypes.c_float(), ctypes.c_float(), ctypes.c_float(), ctypes.c_float()
    for item in islice(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=1), MAX_OBJECTS):
        if not pdfium.FPDFPageObj_GetBounds(item.raw, left, bottom, right, top):
            continue
        x0, y0, x1, y1 = glyphs.place((left.value, bottom.value, right.value, top.value))
        flat, narrow = y1 - y0 <= THIN, x1 - x0 <= THIN
        if flat and x1 - x0 >= LONG:
            glyphs.rules.append(Rule(x0, x1, (y0 + y1) / 2))
        elif narrow and y1 - y0 >= LONG:
            glyphs.walls.append(Wall((x0 + x1) / 2, y0, y1))
        elif x1 - x0 >= LONG and y1 - y0 >= LONG and x1 - x0 < 0.98 * glyphs.width:
            glyphs.rules += [Rule(x0, x1, y0), Rule(x0, x1, y1)]
            glyphs.walls += [Wall(x0, y0, y1), Wall(x1, y0, y1)]
