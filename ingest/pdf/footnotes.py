"""Footnotes: smaller lines below the text that begin with a marker; they go to the end of their page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ingest.pdf.glyphs import Rule
from ingest.pdf.line import Line

SMALLER = 0.93  # of the body's size
FAR = 2.2  # times the type size: what stands further below is no note
FOOT = 0.35  # of the page's height: notes begin below this
_SIGN = r"\d{1,3}|[*†‡§¶]{1,3}"
_MARKED = re.compile(rf"\[({_SIGN})\]\s*(?=\S)")
_PRINTED = re.compile(rf"({_SIGN})(?:[.)]?\s+(?=\S)|(?=[A-Z“\"]))")


def body_size(lines: Sequence[Line]) -> Counter[float]:
    """How many characters of the page have which type size."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes


def move_notes(lines: Sequence[Line], size: float, height: float, rules: Sequence[Rule]) -> list[Line]:
    """The lines with the footnotes, as "[1] text", behind all others but the edges of the page."""
    notes: list[Line] = []
    rest: list[Line] = []
    for column in sorted({line.column for line in lines}):
        some = [line for line in lines if line.column == column]
        start, end = _extent(some, size, height, rules)
        if some[0].kind == "edge" and not _is_called(some[start:end], lines):
            start = end
        rest += some[:start] + some[end:]
        notes += some[start:end]
    if not notes:
        return list(lines)
    for note in notes:
        note.kind = "note"
        printed = _PRINTED.match(note.text)
        if printed and not _MARKED.match(note.text):
            note.text = f"[{printed[1]}] {note.text[printed.end() :]}"
        else:
            note.text = _MARKED.sub(lambda match: f"[{match[1]}] ", note.text, count=1)
    edge = next((place for place, line in enumerate(rest) if line.kind == "edge" and line.column > 0), len(rest))
    return [*rest[:edge], *notes, *rest[edge:]]


def _extent(lines: Sequence[Line], size: float, height: float, rules: Sequence[Rule]) -> tuple[int, int]:
    """From where to where the notes of one column stand; nowhere if it has none."""
    start = len(lines)
    while start and _is_small(lines[start - 1], size, height):
        start -= 1
    block = lines[start:]
    first = next((place for place, line in enumerate(block) if _opens(line)), None)
    if first is None or (start == 0 and not rules):
        return len(lines), len(lines)
    above = lines[start - 1].base if start else 0.0
    parted = any(above < rule.y <= block[0].top + 2 and rule.x0 < block[0].x0 + 20 for rule in rules)
    if not parted:  # what stands between the rule and the first marker began a page ago
        start += first
    end = start + 1
    while end < len(lines) and lines[end].base - lines[end - 1].base <= FAR * lines[end].size:
        end += 1
    return start, end


def _is_called(notes: Sequence[Line], lines: Sequence[Line]) -> bool:
    """The text above has the marker of the first note."""
    marker = (_MARKED.match(notes[0].text) or _PRINTED.match(notes[0].text)) if notes else None
    return marker is not None and any(f"[{marker[1]}]" in line.text for line in lines if line is not notes[0])


def _is_small(line: Line, size: float, height: float) -> bool:
    small = 0 < line.size <= SMALLER * size and line.top > FOOT * height
    return small and line.kind in ("text", "edge")


def _opens(line: Line) -> bool:
    return bool(_MARKED.match(line.text) or _PRINTED.match(line.text))
