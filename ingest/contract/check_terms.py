"""Checks of defined terms: never used, defined twice, defined in a circle, or defined where nothing is defined."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.contract.findings import finding, title
from ingest.contract.names import Finder, forms
from ingest.contract.outline import Outline
from ingest.contract.values import Contract, Definition, Finding, Term

MAX_MEANING = 400  # characters: a longer meaning says something of its own
_WORD = re.compile(r"[^\W\d_]+")
_FILLER = frozenset((
    "a", "an", "and", "any", "as", "be", "but", "by", "each", "for", "from", "has", "have", "hereof", "herein",
    "if", "in", "into", "is", "it", "its", "itself", "means", "mean", "meaning", "more", "of", "on", "one", "or",
    "other", "shall", "such", "that", "the", "their", "them", "these", "this", "those", "to", "under", "with",
    "within", "all", "every", "some", "same", "given", "set", "forth", "ascribed", "defined", "term", "terms",
    "agreement", "section", "clause", "respective", "applicable", "relevant", "including", "collectively",
    "individually", "refers",
))  # fmt: skip
_FULL = frozenset(("means", "list", "short"))


def check_terms(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """All findings about the terms that are defined."""
    parties = {party.short for party in contract.parties}
    for term in contract.terms:
        yield from _unused(term, outline, parties)
        yield from _twice(term, outline)
        yield from _elsewhere(term, contract, outline)
    yield from _circles(contract, outline)


def _unused(term: Term, outline: Outline, parties: set[str]) -> Iterator[Finding]:
    first = term.definitions[0]
    if term.uses or term.own or first.local or term.name in parties or first.kind == "adds":
        return
    pointers = [each for each in term.definitions if each.kind == "pointer"]
    if len(pointers) == len(term.definitions) and any(each.pointer is not None for each in pointers):
        return  # said to be defined elsewhere, and it is not: that is the finding
    message = f"“{term.name}” is defined but never used."
    yield finding(outline, "unused-term", "warning", message, first.start, first.end)


def _twice(term: Term, outline: Outline) -> Iterator[Finding]:
    """Two meanings in one scope; a schedule may define its own, and a clause for itself."""
    seen: dict[tuple[int, str], Definition] = {}
    text = outline.text
    for definition in term.definitions:
        if definition.local or definition.kind not in _FULL:
            continue
        scope = outline.scope_at(definition.start)
        name = " ".join(text[definition.start : definition.end].split())  # "Party" and "Parties" may both be explained
        before = seen.setdefault((scope, name), definition)
        if before is definition or _repeats(outline, before, definition):
            continue
        message = f"“{name}” is defined again; it is already defined under {title(outline, before.section)}."
        yield finding(outline, "duplicate-definition", "error", message, definition.start, definition.end)


def _repeats(outline: Outline, before: Definition, after: Definition) -> bool:
    """The same words once more, as on a signature page, or a bracket inside the meaning of the same term."""
    if before.start <= after.start < before.body_end and after.kind == "short":
        return True
    text = outline.text
    if after.kind == "short":
        return False
    return text[before.body : before.body_end].split() == text[after.body : after.body_end].split()


def _elsewhere(term: Term, contract: Contract, outline: Outline) -> Iterator[Finding]:
    """A definition that points to a section where the term is not defined."""
    for definition in term.definitions:
        if definition.pointer is None:
            continue
        reference = contract.references[definition.pointer]
        if reference.state != "resolved" or reference.section is None:
            continue
        target = contract.document.sections[reference.section]
        if any(target.start <= each.start < target.end and each is not definition for each in term.definitions):
            continue
        if outline.scope_at(target.start) == outline.outer(outline.at(target.start)):
            continue  # a whole schedule may be the meaning
        others = [each for each in term.definitions if each.kind in _FULL]
        where = f"is defined under {title(outline, others[0].section)} instead" if others else "is not defined there"
        message = f"“{term.name}” is said to be defined in {reference.text}, but {where}."
        yield finding(outline, "misplaced-definition", "warning", message, definition.start, definition.end)


def _circles(contract: Contract, outline: Outline) -> Iterator[Finding]:
    """Terms whose meanings name each other, and nothing else of substance."""
    called = ((name, number) for number, term in enumerate(contract.terms) for name in (term.name, *term.aliases))
    finder = Finder((form, number) for name, number in called for form in forms(name))
    leads: dict[int, list[int]] = {}
    for number, term in enumerate(contract.terms):
        full = [each for each in term.definitions if each.kind in ("means", "list", "pointer")]
        if not full or any(each.kind in ("short", "adds", "party") for each in term.definitions):
            continue
        found = _named(contract, outline, finder, full[0], number)
        if found is not None:
            leads[number] = found
    for circle in _cycles(leads):
        first = min(circle, key=lambda number: contract.terms[number].definitions[0].start)
        at = circle.index(first)
        ordered = [*circle[at:], *circle[:at], first]
        chain = " → ".join(f"“{contract.terms[number].name}”" for number in ordered)
        place = contract.terms[first].definitions[0]
        message = f"The definitions go in a circle: {chain}."
        yield finding(outline, "circular-reference", "error", message, place.start, place.end)


def _named(contract: Contract, outline: Outline, finder: Finder, meaning: Definition, own: int) -> list[int] | None:
    """The terms a meaning consists of; None if it has words of its own."""
    text = outline.text
    if meaning.body_end - meaning.body > MAX_MEANING:
        return None
    named: list[int] = []
    rest: list[str] = []
    at = meaning.body
    for start, end, number in finder.find(text, meaning.body, meaning.body_end):
        rest.append(text[at:start])
        at = end
        named.append(number)
    rest.append(text[at : meaning.body_end])
    words = [word.casefold() for part in rest for word in _WORD.findall(part)]
    return named if named and not any(word not in _FILLER and len(word) > 1 for word in words) else None


def _cycles(leads: dict[int, list[int]]) -> Iterator[list[int]]:
    """Simple cycles that following the first lead of each node runs into; each node once."""
    done: set[int] = set()
    for start in leads:
        path: dict[int, int] = {}
        node: int | None = start
        while node is not None and node in leads and node not in done and node not in path:
            path[node] = len(path)
            node = next((each for each in leads[node] if each in leads), None)
        if node is not None and node in path:
            yield list(path)[path[node] :]
        done.update(path)
