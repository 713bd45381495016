"""Where a table of contents stands: what it names is no reference."""

from __future__ import annotations

import re
from bisect import bisect_right

from ingest.contract.outline import Outline

MAX_CONTENTS = 60_000  # characters; a longer one is none
_HEADING = re.compile(
    r"^[ \t#*_]{0,12}(?:TABLE\s+OF\s+CONTENTS|Table\s+of\s+Contents|CONTENTS|Contents"
    r"|INHALTSVERZEICHNIS|Inhaltsverzeichnis|SOMMAIRE|Sommaire)[ \t:*_]{0,12}$",
    re.MULTILINE,
)
_LEADERS = re.compile(r"(?:\.{5}|(?:\. ){5}|…{2})[. \t]{0,6}(?:\d{1,4}|[ivxl]{1,6})?[ \t]{0,6}$", re.MULTILINE)


class Contents:
    """The ranges of a text that are contents, asked for by offset."""

    def __init__(self, outline: Outline) -> None:
        text = outline.text
        starts = [section.start for section in outline.sections]
        ranges: list[tuple[int, int]] = []
        for match in _HEADING.finditer(text, outline.start, outline.end):
            if ranges and match.start() < ranges[-1][1]:
                continue
            after = bisect_right(starts, match.end())
            end = starts[after] if after < len(starts) else match.end()
            if end - match.end() <= MAX_CONTENTS:
                ranges.append((match.start(), end))
        for match in _LEADERS.finditer(text, outline.start, outline.end):
            ranges.append((text.rfind("\n", outline.start, match.start()) + 1, match.end()))
        ranges.sort()
        self._starts = [start for start, _ in ranges]
        self._ends: list[int] = []
        for _, end in ranges:
            self._ends.append(max(end, self._ends[-1] if self._ends else 0))

    def hold(self, offset: int) -> bool:
        """Whether `offset` lies in a table of contents."""
        index = bisect_right(self._starts, offset) - 1
        return index >= 0 and offset < self._ends[index]
