"""Definitions: `"X" means …`, `(the "X")`, `X: …` in a list of definitions. Which place defines what, no more.

All patterns are bounded, so that hostile text costs no more than plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.contract.names import clean
from ingest.contract.outline import Outline

MAX_BODY = 1500  # characters of a meaning that are looked at
_OPEN, _CLOSE = r"[“\"„«]", r"[”\"“»]"
_TERM = r"[^“”\"„«»()\[\]]{1,80}?"
_QUOTED = (
    rf"[*_]{{0,2}}(?:{_OPEN}\s?(?P<term>{_TERM})\s?,?{_CLOSE}|"
    r"‘(?P<single>[^‘’\n]{1,60})’|'(?P<plain>[A-Z][^'\n]{1,60})')[*_]{0,2}"
)
_ALSO = re.compile(rf"\s{{0,3}}(?:,\s?(?:and|or)?|and|or|/)\s{{1,3}}(?:the\s)?{_QUOTED}")
_VERB = (
    r"(?:(?:shall|will|does|do)\s+)?(?:also\s+)?(?:"
    r"means?\b|include[sd]?\b|refers?\s+to\b|denotes?\b|(?:is|are)\s+defined\b"
    r"|(?:has|have|having|bears?)\s+(?:the\s+)?(?:same\s+)?(?:respective\s+)?(?:meanings?|definition)\b"
    r"|signifies\b|bedeutet\b|bezeichnet\b|désigne(?:nt)?\b|signifie\b)"
)
_BETWEEN = (
    r"(?:,?\s+(?:as\s+used|when\s+used|as\s+to|with\s+respect\s+to|in\s+relation\s+to|of|in)\s"
    r"[^“”\"„.;:]{1,120}?,?|\s*\([^()]{1,80}\)|,)?"
)
_MEANS = re.compile(
    rf"{_QUOTED}(?P<also>(?:\s{{0,3}}(?:,\s?(?:and|or)?|and|or|/)\s{{1,3}}(?:the\s)?{_OPEN}{_TERM}{_CLOSE}){{0,4}}){_BETWEEN}\s+(?P<verb>{_VERB})"
)
_POINTS = re.compile(
    r"\s*(?:(?:shall|will)\s+)?(?:has|have|is|are|bears?)\s+(?:the\s+)?(?:same\s+)?(?:respective\s+)?"
    r"(?:meanings?|defined|definition)\b(?!\s+as\b|:)[^.;“”\"]{0,120}?\b(?:in|by|under|to\s+it|to\s+them)\b"
)
_NEGATED = re.compile(r"\s+(?:does|do|shall|will)\s+not\b")
_BRACKET = re.compile(rf"\((?P<lead>[^()“”\"„«»‘]{{0,90}}){_QUOTED}")
_AFTER = re.compile(r"[^()“”\"„«»‘]{0,80}\)")
_MORE = re.compile(rf"[^()“”\"„«»‘]{{1,60}}{_QUOTED}")
_CALLED = re.compile(
    r"\b(?:(?:referred\s+to|known|called)(?:\s+\w{1,20}){0,3}\s+as|hereinafter(?:\s+called)?|are\s+each|each)"
    rf"\s{{0,3}},?\s{{1,3}}(?:an?\s+|the\s+|each\s+an?\s+)?{_QUOTED}"
    rf"(?:\s+and\s+(?:together|collectively)\s*,?\s+(?:the\s+)?{_OPEN}(?P<both>{_TERM}){_CLOSE})?"
)
_NO_LEAD = re.compile(
    r"\b(?:as\s+(?:such\s+term\s+is\s+)?defined|see|entitled|titled|captioned|marked|called|stating|reading|within\s+the\s+meaning|"
    r"as\s+described|under|other\s+than|except|excluding|not|e\.g|i\.e)\b",
    re.IGNORECASE,
)
_LOCAL = re.compile(
    r"(?i)\b(?:for\s+(?:the\s+)?purposes?\s+of|as\s+used\s+in|in|used\s+in)\s+(?:this|the\s+foregoing)\s+"
    r"(?:section|clause|definition|article|paragraph|sub-?section|sub-?clause|schedule|exhibit)"
)
_GLOSSARY = re.compile(r"(?i)\b(?:definitions?|defined\s+terms|interpretation|glossary|definitionen|définitions)\b")
_ENTRY = re.compile(
    r"^[ \t]{0,8}(?:(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|\([a-z]{1,3}\)|[-*•])[ \t]+)?"
    r"(?P<bold>\*\*|__)?(?P<term>[A-Z][^\n:.;“”\"()*_]{1,60}?)(?:\*\*|__)?"
    r"(?:(?P<colon>:(?:\*\*|__)?)[ \t]+(?=\S)|"
    r"[ \t]+(?=(?:means?|shall\s+mean|has\s+the\s+meaning|have\s+the\s+meaning)\b))",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.;](?=\s|$)")
_OWN = re.compile(r"(?i)\bthis\s*$")
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|No|Nos|Mr|Ms|Dr|Co|St|[A-Z])|\b[A-Za-z]\.[A-Za-z])$")


@dataclass(frozen=True, slots=True)
class Found:
    """One definition as it stands in the text; `names` are the term and what it calls itself beside that."""

    names: tuple[str, ...]
    kind: str
    start: int
    end: int
    body: int  # where the meaning starts
    body_end: int
    local: bool
    own: bool = False


def find_definitions(outline: Outline) -> list[Found]:
    """All definitions in order of place; one place defines once."""
    found = [*_by_verb(outline), *_in_brackets(outline), *_in_words(outline), *_in_lists(outline)]
    found.sort(key=lambda each: (each.start, -each.end))
    kept: list[Found] = []
    for each in found:
        if not kept or each.start >= kept[-1].end:
            kept.append(each)
    return kept


def _quoted(match: re.Match[str]) -> tuple[str, int, int]:
    group = next(name for name in ("term", "single", "plain") if match[name])
    return clean(match[group]), match.start(group), match.end(group)


def _is_term(name: str) -> bool:
    return bool(name) and len(name.split()) <= 10 and any(char.isalpha() for char in name) and "\n\n" not in name


def _by_verb(outline: Outline) -> Iterator[Found]:
    text = outline.text
    for match in _MEANS.finditer(text, outline.start, outline.end):
        name, start, end = _quoted(match)
        if not _is_term(name) or _NEGATED.match(text, match.end("also")):
            continue
        more = [clean(each) for each in re.findall(rf"{_OPEN}({_TERM}){_CLOSE}", match["also"])]
        body_end = _sentence_end(text, match.end(), outline.end)
        before = text[max(outline.start, start - 90) : match.end("verb")]
        points = _POINTS.match(text, match.start("verb"), body_end)
        kind = "pointer" if points else "adds" if "includ" in match["verb"] else "means"
        yield Found(
            (name, *filter(_is_term, more)), kind, start, end, match.end(), body_end, bool(_LOCAL.search(before))
        )


def _in_brackets(outline: Outline) -> Iterator[Found]:
    text = outline.text
    at = outline.start
    while match := _BRACKET.search(text, at, outline.end):
        at = match.end()
        name, start, end = _quoted(match)
        names, last = [(name, start, end)], match
        while len(names) < 6 and (again := _MORE.match(text, last.end(), outline.end)):
            names.append(_quoted(again))
            last = again
        closed = _AFTER.match(text, last.end(), outline.end)
        lead = match["lead"]
        if closed is None or _NO_LEAD.search(lead) or len(lead.split()) > 9 or not _is_term(name):
            continue
        if "\n\n" in lead or (name[0].islower() and not lead.strip()):
            continue
        at = closed.end()
        body = max(outline.start, match.start() - 300)
        own = bool(_OWN.search(lead))
        before = text[max(outline.start, match.start() - 60) : match.start()]
        local = bool(_LOCAL.search(before))
        for name, start, end in names:
            if _is_term(name):
                yield Found((name,), "short", start, end, body, match.start(), local, own)


def _in_words(outline: Outline) -> Iterator[Found]:
    """`hereinafter referred to as the "X"`, `are each a "Party" and together the "Parties"`."""
    for match in _CALLED.finditer(outline.text, outline.start, outline.end):
        name, start, end = _quoted(match)
        if _is_term(name):
            names = (name, clean(match["both"])) if match["both"] else (name,)
            yield Found(names, "short", start, end, max(outline.start, start - 300), match.start(), local=False)


def _in_lists(outline: Outline) -> Iterator[Found]:
    """`X: …` and `X means …` without quotes, in a section called Definitions that has two such lines or bold ones."""
    text = outline.text
    done = outline.start
    for index, section in enumerate(outline.sections):
        if section.start < done or not _GLOSSARY.search(section.title) or outline.entries[index].label:
            continue
        done = section.end
        entries = [
            match
            for match in _ENTRY.finditer(text, section.header_end, section.end)
            if len(match["term"].split()) <= 7 and not _GLOSSARY.search(match["term"])
        ]
        counts = Counter(match["term"] for match in entries)
        entries = [match for match in entries if counts[match["term"]] == 1 or match["bold"]]  # not a running footer
        if len(entries) < 2 and not any(match["bold"] for match in entries):
            continue
        for match in entries:
            name = clean(match["term"])
            body_end = _sentence_end(text, match.end(), section.end)
            kind = "pointer" if _POINTS.match(text, match.end(), body_end) else "list"
            yield Found((name,), kind, match.start("term"), match.end("term"), match.end(), body_end, local=False)


def _sentence_end(text: str, at: int, end: int) -> int:
    limit = min(end, at + MAX_BODY)
    for match in _SENTENCE_END.finditer(text, at, limit):
        if match.group() == ";" or not _ABBREVIATION.search(text, max(at, match.start() - 8), match.start()):
            return match.start()
    return limit
