"""Which words of a text are gone and which are new: difflib over words, for texts of any length."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal

Kind = Literal["same", "gone", "new"]
MOST_PAIRS = 4_000_000  # words times words compared at once; longer texts are matched sentence by sentence first
_WORD = re.compile(r"\w+(?:[-’'.,/]\w+)*|[^\w\s]")
_SENTENCE = re.compile(r"\S.*?(?:[.;!?](?=\s)|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """Words in a row that stand in both texts (“same”), in the old one only (“gone”) or in the new one only (“new”)."""

    kind: Kind
    text: str


def word_changes(old: str, new: str) -> tuple[Piece, ...]:
    """Both texts in one row. White space does not count; figures such as 1,000.50 are one word."""
    before, after = _words(old), _words(new)
    if len(before) * len(after) <= MOST_PAIRS:
        return _merged(_compared(before, after))
    pieces: list[Piece] = []
    old_sentences, new_sentences = (_SENTENCE.findall(text) for text in (old, new))
    keys = [[" ".join(each.split()) for each in sentences] for sentences in (old_sentences, new_sentences)]
    for _, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        gone, added = _words(" ".join(old_sentences[a:b])), _words(" ".join(new_sentences[c:d]))
        small = len(gone) * len(added) <= MOST_PAIRS
        pieces += _compared(gone, added) if small else [_piece("gone", gone), _piece("new", added)]
    return _merged(pieces)


def equal_share(pieces: Sequence[Piece]) -> float:
    """The share of words (0 to 1) that both texts have in the same order: twice the same over all words of both."""
    counts = {kind: sum(len(_WORD.findall(each.text)) for each in pieces if each.kind == kind) for kind in _KINDS}
    total = 2 * counts["same"] + counts["gone"] + counts["new"]
    return 2 * counts["same"] / total if total else 1.0


_KINDS: tuple[Kind, ...] = ("same", "gone", "new")


def _words(text: str) -> list[str]:
    """Words and marks, each with the space, or the new line, before it."""
    found: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        gap = text[end : match.start()] if found else ""
        found.append(("\n" if "\n" in gap else " " if gap else "") + match.group())
        end = match.end()
    return found


def _compared(before: list[str], after: list[str]) -> list[Piece]:
    keys = [[word.strip() for word in words] for words in (before, after)]
    pieces: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(_piece("same", after[c:d]))
        else:
            pieces += [_piece("gone", before[a:b]), _piece("new", after[c:d])]
    return pieces


def _piece(kind: Kind, words: Sequence[str]) -> Piece:
    return Piece(kind, "".join(words))


def _merged(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    kept = [piece for piece in pieces if piece.text]
    return tuple(Piece(kind, "".join(each.text for each in run)) for kind, run in groupby(kept, lambda each: each.kind))
