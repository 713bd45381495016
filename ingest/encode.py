"""Document + tokenizer → Encoded: token ids, anchors (tokens on headers), and where each token came from."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, overload

from ingest.document import Document, Section

Pair = tuple[int, int]


class TextTokenizer(Protocol):
    """Turns text into ids and their (start, end) character offsets, in order and without special tokens."""

    def __call__(self, text: str) -> tuple[Sequence[int], Sequence[Pair]]: ...


class Offsets(Sequence[Pair]):
    """(start, end) pairs in 8 bytes each; a repository has ten million of them."""

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self.starts, self.ends = array("I"), array("I")
        self.extend(pairs)

    def extend(self, pairs: Iterable[Pair], shift: int = 0) -> None:
        """Adds pairs, each moved by `shift`; ValueError for negative offsets."""
        try:
            for start, end in pairs:
                self.starts.append(start + shift)
                self.ends.append(end + shift)
        except OverflowError as error:
            raise ValueError("a token offset lies outside any text") from error

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        if isinstance(index, slice):
            return list(zip(self.starts[index], self.ends[index], strict=True))
        return self.starts[index], self.ends[index]

    def __iter__(self) -> Iterator[Pair]:
        return zip(self.starts, self.ends, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Offsets) and self.starts == other.starts and self.ends == other.ends

    __hash__ = None  # type: ignore[assignment]  # it can grow


@dataclass(frozen=True, slots=True)
class Encoded:
    """One document as integers; `anchors` are sorted token indices, `offsets` character ranges per token."""

    token_ids: Sequence[int]
    anchors: tuple[int, ...]
    offsets: Offsets

    def token_at(self, char_offset: int) -> int:
        """Index of the first token ending after `char_offset`; the number of tokens when there is none."""
        return bisect_right(self.offsets.ends, char_offset)

    def char_range(self, token_start: int, token_stop: int) -> Pair:
        """Characters covered by tokens [token_start, token_stop); empty at the place of an empty range."""
        if not 0 <= token_start <= token_stop <= len(self.token_ids):
            raise IndexError(f"tokens {token_start}:{token_stop} of {len(self.token_ids)}")
        if token_start < token_stop:
            return self.offsets.starts[token_start], self.offsets.ends[token_stop - 1]
        place = self.offsets.ends[token_start - 1] if token_start else 0
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
    ids, pairs = tokenizer(document.text)
    offsets = pairs if isinstance(pairs, Offsets) else Offsets(pairs)
    encoded = Encoded(array("i", ids), (), offsets)
    _check(encoded, len(document.text))
    anchors: set[int] = set()
    for section in document.sections:
        first = encoded.token_at(section.header_start)
        for index in range(first, min(first + anchor_tokens, len(encoded.token_ids))):
            if offsets.starts[index] >= section.header_end:
                break
            anchors.add(index)
    return Encoded(encoded.token_ids, tuple(sorted(anchors)), offsets)


def _check(encoded: Encoded, chars: int) -> None:
    starts = encoded.offsets.starts
    if len(encoded.token_ids) != len(starts):
        raise ValueError(f"{len(encoded.token_ids)} token ids but {len(starts)} offsets")
    last_start = last_end = 0
    for start, end in encoded.offsets:
        if start > end:
            raise ValueError("a token ends before it starts")
        if start < last_start or end < last_end:
            raise ValueError("token offsets run backwards: encode without special tokens")
        last_start, last_end = start, end
    if last_end > chars:
        raise ValueError("token offsets lie outside the text")
