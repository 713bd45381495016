"""Citations → references: which section is meant, whether another paper or law is meant, or nothing at all.

A reference is called dangling only where nothing else explains it: the number exists nowhere, no other paper is
named beside it, and the words around it are no law.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.contract.citing import ATTACHED, Citation, find_citations, find_this
from ingest.contract.contents import Contents
from ingest.contract.law import ACRONYMS, LAW_BEFORE
from ingest.contract.outline import MAIN, Outline, key_of
from ingest.contract.values import Reference, State

MAX_DEPTH = 4  # "Section 1 of Part 2 of Schedule 3 of …"
LARGE = 100  # clause numbers hardly reach it; sections of laws do
_HERE = re.compile(
    r",?\s{1,3}(?:hereof|herein|hereto|above|below|of\s{1,3}this|to\s{1,3}this|in\s{1,3}this|attached\s{1,3}hereto)\b"
)
_THERE = re.compile(r",?\s{1,3}(?:thereof|thereto|therein)\b")
_TITLE = re.compile(r"\s{0,3}[(\[][A-Z“\"][^()\[\]\n]{1,80}[)\]]")
_OF = re.compile(
    r",?\s{1,3}(?P<of>of|to|under|des|der|du|de la)\s{1,3}"
    r"(?P<det>the|that\s{1,3}certain|that|such|its|their|an?|each|any|said)?\s{0,3}"
)
_NAME = re.compile(r"[A-Z][\w’'&.-]{0,40}(?:\s{1,3}(?:of\s|and\s|to\s|for\s|on\s)?[A-Z(][\w’'&.)-]{0,40}){0,8}")
_SMALL = re.compile(r"[a-z][a-z’'-]{0,30}(?:\s+[a-z’'-]{1,30})?")
_ACRONYM = re.compile(
    r"(?:,?\s{0,2}(?:para(?:graph)?|Abs|lit|point|letter|Satz|S|Nr|No)\.?\s{0,2}\(?\w{1,4}\)?(?!\w)){0,4}"
    r"\s{1,3}(?P<name>[A-Z][\w-]{1,11})(?!\w)"
)
_OWN_WORDS = frozenset((
    "definition", "definitions", "foregoing", "preceding", "first", "second", "third", "last", "same", "main", "body",
))  # fmt: skip
_PAPERS = frozenset(("agreement", "contract", "deed"))  # "the Agreement" where nothing else is called so


@dataclass(frozen=True, slots=True)
class Names:
    """What the contract calls itself, other papers that it gives names to, and its parties."""

    own: frozenset[str]
    others: frozenset[str]
    parties: frozenset[str]


def find_references(outline: Outline, contents: Contents, names: Names) -> list[Reference]:
    """All references in order of place, none out of a table of contents or a section's own header."""
    resolver = _Resolver(outline, names)
    found: list[Reference] = []
    for cited in find_citations(outline.text, outline.start, outline.end):
        if not contents.hold(cited[0].start) and not resolver.is_header(cited[0]):
            found += resolver.resolve(cited)
    for this in find_this(outline.text, outline.start, outline.end):
        if not contents.hold(this.start):
            found.append(resolver.here(this))
    found.sort(key=lambda each: each.start)
    return found


class _Resolver:
    def __init__(self, outline: Outline, names: Names) -> None:
        self.outline, self.text, self.names = outline, outline.text, names
        self.starts = {section.start for section in outline.sections}
        self.top = max((entry.number[0] for entry in outline.entries if entry.number), default=0)
        self.numbered = {entry.scope for entry in outline.entries if entry.number and entry.scope != MAIN}
        self.recitals = [i for i, section in enumerate(outline.sections) if section.kind == "recitals"]

    def is_header(self, cited: Citation) -> bool:
        """The label of a section, or an attachment's label again at the top of its next page."""
        if cited.list_start in self.starts:
            return True
        if cited.kind not in ATTACHED:
            return False
        begins = self.text.rfind("\n", self.outline.start, cited.list_start) + 1
        ends = self.text.find("\n", cited.list_end, cited.list_end + 80)
        around = self.text[begins : cited.list_start] + self.text[cited.list_end : ends if ends >= 0 else begins]
        return ends >= 0 and not around.strip(" \t[]():.*_#–—-\n")

    def here(self, this: Citation) -> Reference:
        path = self.outline.path(self.outline.at(this.start))
        wanted = [index for index in path if self._is_kind(index, this.kind)]
        found = wanted or path
        return self._reference(this, "resolved", found[0] if found else None)

    def _is_kind(self, index: int, kind: str) -> bool:
        entry = self.outline.entries[index]
        return (entry.section.kind == kind and bool(entry.label)) if kind in ATTACHED else entry.family == kind

    def resolve(self, cited: list[Citation]) -> Iterator[Reference]:
        outside, scope = self._beside(cited)
        for each in cited:
            if outside or (each.kind == "paragraph" and each.label[:1] in "IVX"):  # a "Paragraph IV certification"
                yield self._reference(each, "external", None)
                continue
            target = self._target(each, scope)
            state: State = "dangling"
            if target is not None:
                state = "resolved"
            elif scope is not None or self._is_law(each):
                state = "external"
            elif each.follows and not each.number and each.kind not in ATTACHED:
                continue  # "(b)" after "and": the next words of the sentence rather than a reference
            elif each.follows and each.items and each.number and self._target(_bare(each), None) is not None:
                continue
            yield self._reference(each, state, target)

    def _reference(self, each: Citation, state: State, target: int | None) -> Reference:
        text = " ".join(self.text[each.start : each.end].split())
        origin = self.outline.outer(self.outline.at(each.start))
        return Reference(text, each.kind, each.label, each.start, each.end, state, self.outline.outer(target), origin)

    def _beside(self, cited: list[Citation], depth: int = 0) -> tuple[bool, int | None]:
        """Whether another paper is named before or after the list; else the attachment or section named there."""
        first, at = cited[0], cited[-1].end
        before = self.text[max(self.outline.start, first.list_start - 40) : first.list_start]
        if LAW_BEFORE.search(before) or self._named_before(before):
            return True, None
        title = _TITLE.match(self.text, at)
        at = title.end() if title else at
        if _HERE.match(self.text, at):
            return False, None
        if _THERE.match(self.text, at):
            return True, None
        acronym = _ACRONYM.match(self.text, at)
        if acronym and acronym["name"] in ACRONYMS:
            return True, None
        of = _OF.match(self.text, at)
        if of is None or (of["of"] != "of" and first.kind not in ATTACHED and of["of"] != "under"):
            return False, None
        return self._of(of, first, depth)

    def _of(self, of: re.Match[str], first: Citation, depth: int) -> tuple[bool, int | None]:
        inner = next(find_citations(self.text, of.end(), min(of.end() + 40, self.outline.end)), None)
        if inner and inner[0].list_start == of.end():
            outer, _ = self._beside(inner, depth + 1) if depth < MAX_DEPTH else (False, None)
            target = None if outer else self._target(inner[0], None)
            return outer or (target is None and inner[0].kind in ATTACHED), target
        det = (of["det"] or "").split(" ")[0]
        name = _NAME.match(self.text, of.end())
        if name is None:
            small = _SMALL.match(self.text, of.end())
            word = small.group().split()[0] if small else ""
            if of["of"] != "of" or word in _OWN_WORDS or not word:
                return False, None
            return det in ("the", "that", "such", "its", "their", "said") and word not in ("parties", "party"), None
        called = " ".join(name.group().split()).rstrip(".,)'’")
        first_word = called.split()[0].rstrip(".,").removesuffix("’s").removesuffix("'s")
        if called in self.names.own or first_word in self.names.own or first_word in self.names.parties:
            return False, None
        if of["of"] == "under" and det != "the":
            return False, None
        alone = called.lower() in _PAPERS and called not in self.names.others
        return not alone, None

    def _named_before(self, before: str) -> bool:
        """ "Lease Section 4", where the Lease is another paper that this one gives a name to."""
        word = re.search(r"([A-Z]\w+)(?:’s|'s)?\s{1,3}$", before)
        return word is not None and word[1] in self.names.others and word[1] not in self.names.own

    def _is_law(self, each: Citation) -> bool:
        if each.kind in ATTACHED:
            return False
        large = bool(each.number) and each.number[0] >= LARGE and each.number[0] > self.top
        coded = bool(each.suffix) and ("-" in each.suffix or bool(each.number and each.number[0] > self.top))
        return large or coded or not self.outline.entries

    def _target(self, each: Citation, inside: int | None) -> int | None:
        outline = self.outline
        if each.kind in ATTACHED:
            label = each.label.split("(")[0].strip() if each.items else each.label
            found = outline.by_label.get(key_of(f"{each.kind} {label}"), [])
            return found[0] if found else None
        origin = outline.at(each.start)
        if each.kind == "recital":
            return self.recitals[0] if self.recitals else None
        if not each.number:
            return self._items_around(origin if inside is None else inside, each.items)
        for base in self._bases(each, origin, inside):
            target = self._below(base, each.items)
            if target is not None:
                return target
        return None

    def _bases(self, each: Citation, origin: int, inside: int | None) -> Iterable[int]:
        outline = self.outline
        families = [each.kind if each.kind in ("article", "part", "chapter") else "section"]
        families += [family for family in ("section", "article") if family not in families and len(each.number) == 1]
        own = outline.entries[origin].scope if origin >= 0 else MAIN
        scopes = [MAIN, own] if each.kind == "clause" else [own, MAIN]
        if each.kind == "paragraph" and own in self.numbered:
            scopes = [own]
        if inside is not None:
            scopes = [outline.entries[inside].scope]
        path = set(outline.path(origin if inside is None else inside))
        ranked = [(scope, family) for scope in dict.fromkeys(scopes) for family in families]
        found = [index for scope, family in ranked for index in self._near(scope, family, each.number, path)]
        return found or (outline.by_item.get((origin, str(each.number[0])), []) if len(each.number) == 1 else [])

    def _near(self, scope: int, family: str, number: tuple[int, ...], path: set[int]) -> list[int]:
        """The sections of that number, those beside the words first; a few are enough."""
        places = self.outline.by_number.get((scope, family, number), [])[:64]
        return sorted(places, key=lambda index: self.outline.entries[index].parent not in path)[:4]

    def _below(self, base: int, items: tuple[str, ...]) -> int | None:
        at = base
        for depth, item in enumerate(items):
            children = self.outline.by_item.get((at, item), [])
            if children:
                at = children[0]
            elif all(self.outline.holds_item(at, rest) for rest in items[depth:]):
                return at
            else:
                return None
        return at

    def _items_around(self, origin: int, items: tuple[str, ...]) -> int | None:
        path = self.outline.path(origin)
        for index in path:
            found = self._below(index, items)
            if found is not None:
                return found
        return None


def _bare(each: Citation) -> Citation:
    return Citation(each.kind, each.label, each.number, (), "", each.start, each.end, each.list_start, each.list_end)
