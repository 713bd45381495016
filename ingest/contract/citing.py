"""Words that point somewhere: "Section 4.2(b)", "Clauses 3.1 and 3.2", "Exhibit A-1", "this Article", as written.

Where they point is resolve.py's business. Every pattern is bounded and matched from a fixed place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.structure.numbering import WORDS, Number, roman_value

KINDS = {
    "section": "section", "sec.": "section", "§": "section", "subsection": "section", "sub-section": "section",
    "clause": "clause", "subclause": "clause", "sub-clause": "clause", "paragraph": "paragraph", "para.": "paragraph",
    "subparagraph": "paragraph", "sub-paragraph": "paragraph", "article": "article", "art.": "article",
    "part": "part", "chapter": "chapter", "recital": "recital", "schedule": "schedule", "exhibit": "exhibit",
    "annex": "annex", "annexe": "annex", "appendix": "appendix", "appendice": "appendix", "attachment": "attachment",
    "addendum": "addendum", "anlage": "annex",
}  # fmt: skip
ATTACHED = frozenset(("schedule", "exhibit", "annex", "appendix", "attachment", "addendum"))
_SMALL = r"(?:[Ss]ub-?)?(?:[Ss]ections?|[Cc]lauses?|[Pp]aragraphs?)|[Aa]rticles?|[Rr]ecitals?"
_CAPITAL = (
    r"Parts?|PARTS?|Chapters?|CHAPTERS?|Schedules?|SCHEDULES?|Exhibits?|EXHIBITS?|Annex(?:e?s)?|ANNEX(?:ES)?|Anlagen?|"
    r"Appendix|APPENDIX|Appendices|Attachments?|ATTACHMENTS?|Addendum|SECTIONS?|CLAUSES?|PARAGRAPHS?|ARTICLES?|RECITALS?"
)
_WORD = re.compile(
    rf"(?<![\w-])(?:(?P<word>{_SMALL}|{_CAPITAL})\s{{1,3}}|(?P<sign>[Ss]ecs?\.|[Aa]rts?\.|[Pp]aras?\.|§§?)\s{{0,3}})"
)
_THIS = re.compile(
    r"(?<!\w)[Tt]his\s{1,3}(?P<word>Sub-?[Ss]ection|Section|Sub-?[Cc]lause|Clause|clause|section|Paragraph|paragraph|"
    r"Article|Schedule|Exhibit|Annex|Appendix|Part)(?!\s{0,3}[\d(])(?!\w)"
)
_ITEMS = r"(?P<items>(?:\s?\((?:[a-z]{1,5}|[A-Z]{1,4}|\d{1,3})\)){%s,6})"
_COUNTS = "|".join(word.title() for word in WORDS)
_CLAUSE = re.compile(
    rf"(?P<n>\d{{1,5}}(?:\.\d{{1,3}}){{0,5}}(?:\.[a-z](?![\w.]))?(?P<more>[A-Za-z]?(?:-\d{{1,4}})?)|"
    rf"[IVXLC]{{1,7}}|{_COUNTS})(?!\w){_ITEMS % 0}"
)
_ITEM = re.compile(_ITEMS % 1)
_LABEL = re.compile(
    r"[“\"]?(?P<n>[A-Z]{1,2}(?:[-.]?\d{1,2})?|\d{1,3}(?:\.\d{1,3}){0,4}(?:-?[A-Z])?|[IVX]{1,6}(?:-[A-Z\d])?)(?!\w)[”\"]?"
    + _ITEMS % 0
)
_JOIN = re.compile(
    r"(?:,?\s{1,3}(?P<word>and/or|and|or|through|to|und|bis|et|&)\s{1,3}|(?P<sign>,)\s{1,3}|\s{0,2}(?P<dash>[–—-])\s{0,2})"
)
_UNIT = re.compile(
    r"\s{0,3}(?:%|per\s?cent|(?:business\s|calendar\s|working\s)?(?:days?|months?|years?|weeks?|hours?)\b)",
    re.IGNORECASE,
)
MAX_LIST = 200  # numbers in one list of references


@dataclass(frozen=True, slots=True)
class Citation:
    """`number` and `items` as values; `list_end` is where its list ends; `follows` if it is not the first."""

    kind: str
    label: str
    number: Number
    items: tuple[str, ...]
    suffix: str
    start: int
    end: int
    list_start: int
    list_end: int
    this: bool = False
    follows: bool = False


def find_citations(text: str, start: int, end: int) -> Iterator[list[Citation]]:
    """Lists of citations, one list for each run such as "Sections 3.1, 3.2 and 4", in order."""
    skip = start
    for match in _WORD.finditer(text, start, end):
        if match.start() < skip:
            continue
        word = (match["word"] or match["sign"]).lower()
        kind = _kind(word)
        many = word.endswith(("s", "s.", "§§")) or word == "appendices"
        found = list(_list(text, match, kind, end, many=many))
        if found:
            skip = found[-1].end
            yield [replace(each, list_end=skip) for each in found]


def find_this(text: str, start: int, end: int) -> Iterator[Citation]:
    """ "this Section", "this Article": the section they stand in."""
    for match in _THIS.finditer(text, start, end):
        kind = _kind(match["word"].lower())
        yield Citation(kind, "", (), (), "", match.start(), match.end(), match.start(), match.end(), this=True)


def _kind(word: str) -> str:
    for form in (word, word.rstrip("s"), word[:-2], word.replace("s.", "."), "§" if word[0] == "§" else ""):
        if form in KINDS:
            return KINDS[form]
    return "appendix" if word == "appendices" else "section"


def _list(text: str, word: re.Match[str], kind: str, end: int, *, many: bool) -> Iterator[Citation]:
    at, start = word.end(), word.start()
    before: Citation | None = None
    for _ in range(MAX_LIST):
        each = _one(text, at, end, kind, before)
        if each is None or (before is not None and not _belongs(text, each, before, many=many)):
            return
        yield (before := replace(each, start=start, list_start=word.start(), follows=before is not None))
        join = _JOIN.match(text, before.end, end)
        if join is None or (join["dash"] and not many):
            return
        at = start = join.end()


def _one(text: str, at: int, end: int, kind: str, before: Citation | None) -> Citation | None:
    match = (_LABEL if kind in ATTACHED or kind in ("part", "recital") else _CLAUSE).match(text, at, end)
    if match is not None:
        number = _number(match["n"]) if kind not in ATTACHED else ()
        suffix = match["more"] if kind not in ATTACHED and kind not in ("part", "recital") else ""
        # A roman "I" or "C" may be a word of the sentence.
        if number is None or (match["n"] in ("I", "C", "L") and kind in ("section", "clause", "paragraph")):
            return None
        return Citation(kind, match.group().strip('“”"'), number, _items(match), suffix or "", at, match.end(), at, 0)
    item = _ITEM.match(text, at, end) if kind not in ATTACHED else None
    if item is None:
        return None
    items = _items(item)
    if before is not None and before.number:  # "4.2(a) and (b)": the second stands beside the first
        if not before.items:
            return None
        keep = before.items[: max(0, len(before.items) - len(items))]
        label = before.label.split("(")[0] + "".join(f"({each})" for each in (*keep, *items))
        return Citation(kind, label, before.number, (*keep, *items), "", at, item.end(), at, 0)
    return Citation(kind, item.group().strip(), (), items, "", at, item.end(), at, 0)


def _belongs(text: str, each: Citation, before: Citation, *, many: bool) -> bool:
    """Whether what follows "and" is one more number of the list, not the next words of the sentence."""
    if _UNIT.match(text, each.end):
        return False
    if each.kind in ATTACHED:
        return many
    if each.number and before.number:
        return many or (len(each.number) == len(before.number) > 1)
    return bool(each.items) and bool(before.items)


def _items(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(re.findall(r"\((\w+)\)", match["items"] or ""))


def _number(text: str) -> Number | None:
    if text[0].isdigit():
        pieces = re.findall(r"\d+|(?<=\.)[a-z]$", text.split("-")[0])
        return tuple(int(piece) if piece.isdigit() else ord(piece) - 96 for piece in pieces)
    if text.lower() in WORDS:
        return (WORDS.index(text.lower()) + 1,)
    value = roman_value(text)
    if value is not None:
        return (value,)
    return (ord(text) - 64,) if len(text) == 1 else None
