"""Weave: filler and facts become one text of a wanted length, each fact at its depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sparse_backend.eval.case import EvalError, Place

Measure = Callable[[str], int]  # a text's tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph of filler, or a heading line."""

    text: str
    header: bool = False


@dataclass(frozen=True, slots=True)
class Insert:
    """A fact to be placed where the share `depth` of the filler stands before it; `label` names its place later."""

    text: str
    depth: float
    label: str = ""
    header: bool = False


@dataclass(frozen=True, slots=True)
class Woven:
    """The text, its heading lines, and where each labelled insert stands."""

    text: str
    headers: tuple[Place, ...]
    places: dict[str, Place]


def weave(
    filler: Iterator[Piece],
    inserts: Sequence[Insert],
    tokens: int,
    measure: Measure,
    joint: str,
    *,
    between_sections: bool = False,
) -> Woven:
    """As much of `filler` as fits `tokens` beside the inserts, pieces joined by `joint`.

    Inserts keep their order where their depths are equal. A fact never stands between a heading and its paragraph;
    with `between_sections` only right before a heading, as whole files must. Raises EvalError when the inserts alone
    are longer than `tokens`.
    """
    gap = measure(joint + "x") - measure("x")
    need = sum(measure(insert.text) + gap for insert in inserts)
    if need > tokens:
        raise EvalError(f"The facts of this task alone take {need:,} tokens, more than {tokens:,}; ask for more.")
    pieces, sizes, total = [], [], 0
    for piece in filler:
        size = measure(piece.text) + gap
        if total + size > tokens - need:
            break
        pieces.append(piece)
        sizes.append(size)
        total += size
    while pieces and pieces[-1].header:
        pieces.pop()
        sizes.pop()
    open_at = [
        piece.header if between_sections else not (index and pieces[index - 1].header)
        for index, piece in enumerate(pieces)
    ]
    return _joined(_ordered(pieces, sizes, open_at, inserts), joint)


def _ordered(
    pieces: list[Piece], sizes: list[int], open_at: list[bool], inserts: Sequence[Insert]
) -> Iterator[tuple[str, bool, str]]:
    """(text, header, label) in reading order; `open_at`: whether an insert may stand before the piece."""
    waiting = sorted(inserts, key=lambda insert: insert.depth)
    before, total = 0, sum(sizes)
    for piece, size, opened in zip(pieces, sizes, open_at, strict=True):
        while waiting and opened and before >= waiting[0].depth * total:
            yield waiting[0].text, waiting[0].header, waiting[0].label
            waiting.pop(0)
        yield piece.text, piece.header, ""
        before += size
    for insert in waiting:
        yield insert.text, insert.header, insert.label


def _joined(ordered: Iterator[tuple[str, bool, str]], joint: str) -> Woven:
    texts: list[str] = []
    headers: list[Place] = []
    places: dict[str, Place] = {}
    start = 0
    for text, header, label in ordered:
        place = Place(start, start + len(text))
        if header:
            headers.append(place)
        if label:
            places[label] = place
        texts.append(text)
        start = place.end + len(joint)
    return Woven(joint.join(texts), tuple(headers), places)
