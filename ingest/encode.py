"""Document + tokenizer → Encoded: token ids, anchors (tokens on headers), and where each token came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from ingest.document import Document, Section


class TextTokenizer(Protocol):
    """Turns text into ids and their (start, end) character offsets, in order and without special tokens."""

    def __call__(self, text: str) -> tuple[Sequence[int], Sequence[tuple[int, int]]]: ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """One document as integers; `anchors` are sorted token indices, `offsets` character ranges per token."""

    token_ids: tuple[int, ...]
    anchors: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def token_at(self, char_offset: int) -> int:
        """Index of the first token ending after `char_offset`; the number of tokens when there is none."""
        return bisect_right(self.offsets, char_offset, key=lambda pair: pair[1])

    def char_range(self, token_start: int, token_stop: int) -> tuple[int, int]:
        """Characters covered by tokens [token_start, token_stop); empty at the place of an empty range."""
        if not 0 <= token_start <= token_stop <= len(self.token_ids):
            raise IndexError(f"tokens {token_start}:{token_stop} of {len(self.token_ids)}")
        if token_start < token_stop:
            return self.offsets[token_start][0], self.offsets[token_stop - 1][1]
        place = self.offsets[token_start - 1][1] if token_start else 0
        return place, place

    def section_tokens(self, section: Section) -> int:
        """How many tokens the section holds, its header and subsections included."""
        return self.token_at(section.end) - self.token_at(section.start)


def encode(document: Document, tokenizer: TextTokenizer, *, anchor_tokens: int = 4) -> Encoded:
    """Encodes the whole text; at most `anchor_tokens` anchors a section, the first ones of its header.

    Raises ValueError when the tokenizer's offsets do not fit its ids, run backwards or leave the text.
    """
    if anchor_tokens < 0:
        raise ValueError(f"anchor_tokens must not be negative, not {anchor_tokens}")
    ids, offsets = tokenizer(document.text)
    encoded = Encoded(tuple(ids), (), tuple((start, end) for start, end in offsets))
    _check(encoded, len(document.text))
    anchors: set[int] = set()
    for section in document.sections:
        first = encoded.token_at(section.start)
        for index in range(first, min(first + anchor_tokens, len(encoded.token_ids))):
            if encoded.offsets[index][0] >= section.header_end:
                break
            anchors.add(index)
    return Encoded(encoded.token_ids, tuple(sorted(anchors)), encoded.offsets)


def _check(encoded: Encoded, chars: int) -> None:
    if len(encoded.token_ids) != len(encoded.offsets):
        raise ValueError(f"{len(encoded.token_ids)} token ids but {len(encoded.offsets)} offsets")
    if any(start > end for start, end in encoded.offsets):
        raise ValueError("a token ends before it starts")
    if any(after[0] < before[0] or after[1] < before[1] for before, after in pairwise(encoded.offsets)):
        raise ValueError("token offsets run backwards: encode without special tokens")
    if encoded.offsets and encoded.offsets[-1][1] > chars:
        raise ValueError("token offsets lie outside the text")
