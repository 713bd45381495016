"""Labels: what a line can begin with when it opens a numbered section. The patterns are data, in one table.

A label is only a claim: whether "10.2 of this Agreement" opens section 10.2 is decided by sequence.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Number = tuple[int, ...]

WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_WORD = "|".join((*WORDS, *(word.title() for word in WORDS), *(word.upper() for word in WORDS)))
_COUNT = rf"(?P<n>\d{{1,3}}|[IVXLC]{{1,7}}|{_WORD})"
_DOTTED = r"(?P<n>\d{1,4}(?:\.\d{1,3}){0,5})"
_AFTER = r"(?=[.:]?(?:\s|$)|\s*[—–-])[.:]?"
KINDS = {  # a word of a label → the kind of its section
    "clause": "clause", "schedule": "schedule", "annex": "annex", "annexe": "annex", "anlage": "annex",
    "appendix": "appendix", "attachment": "attachment", "addendum": "addendum",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of labels; a smaller rank lies further out when both occur in one document."""

    family: str
    rank: int
    kind: str
    regex: re.Pattern[str]


def _pattern(family: str, rank: int, kind: str, regex: str) -> Pattern:
    return Pattern(family, rank, kind, re.compile(regex))


PATTERNS: tuple[Pattern, ...] = (
    _pattern(
        "attachment",
        5,
        "exhibit",
        r"(?P<word>EXHIBIT|Exhibit|SCHEDULE|Schedule|ANNEXE?|Annexe?|ANLAGE|Anlage|APPENDIX|Appendix|ATTACHMENT|Attachment|"
        r"ADDENDUM|Addendum)\s+(?:No\.\s*)?(?P<n>[A-Z]{1,2}(?:-?\d{1,2})?|\d{1,3}(?:\.\d{1,3})*(?:-?[A-Z])?|[IVX]{1,5})"
        r"(?=[.:]?(?:\s|$)|\s*[—–-])[.:]?",
    ),
    _pattern("attachment", 5, "exhibit", r"(?P<word>EXHIBIT|SCHEDULE|ANNEX|APPENDIX|ATTACHMENT|ADDENDUM)(?=:|$):?"),
    _pattern("part", 10, "part", rf"(?:PART|Part)\s+(?:{_COUNT}|(?P<l>[A-Z])){_AFTER}"),
    _pattern("title", 11, "title", rf"(?:TITLE|Title)\s+{_COUNT}{_AFTER}"),
    _pattern("chapter", 12, "chapter", rf"(?:CHAPTER|Chapter)\s+{_COUNT}{_AFTER}"),
    _pattern("article", 20, "article", rf"(?:ARTICLE|Article)\s+(?:{_COUNT}|(?P<one>premier|PREMIER|1er|Ier)){_AFTER}"),
    _pattern(
        "section",
        30,
        "section",
        rf"(?P<word>SECTION|Section|SEC\.|Sec\.|CLAUSE|Clause|§§?)\s*{_DOTTED}[A-Z]?{_AFTER}",
    ),
    _pattern("section", 30, "section", rf"(?P<word>SECTION|Section|CLAUSE|Clause)\s+{_COUNT}{_AFTER}"),
    _pattern("decimal", 40, "section", r"(?P<n>\d{1,3}(?:\.\d{1,3}){1,5})(?:\.|\))?(?=\s|$|[“\"])"),
    _pattern("decimal", 40, "section", r"(?P<n>\d{1,3})\.(?=\s|$|[“\"A-Z])"),
    _pattern("decimal", 40, "section", r"(?P<n>\d{1,3})\.(?P<l>[a-z])[.)]?(?=\s)"),
    _pattern("decimal", 40, "section", r"(?P<n>\d{1,2})$"),  # alone on its line: the title stands below
    _pattern("ordinal", 40, "section", r"(?P<n>\d{1,2})(?:st|nd|rd|th)[.:)](?=\s)"),
    _pattern("bare", 40, "section", r"(?P<n>\d{1,2})(?=\s+[A-Z])"),
    _pattern("roman", 35, "section", r"(?P<R>[IVXLC]{1,7})[.)](?=\s)"),
    _pattern("letter", 38, "section", r"(?P<L>[A-Z])[.)](?=\s)"),
    _pattern("(A)", 50, "item", r"\((?P<L>[A-Z]|([A-Z])\2)\)(?=\s|$|[“\"A-Z])"),
    _pattern("(I)", 50, "item", r"\((?P<R>[IVX]{1,6})\)(?=\s|$|[“\"A-Z])"),
    _pattern("(a)", 50, "item", r"\((?P<l>[a-z]|([a-z])\2)\)(?=\s|$|[“\"A-Z])"),
    _pattern("(i)", 50, "item", r"\((?P<r>[ivxl]{1,7})\)(?=\s|$|[“\"A-Z])"),
    _pattern("(1)", 50, "item", r"\((?P<n>\d{1,2})\)(?=\s|$|[“\"A-Z])"),
    _pattern("a.", 50, "item", r"(?P<l>[a-z])\.(?=\s)"),
    _pattern("i.", 50, "item", r"(?P<r>[ivx]{1,5})\.(?=\s)"),
    _pattern("a)", 50, "item", r"(?P<l>[a-z])\)(?=\s)"),
    _pattern("i)", 50, "item", r"(?P<r>[ivx]{1,5})\)(?=\s)"),
    _pattern("1)", 50, "item", r"(?P<n>\d{1,2})\)(?=\s)"),
)


@dataclass(frozen=True, slots=True)
class Label:
    """One reading of the start of a line; `end` is where the rest of the line begins."""

    family: str
    number: Number
    rank: int
    kind: str
    end: int

    @property
    def key(self) -> tuple[str, int]:
        """Labels of one key stand at one depth of a document."""
        return self.family, len(self.number)


def labels(text: str) -> list[Label]:
    """All readings of the start of `text`, the likeliest families first; empty for ordinary lines."""
    if not text or not (text[0] in "(§" or text[0].isalnum()):
        return []
    found: list[Label] = []
    for pattern in PATTERNS:
        match = pattern.regex.match(text)
        if match is None:
            continue
        number = _number(pattern.family, match)
        if number is None:
            continue
        end = match.end()
        while end < len(text) and text[end] in " \t—–-:":
            end += 1
        family, rank = pattern.family, pattern.rank
        if family == "section" and len(number) > 1:
            family = "decimal"  # "Section 1.1" and "1.1" continue each other
        if family == "decimal":
            rank = 39 + len(number)
        found.append(Label(family, number, rank, _kind(pattern, match), end))
    return found


def _kind(pattern: Pattern, match: re.Match[str]) -> str:
    """What the label itself says it is, where it says more than its family."""
    word = (match.groupdict().get("word") or "").lower()
    return KINDS.get(word, pattern.kind)


def _number(family: str, match: re.Match[str]) -> Number | None:
    groups = match.groupdict()
    if family == "attachment":
        return (0,)  # exhibits come in any order
    roman = groups.get("R") or groups.get("r")
    if roman:
        value = roman_value(roman.upper())
        return None if value is None else (value,)
    if groups.get("one"):
        return (1,)
    letter = groups.get("L") or groups.get("l")
    if letter and groups.get("n"):
        return int(groups["n"]), ord(letter) - 96  # "2.a" is the first below 2
    if letter:
        return (26 * (len(letter) - 1) + ord(letter[0].upper()) - 64,)
    text = groups["n"]
    if text[0].isdigit():
        return tuple(int(piece) for piece in text.split("."))
    if text.lower() in WORDS:
        return (WORDS.index(text.lower()) + 1,)
    value = roman_value(text)
    return None if value is None else (value,)


def roman_value(text: str) -> int | None:
    """The value of a well-formed upper-case roman number below 400, else None."""
    match = re.fullmatch(r"(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})", text)
    if not text or match is None:
        return None
    values = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
    total = 0
    for char, after in zip(text, text[1:] + " ", strict=True):
        value = values[char]
        total += -value if values.get(after, 0) > value else value
    return total
