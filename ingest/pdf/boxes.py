"""Where a quote stands among the characters of a page: blind to white space, hyphens, case and ligatures. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

Box = tuple[float, float, float, float]  # left, top, right, bottom; y downwards

LEAST_RUN = 3  # words in a row that count where the quote does not stand as a whole
ENOUGH = 0.6  # share of the quote's letters that must be found so
MOST_WORDS = 20_000  # of a page that is searched word by word
NEAR = 0.6  # of a line's height: how far apart two boxes of one line may stand


def find_quote(characters: Sequence[str], quote: str, nth: int = 0) -> list[int]:
    """Indices of the page's `characters` that are the quote, its place number `nth` (from 0); empty if not there.

    A quote that does not stand in one piece, as in a page of two columns or over a page's end, is found by runs of
    its words; these must hold most of it.
    """
    text, where = folded(characters)
    wanted, _ = folded(quote)
    if not wanted:
        return []
    place = _nth_place(text, wanted, nth)
    if place is not None:
        return sorted(set(where[place : place + len(wanted)]))
    return _runs(characters, quote)


def folded(characters: Iterable[str]) -> tuple[str, list[int]]:
    """Letters and digits only, in one case, and the index that each of them came from."""
    kept: list[str] = []
    where: list[int] = []
    for index, character in enumerate(characters):
        for each in unicodedata.normalize("NFKC", character).casefold():
            if each.isalnum():
                kept.append(each)
                where.append(index)
    return "".join(kept), where


def count_before(text: str, quote: str, offset: int) -> int:
    """How often the quote stands in `text` before the place that begins at `offset`: its `nth`."""
    wanted, _ = folded(quote)
    before, _ = folded(text[:offset])
    whole, _ = folded(text)
    count, place = 0, whole.find(wanted) if wanted else -1
    while 0 <= place < len(before):
        count += 1
        place = whole.find(wanted, place + 1)
    return count


def joined(boxes: Iterable[Box]) -> list[Box]:
    """Boxes of characters in reading order → one box a line, whether lines run across the page or along it."""
    across = list(boxes)
    lines = _lines(across)
    turned = [_transposed(line) for line in _lines([_transposed(box) for box in across])]
    return turned if len(turned) < len(lines) else lines


def _transposed(box: Box) -> Box:
    left, top, right, bottom = box
    return top, left, bottom, right


def _lines(boxes: Iterable[Box]) -> list[Box]:
    lines: list[Box] = []
    for left, top, right, bottom in boxes:
        if lines:
            x0, y0, x1, y1 = lines[-1]
            height = max(y1 - y0, bottom - top)
            level = min(y1, bottom) - max(y0, top) > 0.3 * min(y1 - y0, bottom - top)
            if level and left - x1 < 3 * height and x0 - right < NEAR * height:
                lines[-1] = (min(x0, left), min(y0, top), max(x1, right), max(y1, bottom))
                continue
        lines.append((left, top, right, bottom))
    return lines


def _nth_place(text: str, wanted: str, nth: int) -> int | None:
    """The place of this number; the last one where the page has fewer than its text says."""
    last, place = None, text.find(wanted)
    while place >= 0:
        last = place
        if nth == 0:
            break
        nth, place = nth - 1, text.find(wanted, place + 1)
    return last


def _runs(characters: Sequence[str], quote: str) -> list[int]:
    page = _words(characters)[:MOST_WORDS]
    words = [word for word, _ in _words(quote)]
    matcher = SequenceMatcher(None, words, [word for word, _ in page], autojunk=False)
    blocks = [block for block in matcher.get_matching_blocks() if block.size >= min(LEAST_RUN, len(words))]
    held = sum(len(word) for block in blocks for word in words[block.a : block.a + block.size])
    if not blocks or held < ENOUGH * sum(map(len, words)):
        return []
    return sorted({index for block in blocks for _, own in page[block.b : block.b + block.size] for index in own})


def _words(characters: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Words, folded, with the indices of their characters; a hyphen or mark alone is no word."""
    found: list[tuple[str, list[int]]] = []
    start = 0
    for index in range(len(characters) + 1):
        if index == len(characters) or characters[index].isspace():
            text, where = folded(characters[start:index])
            if text:
                found.append((text, sorted({start + each for each in where})))
            start = index + 1
    return found
