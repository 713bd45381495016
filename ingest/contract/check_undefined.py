"""Words used in the manner of a defined term that nothing defines. Few false alarms count for more than many finds.

A candidate is capitalised in the middle of a sentence, behind "the", "such", "each" …, at least twice; it is no
known term or the head of one, no party, no law, body, office or place, and not capitalised by custom.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from ingest.contract.contents import Contents
from ingest.contract.findings import count, finding
from ingest.contract.law import COMMON, LAW_WORDS, NAME_WORDS
from ingest.contract.names import Finder, forms, words
from ingest.contract.outline import Outline
from ingest.contract.values import Contract, Finding

LEAST = 2  # uses
_DETERMINER = (
    r"(?:[Tt]he|[Ss]uch|[Ee]ach|[Aa]ny|[Ee]very|[Aa]ll|[Nn]o|[Aa]n?|its|their|this|that|said|applicable|or|and|of|other|for|to|by|with|"
    r"without|under|from|on|in|upon)"
)
_PHRASE = re.compile(
    rf"(?<![\w.])(?P<det>{_DETERMINER})\s{{1,2}}"
    rf"(?P<name>[A-Z][a-z]{{2,24}}(?:\s[A-Z][a-z]{{1,24}}){{0,4}})(?![\w-])"
)
_STRONG = frozenset(
    ("the", "such", "each", "any", "every", "all", "no", "a", "an", "its", "their", "said", "applicable")
)
_LONGER = re.compile(r"(?:,?\s(?:(?:and|of|for|on|to|in|the|or|&)\s){0,2}[A-Z][\w’'-]{0,30}){1,6}")
_ARTICLE = re.compile(r"\bthe\b|\bof\b|\band\b")


def check_undefined(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """One finding for each such phrase, at its first use."""
    text = outline.text
    if not _is_english(text, outline.start, outline.end):
        return
    contents = Contents(outline)
    known = _Known(contract)
    places: dict[str, list[tuple[int, int]]] = {}
    spelled: dict[str, str] = {}
    strong: Counter[str] = Counter()
    for match in _PHRASE.finditer(text, outline.start, outline.end):
        name = match["name"]
        if known.holds(name) or _is_name(name, _longer(text, match.end("name"), outline.end)):
            continue
        if contents.hold(match.start()):
            continue
        start, end = match.span("name")
        index = outline.at(start)
        if index >= 0 and start < outline.sections[index].header_end:
            continue  # in a title
        key = min(forms(name), key=len)
        spelled.setdefault(key, name)
        places.setdefault(key, []).append((start, end))
        strong[key] += match["det"].lower() in _STRONG
    chosen = {key: found for key, found in places.items() if len(found) >= LEAST <= strong[key] + (" " in key)}
    small = _small(outline, chosen)
    for key, found in chosen.items():
        if small[key] <= 2 * len(found):  # else the capital is only a whim
            message = f"“{spelled[key]}” is used {count(len(found))} like a defined term but is never defined."
            yield finding(outline, "undefined-term", "warning", message, *found[0])


def _is_english(text: str, start: int, end: int) -> bool:
    sample = text[start : min(end, start + 200_000)]
    return len(_ARTICLE.findall(sample)) * 20 > len(sample.split())


class _Known:
    """Terms and parties: a phrase made of them, or that begins or ends one, is not undefined."""

    def __init__(self, contract: Contract) -> None:
        names = [name for term in contract.terms for name in (term.name, *term.aliases)]
        names += [name for party in contract.parties for name in (party.name, party.short) if name]
        names += [party.name.replace(",", " ") for party in contract.parties]
        self.finder = Finder((form, 0) for name in names for form in forms(name))
        self.parts = {piece for name in names for piece in words(name)}
        self.parts |= {form for piece in self.parts for form in forms(piece)}

    def holds(self, name: str) -> bool:
        pieces = set(name.split())
        return pieces <= self.parts or next(self.finder.find(name, 0, len(name)), None) is not None


def _longer(text: str, at: int, end: int) -> str:
    more = _LONGER.match(text, at, end)
    return more.group() if more else ""


def _is_name(name: str, more: str) -> bool:
    """A law, body, office or place, by its own words or by how the name goes on ("… and Affordable Care Act")."""
    pieces = name.split()
    if any(piece in COMMON or piece in LAW_WORDS for piece in pieces) or pieces[-1] in NAME_WORDS:
        return True
    after = more.split()
    return any(piece in LAW_WORDS for piece in after) or after[:1] in (["of"], ["&"])


def _small(outline: Outline, names: Iterable[str]) -> Counter[str]:
    """How often each name is written in small letters."""
    keys = list(names)
    finder = Finder((form, number) for number, key in enumerate(keys) for form in forms(key.lower()))
    return Counter(keys[number] for _, _, number in finder.find(outline.text, outline.start, outline.end))
