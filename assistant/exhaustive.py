"""Exhaustive answers: everything that a question asks for, found over the whole document and held against the answer.

The model's answer names some; the text's structure knows all. What the answer names is marked as named, the rest is
added as found by structure. A number that the answer gives for how many there are must be the number found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.checked import Place
from assistant.hits import PATTERNS, Hit, Hits, value_of
from assistant.passages import LONGEST
from assistant.wanted import Wanted, wanted
from assistant.words import terms_of
from ingest import Document
from storage import CitationRecord

MAX_LISTED = 200  # cited one by one; the rest is counted
LONGEST_NAME = 120  # characters told of one thing
MAX_NAMED = 60  # told in the sentence
NAMED, ADDED = "listed", "structure"  # kinds of citations: named by the answer, added by what was found
_WORDS = {"e-mail addresses", "web addresses", "amounts", "percentages", "dates", "words", "callers", "references"}
_COUNTED = re.compile(r"\b\d{1,3}(?:,\d{3})+\b|\b\d+\b")
_ONES = {"e-mail addresses": "e-mail address", "web addresses": "web address", "parties": "party", "classes": "class"}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing found: what it is called, its citable words at [start, end), whether the answer names it."""

    name: str
    start: int
    end: int
    named: bool
    times: int = 1

    @property
    def kind(self) -> str:
        """The kind of its citation."""
        return NAMED if self.named else ADDED


@dataclass(frozen=True, slots=True)
class Exhausted:
    """All of one kind. `label`: what, in words; `found` of them there are, `items` are shown, each with its place.

    `disputed`: the answer gives another number, or says that there is none.
    """

    label: str
    found: int
    items: tuple[Item, ...]
    disputed: bool = False

    @property
    def named(self) -> int:
        """How many of those shown the answer names by itself."""
        return sum(item.named for item in self.items)

    @property
    def places(self) -> tuple[Place, ...]:
        """What is cited, in order."""
        return tuple(Place(item.start, item.end, item.kind) for item in self.items)

    @property
    def sentence(self) -> str:
        """“14 of 14 defined terms, found over the whole text (3 named in the answer): “Affiliate”, …”"""
        told = f"{len(self.items)} of {self.found} {self.label}, found by structure over the whole text"
        told += f" ({self.named} of them named in the answer)"
        names = [item.name + (f" ({item.times} times)" if item.times > 1 else "") for item in self.items[:MAX_NAMED]]
        more = len(self.items) - len(names)
        return f"{told}: {'; '.join(names)}" + (f"; and {more} more, cited below" if more else "") + "."


class Exhaustive:
    """Prepared for one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._hits = Hits(document)

    def check(
        self, question: str, answer: str, citations: Sequence[CitationRecord], *, refused: bool
    ) -> Exhausted | None:
        """All that `question` asks for, held against `answer`; None where that is not certain, or none is there."""
        asked = wanted(question)
        hits = self._hits.find(asked) if asked else ()
        if asked is None or not hits:
            return None
        items = tuple(self._item(asked, hit, answer, citations) for hit in hits[:MAX_LISTED])
        found = sum(hit.times for hit in hits) if asked.noun == "words" else len(hits)
        return Exhausted(label_of(asked, len(hits)), found, items, refused or _miscounts(asked, hits, answer))

    def _item(self, asked: Wanted, hit: Hit, answer: str, citations: Sequence[CitationRecord]) -> Item:
        start, end = (hit.start, hit.end)
        if asked.noun in _WORDS or asked.noun == "parties":
            start, end = self._hits.sentence(hit)
        end = min(end, start + LONGEST)
        cited = any(each.start < end and start < each.end for each in citations)
        name = _shown(_name(self._document, asked, hit))
        return Item(name, start, end, cited or _says(asked, hit, answer), hit.times)


def label_of(asked: Wanted, found: int) -> str:
    """What was asked for, in words: “defined terms”, “references to Section 5”, “methods of Engine”."""
    if asked.noun == "references":
        return f"reference{'s' if found != 1 else ''} to {asked.about}"
    if asked.noun == "words":
        return f"place{'s' if found != 1 else ''} with “{asked.about}”"
    if asked.noun in ("callers", "importers"):
        what = {"callers": "call", "importers": "importing file"}[asked.noun]
        return f"{what}{'s' if found != 1 else ''} of {asked.about}"
    noun = {"definitions": "defined terms", "dates": "different dates"}.get(asked.noun, asked.noun)
    noun = {"amounts": "different amounts", "percentages": "different percentages"}.get(noun, noun)
    one = noun if found != 1 else _ONES.get(noun, noun.removesuffix("s"))
    return f"{one} of {asked.about}" if asked.about else one


def _shown(name: str) -> str:
    """A name out of a document on one line, cut where it is no name any more."""
    plain = " ".join(name.split())
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1].rstrip()}…"


def _name(document: Document, asked: Wanted, hit: Hit) -> str:
    if asked.noun in ("references", "words", "cross references"):
        section = document.section_at(hit.start)
        place = section.title if section is not None else ""
        words = " ".join(document.text[hit.start : hit.end].split())
        return f"{words} (in {place})" if place else words
    if asked.noun == "callers":
        return next((name for name in hit.names if ":" in name), hit.names[0])
    if asked.noun == "promises":
        return f"“{hit.names[0]}”"
    return hit.names[0]


def _says(asked: Wanted, hit: Hit, answer: str) -> bool:
    """Whether the answer names this one: by its value, by a name as a whole word, or by most words of a sentence."""
    if asked.noun in ("dates", "amounts", "percentages"):
        return value_of(asked.noun, hit.names[0]) in {
            value_of(asked.noun, match.group()) for match in _values(asked.noun, answer)
        }
    if asked.noun == "promises":
        terms = terms_of(hit.names[0])
        return bool(terms) and len(terms & terms_of(answer)) >= 0.7 * len(terms)
    folded = " ".join(answer.split()).casefold()
    return any(
        len(name) > 1 and re.search(rf"(?<!\w){re.escape(' '.join(name.split()).casefold())}(?!\w)", folded)
        for name in hit.names
    )


def _values(noun: str, text: str) -> list[re.Match[str]]:
    return list(PATTERNS[noun].finditer(text))


def _miscounts(asked: Wanted, hits: Sequence[Hit], answer: str) -> bool:
    """Whether an answer to “how many” gives a number that is neither that of the things nor that of their places."""
    if not asked.count or asked.noun == "headings":  # people count those of one level
        return False
    said = re.sub(r"(?m)^>.*$", " ", answer)
    figures = {int(match.group().replace(",", "")) for match in _COUNTED.finditer(said)}
    figures |= {int(term) for term in terms_of(said) if term.isdecimal()}
    return bool(figures) and not figures & {len(hits), sum(hit.times for hit in hits)}
