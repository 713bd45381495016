"""A document → a Contract: every part in its own file, put together here. No model, the same answer each time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from ingest.contract.attachments import find_attachments
from ingest.contract.contents import Contents
from ingest.contract.names import Finder, forms
from ingest.contract.outline import Outline
from ingest.contract.preamble import find_dates, find_parties, preamble_end, short_names, title_of
from ingest.contract.resolve import Names, find_references
from ingest.contract.signatures import find_signatures
from ingest.contract.terms import Found, find_definitions
from ingest.contract.values import Contract, Definition, Party, Reference, Term
from ingest.document import Document

_THIS_PAPER = re.compile(r"(?i)\bthis\s+((?:[\w&,’'-]+\s+){0,14})[“\"(*_\s]*$")
_CHANGES = re.compile(
    r"(?i)\b(?:amendment|addendum|supplement|assignment|guarant[ye]e?|termination|waiver|letter|release|to)\b"
)
_TOLD = frozenset(("is", "made", "dated", "between", "by", "entered", "among", "as", "shall", "date"))


def analyse(document: Document, path: str | None = None) -> Contract:
    """The contract in `document`, or in its file `path` alone; KeyError if there is no such file."""
    start, end = (0, len(document.text)) if path is None else _range(document, path)
    outline = Outline(document, start, end)
    contents = Contents(outline)
    top = preamble_end(outline)
    definitions = find_definitions(outline)
    parties = find_parties(outline, definitions, top)
    taken = {each.start for each in definitions}
    definitions += [each for each in short_names(outline, parties, top) if each.start not in taken]
    definitions.sort(key=lambda each: each.start)
    names = _names(outline, definitions, parties, top)
    references = find_references(outline, contents, names)
    return Contract(
        document,
        start,
        end,
        title_of(outline),
        tuple(parties),
        tuple(find_dates(outline, top)),
        tuple(find_attachments(outline, references)),
        tuple(find_signatures(outline)),
        tuple(_terms(outline, contents, definitions, references, names)),
        tuple(references),
    )


def _range(document: Document, path: str) -> tuple[int, int]:
    spans = [span for span in document.spans if span.path == path]
    if not spans:
        raise KeyError(f"there is no file {path}")
    return spans[0].start, spans[-1].end


def _names(outline: Outline, definitions: Sequence[Found], parties: Sequence[Party], top: int) -> Names:
    own = _titled(outline, definitions, top)
    own |= {
        name
        for each in definitions
        if each.own or (each.start < top and _is_own(outline.text, each))
        for name in each.names
    }
    others = {
        name
        for each in definitions
        for name in each.names
        if name not in own and name[:1].isupper() and each.kind != "adds"
    }
    called = {word for party in parties for word in (party.short, party.name.split()[0] if party.name else "") if word}
    return Names(frozenset(own), frozenset(others), frozenset(called))


def _titled(outline: Outline, definitions: Sequence[Found], top: int) -> set[str]:
    """ "Agreement" where the title ends in that word, unless the title speaks of another paper that it changes."""
    title = title_of(outline)
    if _CHANGES.search(title) or not title:
        return set()
    last = title.split()[-1].casefold()
    short = (each for each in definitions if each.kind == "short" and each.start < top)
    return {name for each in short for name in each.names if name.split()[-1].casefold() == last}


def _is_own(text: str, each: Found) -> bool:
    """ "This Lease Agreement (the "Lease")", as well as (this "Lease")."""
    if each.kind != "short" or each.names[0].endswith("Date"):
        return False
    before = _THIS_PAPER.search(text[max(0, each.body_end - 160) : each.body_end])
    return before is not None and not _TOLD.intersection(before[1].lower().split())


def _terms(
    outline: Outline, contents: Contents, definitions: Sequence[Found], references: Sequence[Reference], names: Names
) -> list[Term]:
    """Definitions of one name, in any of its forms, make one term."""
    number_of: dict[str, int] = {}
    groups: list[list[Found]] = []
    for each in definitions:
        known = [form for name in each.names for form in forms(name)]
        number = next((number_of[form] for form in known if form in number_of), len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(each)
        for form in known:
            number_of.setdefault(form, number)
    searched = list(number_of.items())
    searched += [
        (form.upper(), number) for form, number in number_of.items() if len(form) > 3 and not form[0].islower()
    ]
    spots = [{each.start for each in group} for group in groups]
    uses: list[list[int]] = [[] for _ in groups]
    ends = _Ends(definitions)
    for start, end, number in Finder(searched).find(outline.text, outline.start, outline.end):
        if start not in spots[number] and not ends.within(start, end) and not contents.hold(start):
            uses[number].append(start)
    starts = [reference.start for reference in references]
    terms = []
    for number, group in enumerate(groups):
        first = group[0].names[0]
        others = dict.fromkeys(name for each in group for name in each.names if name != first)
        places = tuple(_definition(outline, each, references, starts) for each in group)
        own = any(name in names.own for each in group for name in each.names)
        aliases = tuple(dict.fromkeys([*others, *(form for form in forms(first) if form != first)]))
        terms.append(Term(first, aliases, places, tuple(uses[number]), own))
    return terms


class _Ends:
    """Whether a place lies inside the words that a definition defines."""

    def __init__(self, definitions: Sequence[Found]) -> None:
        self.starts = [each.start for each in definitions]
        self.ends = [each.end for each in definitions]

    def within(self, start: int, end: int) -> bool:
        index = bisect_right(self.starts, start) - 1
        return index >= 0 and end <= self.ends[index]


def _definition(outline: Outline, each: Found, references: Sequence[Reference], starts: Sequence[int]) -> Definition:
    pointer = None
    if each.kind == "pointer":
        at = bisect_right(starts, each.body - 30)
        while at < len(references) and references[at].start < each.body:
            at += 1
        if at < len(references) and references[at].start < each.body_end:
            pointer = at
    section = outline.outer(outline.at(each.start))
    return Definition(each.kind, each.start, each.end, each.body, each.body_end, section, pointer, each.local)
