"""Checks of the numbering: one number twice, or a number missing between two others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.contract.findings import finding
from ingest.contract.outline import Outline
from ingest.contract.values import Finding
from ingest.structure.numbering import roman_value

AT_START = 10  # characters before a number that still stands at the start of its line ("Section ")
MAX_MISSING = 20  # more missing numbers are another count, not a gap
_ROMAN = ((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_RANGE = re.compile(
    r"(?:[–—-]|through|to|bis|and|&|,)\s{0,2}(?:(?:Section|Article|Clause|§)\s{0,2})?(?:\d{1,3}\.){0,5}(\d{1,3})\b"
)


def check_numbers(outline: Outline) -> Iterator[Finding]:
    """Duplicates and gaps among the children of each section, in order."""
    groups: dict[tuple[int, str, tuple[int, ...]], list[int]] = {}
    for index, entry in enumerate(outline.entries):
        if entry.number:
            # "4.1" and "4.3" count together even where the header "4" is missing
            owner = entry.parent if len(entry.number) == 1 else entry.scope
            groups.setdefault((owner, entry.family, entry.number[:-1]), []).append(index)
        elif entry.item and outline.sections[index].kind == "item":
            shape = outline.sections[index].title[:1] == "("
            case = "1" if entry.item.isdigit() else "A" if entry.item.isupper() else "a"
            groups.setdefault((entry.parent, f"item {shape}{case}", ()), []).append(index)
    for (_, family, _), indices in groups.items():
        numbers = [outline.entries[index].number for index in indices]
        values = _values(outline, indices) if family.startswith("item") else [number[-1] for number in numbers]
        yield from _run(outline, indices, values)


def _values(outline: Outline, indices: Sequence[int]) -> list[int]:
    """Items as numbers: letters or roman, whichever counts on more often."""
    items = [outline.entries[index].item for index in indices]
    if items[0].isdigit():
        return [int(item) for item in items]
    letters = [26 * (len(item) - 1) + ord(item[0].lower()) - 96 for item in items]
    romans = [roman_value(item.upper()) or 0 for item in items]
    if all(romans) and sum(b - a == 1 for a, b in pairwise(romans)) > sum(b - a == 1 for a, b in pairwise(letters)):
        return romans
    return letters


def _run(outline: Outline, indices: Sequence[int], values: Sequence[int]) -> Iterator[Finding]:
    seen: dict[int, int] = {}
    for place, (index, value) in enumerate(zip(indices, values, strict=True)):
        section = outline.sections[index]
        name = _name(outline, index)
        if value in seen and place and value >= values[place - 1]:
            message = f"{name} comes twice; the first one is “{outline.sections[seen[value]].title}”."
            yield finding(outline, "duplicate-number", "error", message, section.start, section.header_end)
        seen.setdefault(value, index)
        if not place or not 1 < value - values[place - 1] <= MAX_MISSING + 1:
            continue
        before = indices[place - 1]
        missing = range(_last(outline, before, values[place - 1]) + 1, value)
        gone = [number for number in missing if not _stands(outline, before, index, number)]
        if gone:
            first, last = _label(outline, index, gone[0]), _label(outline, index, gone[-1])
            what = f"{first} is" if len(gone) == 1 else f"{first} to {last} are"
            message = f"{what} missing between {_name(outline, before)} and {name}."
            yield finding(outline, "number-gap", "warning", message, section.start, section.header_end)


def _name(outline: Outline, index: int) -> str:
    entry = outline.entries[index]
    if entry.item:
        return f"({entry.item})"
    word = entry.family.title() if entry.family in ("article", "part", "chapter", "title") else "Number"
    return f"{word} {'.'.join(map(str, entry.number))}"


def _label(outline: Outline, index: int, value: int) -> str:
    entry = outline.entries[index]
    if not entry.item:
        return ".".join(map(str, (*entry.number[:-1], value)))
    if entry.item.isdigit():
        return f"({value})"
    if not roman_value(entry.item.upper()) or ord(entry.item[0].lower()) - 96 == value + 1:
        return f"({chr(96 + value)})" if value <= 26 else f"item {value}"
    return f"item {value}"


def _last(outline: Outline, index: int, value: int) -> int:
    """ "4.3 – 4.6 [Reserved]" stands for four numbers."""
    found = _RANGE.search(outline.sections[index].title, 0, 30)
    return max(value, int(found[1])) if found and found[1] and int(found[1]) <= value + MAX_MISSING else value


def _stands(outline: Outline, before: int, after: int, number: int) -> bool:
    """The missing number does stand between the two: then our reading missed a header, and the paper has no gap."""
    entry = outline.entries[after]
    start, end = outline.sections[before].start, outline.sections[after].start
    if entry.item:
        labels = {chr(96 + number) if number <= 26 else "", _roman(number), str(number)} - {""}
        options = "|".join(sorted(labels))
        pattern = rf"(?i)(?<![\w)])\(?(?:{options})[.)]"
    else:
        label = re.escape(_label(outline, after, number))
        pattern = rf"(?<![\d.])(?:{label}(?!\d)|(?m:^)\D{{0,20}}{_roman(number).upper()}\b)"
    for match in re.compile(pattern).finditer(outline.text, start + 1, end):
        begins = outline.text.rfind("\n", start, match.start()) + 1
        if entry.item or len(outline.text[begins : match.start()].strip(' \t#*_[(“"')) <= AT_START:
            return True  # not only in the middle of a line, as references are
    return False


def _roman(number: int) -> str:
    out = ""
    for value, letters in _ROMAN:
        while number >= value:
            out, number = out + letters, number - value
    return out
