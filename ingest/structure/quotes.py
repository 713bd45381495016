"""Lines inside a quotation, such as the clauses that an amendment puts into another contract: they open no section."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.structure.lines import LOOK, Line

MAX_LINES = 60  # a quotation that does not end within so many lines was a slip
PAIRS = (("“", "”"), ("„", "“"), ("«", "»"), ('"', '"'))


def quoted_lines(body: Sequence[Line]) -> frozenset[int]:
    """Indices of the lines after one that opens a quotation with a label in it, up to the line that closes it."""
    found: set[int] = set()
    index = 0
    while index < len(body):
        pair = _opens(body[index])
        end = _closing(body, index, pair) if pair else index
        found.update(range(index + 1, end + 1))
        index = end + 1
    return frozenset(found)


def _opens(line: Line) -> tuple[str, str] | None:
    """The quotes a line opens at its start, before a number, and leaves open."""
    for opening, closing in PAIRS:
        if (
            line.text.startswith(opening)
            and line.end - line.start < LOOK
            and (line.text[1:2] in "(§" or _numbered(line.text))
        ):
            left = line.text.count(opening) - (line.text.count(closing) if closing != opening else 0)
            if left % 2 if closing == opening else left > 0:
                return opening, closing
    return None


def _numbered(text: str) -> bool:
    word = text[1:].split(maxsplit=1)[0] if text[1:].strip() else ""
    return word[:1].isdigit() or word in ("Section", "SECTION", "Article", "ARTICLE", "Clause", "CLAUSE")


def _closing(body: Sequence[Line], index: int, pair: tuple[str, str]) -> int:
    opening, closing = pair
    depth = 1
    for at in range(index + 1, min(index + 1 + MAX_LINES, len(body))):
        text = body[at].text
        if opening == closing:
            depth += text.count(closing) % 2 and -1
        else:
            # Each paragraph of a long quotation may open it again.
            depth += text.count(opening) - text.startswith(opening) - text.count(closing)
        if depth <= 0:
            return at
    return index
