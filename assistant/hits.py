"""Everything of one kind that stands in a document, found over its whole text by structure and by regular patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from dateutil import parser

from assistant.code_tree import Symbol, Tree
from assistant.code_uses import find_uses, import_line, meant_files
from assistant.history_check import HistoryCheck
from assistant.passages import LiteralIndex, Passage, passage_at, passages
from assistant.wanted import Wanted
from ingest import Document
from ingest.contract import Contract, analyse
from ingest.contract.outline import key_of

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_CURRENCY = r"(?:US\$|[$€£¥]|\b(?:USD|EUR|GBP|CHF|JPY))"
_FIGURE = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
PATTERNS = {
    "dates": re.compile(
        rf"\b(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}|\d{{1,2}}(?:st|nd|rd|th)?(?:\s+day)?(?:\s+of)?\s+{_MONTH},?\s+\d{{4}}"
        r"|\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}\.\d{1,2}\.\d{4})(?![\d/-])"
    ),
    "amounts": re.compile(
        rf"{_CURRENCY}\s?(?:{_FIGURE}|\[\*+\])(?:\s?(?:million|billion|thousand|[mk]\b))?"
        rf"|(?<![\w.,])(?:{_FIGURE})(?:\s(?:million|billion|thousand))?\s?(?:€|£|(?:US\s)?[Dd]ollars?\b|[Ee]uros?\b|USD\b|EUR\b|GBP\b|CHF\b)"
    ),
    "percentages": re.compile(rf"(?<![\w.,])(?:{_FIGURE}|\[\*+\])\s?(?:%|per\s?cent\b)", re.IGNORECASE),
    "e-mail addresses": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}\b"),
    "web addresses": re.compile(r"\b(?:https?://|www\.)[^\s<>\"”’)\]]+[^\s<>\"”’)\].,;:]"),
}
_FUNCTIONS, _METHODS = frozenset(("function",)), frozenset(("method",))
_CLASSES = frozenset(("class", "struct", "interface", "trait", "enum"))
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b|\bday\b|\bof\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found, with its words at [start, end) of the document. `names`: how an answer may name it.

    `times`: at how many places it stands; this is the first.
    """

    start: int
    end: int
    names: tuple[str, ...]
    times: int = 1


class Hits:
    """Prepared for one document; what a noun needs is built when it is first asked for."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _contracts(self) -> list[Contract]:
        paths = dict.fromkeys(span.path for span in self._document.spans)
        return [analyse(self._document, path) for path in paths if not path.startswith("(")]

    @cached_property
    def _tree(self) -> Tree:
        return Tree(self._document)

    @cached_property
    def is_code(self) -> bool:
        """Whether the document is a tree of sources with definitions."""
        return self._tree.has_map or bool(self._tree.defined)

    @cached_property
    def _passages(self) -> tuple[Passage, ...]:
        return passages(self._document)

    def sentence(self, hit: Hit) -> tuple[int, int]:
        """The sentence around a hit, so that its citation tells what the thing is about."""
        index = passage_at(self._passages, hit.start)
        return (self._passages[index].start, self._passages[index].end) if index is not None else (hit.start, hit.end)

    def find(self, wanted: Wanted) -> tuple[Hit, ...]:
        """All of them in order of place; empty where the document has none, or no such structure."""
        if wanted.noun in PATTERNS:
            return self._values(wanted.noun)
        if wanted.noun in ("functions", "methods", "classes", "files", "callers", "importers") and not self.is_code:
            return ()
        finders: dict[str, Callable[[], Iterator[Hit]]] = {
            "definitions": self._definitions,
            "parties": self._parties,
            "headings": self._headings,
            "attachments": self._attachments,
            "cross references": lambda: self._references(""),
            "references": lambda: self._references(wanted.about),
            "words": lambda: self._words(wanted.about),
            "promises": self._promises,
            "sessions": self._sessions,
            "functions": lambda: self._symbols(_FUNCTIONS | (_METHODS if wanted.about else frozenset()), wanted.about),
            "methods": lambda: self._symbols(_METHODS, wanted.about),
            "classes": lambda: self._symbols(_CLASSES, wanted.about),
            "files": self._files,
            "callers": lambda: self._callers(wanted.about),
            "importers": lambda: self._importers(wanted.about),
        }
        return tuple(sorted(finders[wanted.noun](), key=lambda hit: hit.start))

    # -- values ------------------------------------------------------------------------

    def _values(self, noun: str) -> tuple[Hit, ...]:
        found: dict[str, list[re.Match[str]]] = {}
        for match in PATTERNS[noun].finditer(self._document.text):
            found.setdefault(value_of(noun, match.group()), []).append(match)
        return tuple(
            Hit(group[0].start(), group[0].end(), tuple(dict.fromkeys(m.group() for m in group)), len(group))
            for group in found.values()
        )

    # -- contracts ---------------------------------------------------------------------

    def _definitions(self) -> Iterator[Hit]:
        for contract in self._contracts:
            for term in contract.terms:
                if term.definitions and not term.own:
                    first, names = term.definitions[0], (term.name, *term.aliases)
                    if first.kind in ("short", "party"):  # a name in brackets: its meaning stands before it
                        yield Hit(*self.sentence(Hit(first.start, first.end, names)), names)
                        continue
                    opened = self._document.text[first.start - 1 : first.start] in ("“", '"')
                    yield Hit(first.start - opened, max(first.end, first.body_end), names)

    def _parties(self) -> Iterator[Hit]:
        for contract in self._contracts:
            for party in contract.parties:
                yield Hit(party.start, party.end, tuple(filter(None, (party.name, party.short))))

    def _attachments(self) -> Iterator[Hit]:
        for contract in self._contracts:
            for each in contract.attachments:
                yield Hit(each.start, each.end, (each.label,))

    def _headings(self) -> Iterator[Hit]:
        for section in self._document.sections:
            if section.kind not in ("map", "file"):
                yield Hit(section.header_start, section.header_end, (section.title,))

    def _references(self, label: str) -> Iterator[Hit]:
        """References to what `label` names; all of the document's own where it is empty."""
        asked = key_of(label.split(maxsplit=1)[1]) if " " in label else ""
        kind = label.split()[0].lower().rstrip("s") if label else ""
        for contract in self._contracts:
            for reference in contract.references:
                if label and key_of(reference.label) != asked:
                    continue
                if label and (kind in _ATTACHED) != (reference.kind in _ATTACHED):
                    continue
                if reference.state == "external" or not reference.label:
                    continue
                origin = self._document.sections[reference.origin].title if reference.origin is not None else ""
                yield Hit(reference.start, reference.end, tuple(filter(None, (origin, reference.text))))

    # -- words -------------------------------------------------------------------------

    def _words(self, words: str) -> Iterator[Hit]:
        for start, end in LiteralIndex(self._document.text).find(words):
            section = self._document.section_at(start)
            yield Hit(start, end, (section.title,) if section else ())

    # -- histories ---------------------------------------------------------------------

    def _promises(self) -> Iterator[Hit]:
        for promise in HistoryCheck(self._document).promises:
            if promise.start < promise.end:
                yield Hit(promise.start, promise.end, (" ".join(promise.text.split()),))

    def _sessions(self) -> Iterator[Hit]:
        for section in self._document.sections:
            if section.kind == "session":
                yield Hit(section.header_start, section.header_end, (section.title,))

    # -- code --------------------------------------------------------------------------

    def _symbols(self, kinds: Iterable[str], inside: str) -> Iterator[Hit]:
        """Definitions of these kinds, of one class or file where `inside` names it."""
        tree, kinds = self._tree, frozenset(kinds)
        files = [path for path in tree.named(inside) if not path.endswith("/")] if inside else []
        for symbol in tree.defined:
            if symbol.kind in kinds and (not inside or symbol.path in files or _holds(inside, symbol)):
                yield Hit(symbol.start, symbol.end, (symbol.name, symbol.name.rpartition(".")[2]))

    def _files(self) -> Iterator[Hit]:
        for path in self._tree.files:
            start, end = self._tree.line_range(path, 1)
            yield Hit(start, max(end, start + 1), (path,))

    def _callers(self, name: str) -> Iterator[Hit]:
        for use in find_uses(self._tree, name) if self._tree.symbols(name) else ():
            if use.called:
                yield Hit(use.start, use.end, tuple(filter(None, (use.inside, f"{use.path}:{use.line}", use.path))))

    def _importers(self, name: str) -> Iterator[Hit]:
        for path in meant_files(self._tree, name)[:1]:
            for importer in self._tree.importers_of(path).paths:
                place = import_line(self._tree, importer, path)
                if place is not None:
                    yield Hit(place.start, place.end, (importer,))


_ATTACHED = frozenset(("exhibit", "schedule", "annex", "annexe", "appendix", "attachment"))


def _holds(name: str, symbol: Symbol) -> bool:
    """Whether `name` is the class that a method stands in."""
    owner = symbol.name.rpartition(".")[0]
    return owner == name or owner.endswith("." + name)


def value_of(noun: str, text: str) -> str:
    """One form for all ways to write a value: “June 12, 2019” and “12 June 2019”, “$1,000” and “1000 dollars”."""
    plain = " ".join(text.split())
    if noun == "dates":
        try:
            return parser.parse(_ORDINAL.sub("", plain), dayfirst="." in plain).date().isoformat()
        except (ValueError, OverflowError):
            return plain.casefold()
    if noun == "percentages":
        return re.sub(r"\s|%|per\s?cent", "", plain, flags=re.IGNORECASE).lstrip("0") or "0"
    if noun == "amounts":
        folded = re.sub(r"us\s?(?=\$|dollar)|[\s,]", "", plain.casefold())
        for sign, words in (("$", r"\$|usd|dollars?"), ("€", r"€|eur(?:os?)?"), ("£", r"£|gbp")):
            if re.search(words, folded):
                return sign + re.sub(r"\.00$", "", re.sub(words, "", folded))
        return folded
    return plain.casefold().rstrip("/")
