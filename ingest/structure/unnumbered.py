"""Headers without a number: the title, capitals, recitals, signatures, and lines set larger or bold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.structure.lines import Line
from ingest.structure.titles import LONG, VERBS, is_caps, is_title_case

LARGER = 1.15  # times the body's size
TITLE_LINES = 25  # the title stands among the first lines
MAX_CHARS, MAX_WORDS = 100, 14
MAX_PLAIN, LEAST_PLAIN = 60, 3
REPEATS = 3  # a line that comes this often is a stamp, not a header
SIZE_RANK = 13  # the largest size; numbered articles (20) lie below up to six sizes
BOLD_RANK = 19

_RECITALS = re.compile(r"(?:RECITALS?|WITNESSETH|W I T N E S S E T H|BACKGROUND|PREAMBLE|WHEREAS)\b:?", re.IGNORECASE)
_WITNESS = re.compile(r"IN WITNESS (?:WHEREOF|HEREOF|THEREOF)", re.IGNORECASE)
_COMPANY = re.compile(
    r"(?:\b(?:INC|LLC|L\.L\.C|LTD|CORP|CORPORATION|CO|COMPANY|LP|L\.P|N\.A|GMBH|PLC|LIMITED|S\.A|LLP|AG|BV))\.?,?$"
)
_SENTENCES = re.compile(r"[A-Z]{3,}\. ")
_SIGNED = re.compile(r"(?:By|Name|Title|Its|Date|Signature|Attn|Attention)\b\s*:|/s/|_{3,}", re.IGNORECASE)
_STAMP = re.compile(
    r"(?:Execution|Conformed|Strictly|Confidential|Draft|Final|Privileged|Exhibit|Page|Copy)\b", re.IGNORECASE
)
_JOINING = frozenset(
    ("AND", "BY AND BETWEEN", "BETWEEN", "BY AND AMONG", "AMONG", "OF", "THE", "OR", "CONFIDENTIAL", "WITH")
)


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """A header over `lines` lines; `chars` bounds it where it is only the start of its line."""

    title: str
    kind: str
    rank: int
    lines: int = 1
    chars: int = 0


def find_unnumbered(body: Sequence[Line], backbone: int, *, numbered: bool) -> dict[int, Unnumbered]:
    """Line index → header; `backbone` is the rank of the numbered headers they stand beside."""
    repeats = Counter(line.text for line in body)
    size = _body_size(body)
    sizes = _larger_sizes(body, size)
    bold_counts = not numbered and 0 < sum(line.bold for line in body) * 2 < len(body)
    plain = frozenset() if numbered else _title_case_headers(body, repeats)
    found: dict[int, Unnumbered] = {}
    skip_to = 0
    for index, line in enumerate(body):
        if index < skip_to or line.contents or repeats[line.text] >= REPEATS:
            continue
        header = _read(body, index, backbone, sizes, bold_counts=bold_counts)
        if header is None and index in plain:
            header = Unnumbered(line.text, "heading", backbone)
        if header is not None:
            found[index] = header
            skip_to = index + header.lines
    title = _title(body, found, size)
    if title is not None:
        index, header = title
        found[index] = header
        for covered in range(index + 1, index + header.lines):
            found.pop(covered, None)
    return found


def _read(
    body: Sequence[Line], index: int, backbone: int, sizes: dict[float, int], *, bold_counts: bool
) -> Unnumbered | None:
    line = body[index]
    witness = _WITNESS.match(line.text)
    if witness and line.opens:
        return Unnumbered(witness.group(), "signatures", backbone, chars=witness.end())
    recitals = _RECITALS.match(line.text)
    if recitals and line.opens and line.text[:1].isupper():
        if recitals.end() == len(line.text):
            return Unnumbered(line.text, "recitals", sizes.get(line.size, backbone))
        if recitals.group().upper().startswith("WHEREAS"):
            return Unnumbered(recitals.group(), "recitals", backbone, chars=recitals.end())
    if line.size in sizes and _is_short(line) and not line.text.endswith((",", ";")):
        count = _alike(body, index, lambda other: other.size == line.size)
        return Unnumbered(_joined(body, index, count), "heading", sizes[line.size], count)
    if _is_caps_header(body, index):
        count = _alike(body, index, lambda other: is_caps(other.text) and other.bold == line.bold)
        return Unnumbered(_joined(body, index, count), "heading", backbone, count)
    if bold_counts and line.bold and line.opens and _is_short(line) and not line.text.endswith((".", ",", ";")):
        return Unnumbered(line.text, "heading", BOLD_RANK)
    return None


def _title_case_headers(body: Sequence[Line], repeats: Counter[str]) -> frozenset[int]:
    """Short lines in title case between blank lines, each with text below it; LEAST_PLAIN of them, or none counts."""
    found = []
    for index, line in enumerate(body[:-1]):
        after = body[index + 1]
        text = line.text
        alone = line.blank_before and line.opens and after.blank_before and index > 0
        short = line.end - line.start <= MAX_PLAIN and text[-1:].isalnum() and repeats[text] == 1 and not line.readings
        prose = after.end - after.start > LONG and any(char.islower() for char in after.text) and not after.contents
        if (
            alone
            and short
            and prose
            and is_title_case(text)
            and not (_SIGNED.match(text) or _COMPANY.search(text.upper()))
        ):
            found.append(index)
    return frozenset(found) if len(found) >= LEAST_PLAIN else frozenset()


def _is_short(line: Line) -> bool:
    letters = sum(char.isalpha() for char in line.text)
    return line.end - line.start <= MAX_CHARS and len(line.text.split()) <= MAX_WORDS and letters >= 3


def _is_caps_header(body: Sequence[Line], index: int) -> bool:
    line = body[index]
    text = line.text
    if not is_caps(text) or not _is_short(line) or not line.opens or text[0] in "[(_*":
        return False
    if text.rstrip(".:") in _JOINING or text.endswith((",", ";")) or _COMPANY.search(text) or _SIGNED.match(text):
        return False
    before = body[index - 1] if index else None
    below = before is not None and is_caps(before.text) and not line.blank_before
    clause = len(text) > LONG and VERBS.intersection(text.lower().split())
    if clause or _SENTENCES.search(text) or (below and before is not None and before.end - before.start > LONG):
        return False  # inside a paragraph in capitals
    after = body[index + 1] if index + 1 < len(body) else None
    if after is None:
        return True
    if _SIGNED.match(after.text):
        return False
    wrapped = is_caps(after.text) and not after.blank_before and not after.readings
    if wrapped and line.end - line.start > LONG and _alike(body, index, _is_caps_line) == 1:
        return False  # the first line of such a paragraph
    return not after.text[0].islower()


def _is_caps_line(line: Line) -> bool:
    return is_caps(line.text)


def _alike(body: Sequence[Line], index: int, same: Callable[[Line], bool]) -> int:
    """How many lines from `index` on make one header: the next one only, and only right below it."""
    after = body[index + 1] if index + 1 < len(body) else None
    if after is None or after.blank_before or after.readings or after.contents or after.page != body[index].page:
        return 1
    joined = body[index].end - body[index].start + after.end - after.start
    short = (
        _is_short(after)
        and not VERBS.intersection(after.text.lower().split())
        and after.end - after.start <= 1.5 * LONG
        and joined <= 1.2 * MAX_CHARS
    )
    fits = same(after) and short and "." not in after.text[:-1] and not _RECITALS.fullmatch(after.text)
    return 2 if fits and not body[index].text.endswith((".", ":")) else 1


def _joined(body: Sequence[Line], index: int, count: int) -> str:
    return " ".join(line.text for line in body[index : index + count])


def _body_size(body: Sequence[Line]) -> float:
    chars: Counter[float] = Counter()
    for line in body:
        chars[line.size] += line.end - line.start
    return chars.most_common(1)[0][0] if chars else 0.0


def _larger_sizes(body: Sequence[Line], size: float) -> dict[float, int]:
    """Ranks of the font sizes that mark headers, the largest first."""
    if size <= 0:
        return {}
    larger = [line for line in body if line.size >= size * LARGER and _is_short(line)]
    chars = [sum(line.end - line.start for line in some) for some in (larger, body)]
    if chars[0] * 3 > chars[1]:  # then it is simply a text in two sizes
        return {}
    beside = {line.size for line in larger if line.readings}  # sizes of numbered headers rank themselves
    ordered = sorted({line.size for line in larger} - beside, reverse=True)
    ranks = {each: min(SIZE_RANK + place, BOLD_RANK - 1) for place, each in enumerate(ordered)}
    numbered = {line.size: min(label.rank for label in line.readings) for line in larger if line.readings}
    return ranks | numbered


def _title(body: Sequence[Line], found: dict[int, Unnumbered], size: float) -> tuple[int, Unnumbered] | None:
    """The document's own title: the largest type, or the first capitals, above the first numbered header."""
    head: list[int] = []
    for index, line in enumerate(body[:TITLE_LINES]):
        if any(label.family != "attachment" for label in line.readings):
            break
        head.append(index)
    candidates = [index for index in head if index in found and found[index].kind == "heading"]
    first = _first_line(body, head)
    if candidates and not (first and candidates[0] > 0 and body[0].size >= max(body[i].size for i in candidates)):
        largest = max(body[index].size for index in candidates)
        best = next(index for index in candidates if body[index].size == largest)
        header = found[best]
        return best, Unnumbered(header.title, "title", 0, header.lines)
    return first


def _first_line(body: Sequence[Line], head: list[int]) -> tuple[int, Unnumbered] | None:
    """A first line in title case, alone, that is no stamp."""
    for index in head[:1]:
        line, after = body[index], body[index + 1] if index + 1 < len(body) else None
        alone = after is not None and (after.blank_before or after.page != line.page)
        titled = _is_short(line) and is_title_case(line.text) and not line.text.endswith((".", ":", ","))
        if alone and titled and not _STAMP.match(line.text):
            return index, Unnumbered(line.text, "title", 0)
    return None
