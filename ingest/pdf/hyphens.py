"""Words broken at the end of a line are put together again, on the first of the two lines.

Whether the hyphen stays is decided by how the document spells the word elsewhere; without evidence it stays
after some prefixes, in numbers (five-year) and between two words that the document has on their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ingest.pdf.line import Line, PageLines

LEAST_STEM = 5  # letters of a word that another one may begin with to be evidence for it
_WORD = re.compile(r"\w+(?:[-’']\w+)*")
_BROKEN = re.compile(r"(?P<before>(?:\w+[-’'])*)(?P<head>\w+)-$")
_REST = re.compile(r"(?P<tail>\w+(?:[-’']\w+)*)(?P<mark>[^\s\w]*)(?:\s+|$)")
PREFIXES = frozenset(("non", "self", "quasi", "cross", "well", "vice", "half"))
NUMBERS = frozenset((
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "fifteen",
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "first", "second",
    "third", "fourth", "fifth", "multi", "mid", "long", "short",
))  # fmt: skip
COUNTED = frozenset((
    "year", "month", "week", "day", "hour", "minute", "quarter", "party", "person", "page", "fold", "term", "time",
    "way", "sided", "stage", "step", "tier", "lane", "bed", "bedroom", "storey", "story", "degree", "part", "half",
    "third", "thirds", "quarters", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "rate",
))  # fmt: skip


def join_broken_words(pages: Sequence[PageLines]) -> None:
    """Changes the lines of `pages`; over a page break the word ends up on the first page."""
    words = _vocabulary(pages)
    before: Line | None = None
    for page in pages:
        for line in page.lines:
            if line.kind != "text":
                continue
            if before is not None:
                _join(before, line, words)
            before = line if line.text else before
        _join_notes(page.lines, words)
        page.lines = [line for line in page.lines if line.text]


def _join_notes(lines: Iterable[Line], words: Counter[str]) -> None:
    before: Line | None = None
    for line in lines:
        if before is not None and line.kind == before.kind == "note":
            _join(before, line, words)
        before = line


def _vocabulary(pages: Sequence[PageLines]) -> Counter[str]:
    """How often each word stands whole in the document."""
    words: Counter[str] = Counter()
    broken = False
    for page in pages:
        for line in page.lines:
            text = line.text.casefold()
            found = _WORD.findall(text)[1 if broken else 0 :]
            broken = bool(_BROKEN.search(text))
            words.update(found[:-1] if broken else found)
            words.update(part for word in found for part in word.split("-")[:-1] if "-" in word)
    return words


def _join(line: Line, after: Line, words: Counter[str]) -> None:
    broken = _BROKEN.search(line.text)
    rest = _REST.match(after.text)
    if broken is None or rest is None or broken["head"][-1] == "_":
        return
    hyphen = "-" if _keeps_hyphen(broken["before"] + broken["head"], rest["tail"], words) else ""
    line.text = line.text[:-1] + hyphen + rest["tail"] + rest["mark"]
    after.text = after.text[rest.end() :]


def _keeps_hyphen(head: str, tail: str, words: Counter[str]) -> bool:
    if not (head[-1].islower() and tail[0].islower()) and not (head.isupper() and tail.isupper() and head.isalpha()):
        return True  # numbers, names, "A-" and "B"
    head, tail = head.casefold(), tail.casefold()
    joined, apart = words[head + tail], words[f"{head}-{tail}"]
    if joined != apart:
        return apart > joined
    if head in PREFIXES or (head in NUMBERS and tail in COUNTED):
        return True
    stem = head + tail
    if len(stem) >= LEAST_STEM and any(word.startswith(stem) for word in words):
        return False
    return words[head] > 0 and words[tail] > 0
