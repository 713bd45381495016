"""Sentences of a document with their offsets, and literal search that forgives white space and quotation marks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ingest import Document

_END = re.compile(r"(?:[.;?!]|:(?=\s*\n))[\"”’)\]]*(?=\s)|\n\s*\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:No|Inc|Ltd|Corp|Co|Sec|Art|Mr|Ms|Dr|St|U\.S|e\.g|i\.e|v|vs)|\b[A-Z]|(?:^|\n)\s*[\d.]+)$"
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00a0": " "})
_FIGURE = re.compile(r"\d[.,]\d")
LONGEST = 600  # characters of one passage; longer sentences are cut at a comma or space


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters [start, end) of the document's text, about one sentence."""

    start: int
    end: int


def passages(document: Document) -> tuple[Passage, ...]:
    """The document's text as consecutive sentences; none crosses the start of a section."""
    text = document.text
    borders = {section.start for section in document.sections} | {0, len(text)}
    for match in _END.finditer(text):
        if not _ABBREVIATION.search(text, max(0, match.start() - 12), match.start()):
            borders.add(match.end())
    ordered = sorted(borders)
    found: list[Passage] = []
    for start, end in pairwise(ordered):
        found.extend(_cut(text, start, end))
    return tuple(found)


def _cut(text: str, start: int, end: int) -> Iterator[Passage]:
    while end - start > LONGEST:
        space = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        middle = space + 1 if space > start else start + LONGEST
        yield from _stripped(text, start, middle)
        start = middle
    yield from _stripped(text, start, end)


def _stripped(text: str, start: int, end: int) -> Iterator[Passage]:
    start += len(text[start:end]) - len(text[start:end].lstrip())
    end = start + len(text[start:end].rstrip())
    if any(character.isalnum() for character in text[start:end]):
        yield Passage(start, end)


class LiteralIndex:
    """Finds quotes in a text, blind to white space, case and the shape of quotation marks and dashes."""

    def __init__(self, text: str) -> None:
        kept = [
            (index, character) for index, character in enumerate(text.translate(_QUOTES)) if not character.isspace()
        ]
        self._source = text
        self._where = [index for index, _ in kept]
        self._text = _folded(character for _, character in kept)

    def find(self, quote: str) -> list[tuple[int, int]]:
        """Every place (start, end) in the original text where `quote` stands, whole words only."""
        wanted = _folded("".join(quote.translate(_QUOTES).split()))
        places: list[tuple[int, int]] = []
        low = self._text.find(wanted) if wanted else -1
        while low >= 0:
            high = low + len(wanted)
            if self._whole(low, high):
                places.append((self._where[low], self._where[high - 1] + 1))
            low = self._text.find(wanted, low + 1)
        return places

    def _whole(self, low: int, high: int) -> bool:
        return not (self._glued(low - 1, low) or self._glued(high - 1, high))

    def _glued(self, left: int, right: int) -> bool:
        """Whether the characters at both indices belong to one word or one figure: “1.5”, “$500,000”."""
        if left < 0 or right >= len(self._text) or self._where[right] - self._where[left] > 1:
            return False
        if self._text[left].isalnum() and self._text[right].isalnum():
            return True
        low, high = self._where[left], self._where[right]
        return bool(_FIGURE.search(self._source, max(0, low - 1), high + 2))


def _folded(characters: Iterable[str]) -> str:
    """Small letters, one for each character: lower() alone makes two of “İ”."""
    return "".join(character.lower()[:1] for character in characters)


def passage_at(found: tuple[Passage, ...], offset: int) -> int | None:
    """The index of the passage that holds the character at `offset`."""
    index = bisect_right(found, offset, key=lambda passage: passage.start) - 1
    return index if index >= 0 and offset < found[index].end else None
