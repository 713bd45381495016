"""The forms a term takes in running text: words without quotes, one and many, and a search for many terms at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MAX_WORDS = 12
_WORD = re.compile(r"[^\W_]+")
_STARTS = re.compile(r"(?<![^\W_])[^\W_]+")
_GAP = re.compile(r"(?:[ \t]{0,40}\n[ \t]{0,80}|[ \t\-–’'&/.,]{1,3})(?=[^\W_])")
_POSSESSIVE = re.compile(r"[’']s?$")
_VOWELS = "aeiou"


def words(name: str) -> tuple[str, ...]:
    """The words of a name as they are looked for."""
    return tuple(_WORD.findall(name))


def clean(name: str) -> str:
    """A term as people write it: one line, no quotes, no stray signs around it."""
    return _POSSESSIVE.sub("", " ".join(name.split()).strip(' .,;:*_“”"„«»‘'))


def forms(name: str) -> tuple[str, ...]:
    """The name, its plural and its singular, as far as English forms them by rule."""
    if not name or not name[-1].isalpha() or not name.isascii():
        return (name,)
    found = [name]
    low = name.lower()
    if low.endswith("ies") and len(low) > 4:
        found.append(name[:-3] + "y")
    elif low.endswith(("sses", "xes", "ches", "shes")):
        found.append(name[:-2])
    elif low.endswith("s") and not low.endswith(("ss", "us", "is")):
        found.append(name[:-1])
    elif low.endswith("y") and low[-2:-1] not in _VOWELS:
        found.append(name[:-1] + "ies")
    elif low.endswith(("s", "x", "ch", "sh")):
        found.append(name + "es")
    else:
        found.append(name + "s")
    return tuple(found)


class Finder:
    """Finds the longest of many names at each place of a text, in one pass; each name stands for a number."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        self.trie: dict[str, object] = {}
        self.small = False  # whether a name begins with a small letter
        for name, number in names:
            pieces = words(name)
            if not pieces or len(pieces) > MAX_WORDS:
                continue
            self.small |= pieces[0][0].islower()
            node = self.trie
            for piece in pieces:
                child = node.setdefault(piece, {})
                assert isinstance(child, dict)
                node = child
            node.setdefault("", number)  # no word is empty: the first name that ends here

    def find(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(start, end, number) of every use, left to right, none inside another."""
        skip = start
        for match in _STARTS.finditer(text, start, end):
            if match.start() < skip or not (self.small or not text[match.start()].islower()):
                continue
            best = self._longest(text, match.end(), end, self.trie.get(match.group()))
            if best is not None:
                skip = best[0]
                yield match.start(), best[0], best[1]

    def _longest(self, text: str, at: int, end: int, node: object) -> tuple[int, int] | None:
        best: tuple[int, int] | None = None
        while isinstance(node, dict):
            number = node.get("")
            if isinstance(number, int):
                best = at, number
            gap = _GAP.match(text, at, end)
            word = _WORD.match(text, gap.end(), end) if gap else None
            if word is None:
                break
            at, node = word.end(), node.get(word.group())
        return best
