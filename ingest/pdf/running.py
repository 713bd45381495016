"""Running headers, footers and page numbers: lines that come again at the edges of pages, at the same height.

A line goes only on strong evidence: it repeats (also on every second page, also with a number that counts the
pages) and it stands in the margin, apart from the text, or smaller. In doubt it stays in the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ingest.document import Artifact
from ingest.pdf.line import Line, PageLines, leading
from ingest.structure.numbering import labels, roman_value

ZONE = 0.2  # of the page's height: nothing further inside is looked at, but for page numbers
MARGIN = 0.085  # of the page's height: text hardly ever stands further outside
NEAR = 5.0  # points: the same height
APART = 1.3  # times the usual distance of lines
SMALLER = 0.93
DEPTH = 4  # lines from an edge
ROUNDS = 4  # each looks behind what the one before took away
_NUMBER = re.compile(
    r"(?i)[-–—\s|]*(?:page|p\.|pg\.?)?\s*(?P<n>\d{1,5}|[ivxlc]{1,7}|[A-Z]{1,2}-\d{1,3})"
    r"(?P<of>\s*(?:of|/)\s*\d{1,5})?[-–—\s|]*(?:\|?\s*page)?"
)
_WORDED = re.compile(r"(?i)\bpage\b|\bof\b|/|^[-–—].*[-–—]$")
_FILL_IN = re.compile(r"_{3,}|\.{5,}|:$")
_DIGITS = re.compile(r"\d+")
_COUNTS_ITSELF = frozenset(("bare",))  # "12 ACME Ltd" may be a running header; "12. Terms" is a section


@dataclass(slots=True)
class _Candidate:
    page: int  # from 0
    line: Line
    zone: str  # "header" or "footer"
    depth: float  # from its edge of the page, in points
    margin: bool
    apart: bool
    outermost: bool


def take_running(pages: Sequence[PageLines], path: str) -> list[Artifact]:
    """Takes running lines out of `pages` and returns them, grouped by text."""
    taken: dict[tuple[str, str], list[int]] = defaultdict(list)
    for _ in range(ROUNDS):
        found = _round(pages)
        if not found:
            break
        gone = {id(item.line) for item, _ in found}
        for item, kind in found:
            taken[kind, item.line.text].append(pages[item.page].number)
        for page in pages:
            page.lines = [line for line in page.lines if id(line) not in gone]
    return [Artifact(path, kind, text, tuple(sorted(set(numbers)))) for (kind, text), numbers in taken.items()]


def _round(pages: Sequence[PageLines]) -> list[tuple[_Candidate, str]]:
    candidates = [item for place, page in enumerate(pages) for item in _candidates(page, place)]
    count = sum(bool(page.lines) for page in pages)
    found: dict[int, tuple[_Candidate, str]] = {}
    for item in _page_numbers(candidates, pages, count):
        found[id(item.line)] = item, "page number"
    for zone in ("header", "footer"):
        for item in _repeated([each for each in candidates if each.zone == zone], count):
            found.setdefault(id(item.line), (item, zone))
    for item in _asides(pages):
        found.setdefault(id(item.line), (item, "header"))
    return list(found.values())


def _candidates(page: PageLines, place: int) -> list[_Candidate]:
    if page.height <= 0:
        return []
    flat = sorted((line for line in page.lines if line.kind != "aside"), key=lambda line: line.base)
    usual, body = leading(page.lines), max((line.size for line in flat), default=0.0)
    sizes = sorted(line.size for line in flat)
    body = sizes[len(sizes) // 2] if sizes else 0.0
    found: list[_Candidate] = []
    for zone, some in (("header", flat[:DEPTH]), ("footer", flat[::-1][:DEPTH])):
        behind = flat if zone == "header" else flat[::-1]
        for at, line in enumerate(some):
            depth = line.base if zone == "header" else page.height - line.base
            inward = next((abs(o.base - line.base) for o in behind[at + 1 :] if abs(o.base - line.base) > 2), None)
            apart = inward is None or inward > APART * usual or 0 < line.size <= SMALLER * body
            outermost = not any(abs(other.base - line.base) > 2 for other in some[:at])
            found.append(_Candidate(place, line, zone, depth, depth < MARGIN * page.height, apart, outermost))
    return [item for item in found if item.depth < ZONE * page.height or _NUMBER.fullmatch(item.line.text)]


def _page_numbers(candidates: Sequence[_Candidate], pages: Sequence[PageLines], count: int) -> Iterable[_Candidate]:
    """Lines that are a number and nothing else, and count the pages."""
    groups: dict[tuple[str, str, int], list[_Candidate]] = defaultdict(list)
    for item in candidates:
        match = _NUMBER.fullmatch(item.line.text)
        value = _value(match["n"]) if match else None
        if match is None or value is None or not (item.outermost or item.margin):
            continue
        form = item.line.text[: match.start("n")] + "#" + _DIGITS.sub("#", item.line.text[match.end("n") :])
        kind = "roman" if not match["n"][-1].isdigit() else match["n"].partition("-")[0] if "-" in match["n"] else "1"
        groups[item.zone, f"{form} {kind}", value - item.page].append(item)
    for (_, form, offset), items in groups.items():
        on = {item.page for item in items}
        level = _same_depth(items)
        margin = all(item.margin or item.apart for item in items)
        sure = len(on) >= 3 and (level or len(on) >= max(4, 0.6 * count))
        worded = bool(_WORDED.search(items[0].line.text)) and margin
        first = offset == 1 or all(pages[item.page].label in item.line.text.split() for item in items)
        pair = len(on) == 2 and level and margin and (count <= 4 or worded or (first and "roman" not in form))
        if sure or pair or (worded and first):
            yield from items


def _value(text: str) -> int | None:
    digits = text.rpartition("-")[2]
    return int(digits) if digits.isdigit() else roman_value(text.upper())


def _repeated(candidates: Sequence[_Candidate], count: int) -> Iterable[_Candidate]:
    """Lines with the same words, at the same height, on enough pages."""
    groups: dict[str, list[_Candidate]] = defaultdict(list)
    for item in candidates:
        groups[_DIGITS.sub("#", item.line.text)].append(item)
    for items in groups.values():
        items.sort(key=lambda item: item.depth)
        level: list[_Candidate] = []
        for item in items:
            if level and item.depth - level[-1].depth > NEAR:
                yield from _judged(level, count)
                level = []
            level.append(item)
        yield from _judged(level, count)


def _judged(items: list[_Candidate], count: int) -> list[_Candidate]:
    texts: dict[str, list[_Candidate]] = defaultdict(list)
    for item in items:
        texts[item.line.text].append(item)
    if len(texts) > 1 and _counting(items):
        return items if _enough({item.page for item in items}, count, items, counting=True) else []
    kept: list[_Candidate] = []
    for some in texts.values():
        if _enough({item.page for item in some}, count, some, counting=False):
            some.sort(key=lambda item: item.page)
            named = any(label.family != "bare" for label in labels(some[0].line.text))
            kept += some[1:] if named else some  # the first "Schedule 1" may be the header of that schedule
    return kept


def _counting(items: Sequence[_Candidate]) -> bool:
    """One of the numbers in the lines counts the pages."""
    if any(label.family not in _COUNTS_ITSELF for item in items for label in labels(item.line.text)):
        return False  # "Article 3" above one page and "Article 4" above the next
    rows = [[int(number) - item.page for number in _DIGITS.findall(item.line.text)[:6]] for item in items]
    return any(len(set(column)) == 1 for column in zip(*rows, strict=False))


def _enough(on: set[int], count: int, items: Sequence[_Candidate], *, counting: bool) -> bool:
    """Whether these pages make the line a running one, given where it stands."""
    margin = sum(item.margin for item in items) * 2 > len(items)
    apart = sum(item.apart for item in items) * 2 > len(items)
    outside = margin or all(item.outermost for item in items)
    if not outside or not (margin or apart) or (_FILL_IN.search(items[0].line.text) and not (margin and apart)):
        return False
    if len(on) >= 3:
        return len(on) * 2 >= count or _run(on, 1) >= 3 or _run(on, 2) >= 3
    if len(on) < 2 or not (margin or (counting and all(item.outermost for item in items))):
        return False
    every_second = count in (4, 5) and _run(on, 2) == 2
    return (apart or counting) and (count == 2 or (count == 3 and _run(on, 1) == 2) or every_second)


def _run(on: set[int], step: int) -> int:
    """How many pages at most follow each other in this step."""
    best = 0
    for page in on:
        if page - step not in on:
            length = 1
            while page + length * step in on:
                length += 1
            best = max(best, length)
    return best


def _same_depth(items: Sequence[_Candidate]) -> bool:
    depths = [item.depth for item in items]
    return max(depths) - min(depths) <= NEAR


def _asides(pages: Sequence[PageLines]) -> Iterable[_Candidate]:
    """Stamps along the margin or across the page."""
    groups: dict[str, list[_Candidate]] = defaultdict(list)
    for place, page in enumerate(pages):
        for line in page.lines:
            if line.kind == "aside":
                groups[_DIGITS.sub("#", line.text)].append(_Candidate(place, line, "header", 0, True, True, True))
    for items in groups.values():
        if len({item.page for item in items}) >= max(3, (len(pages) + 1) // 2):
            yield from items
