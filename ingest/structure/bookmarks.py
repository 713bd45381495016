"""PDF bookmarks → the lines they name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from ingest.structure.lines import Bookmark, Line
from ingest.structure.markdown import Mark

LEAST = 4  # letters two texts must share to be the same header


def place_bookmarks(body: Sequence[Line], bookmarks: Sequence[Bookmark]) -> dict[int, Mark]:
    """Line index → bookmark: the line on its page with its words, else the first free line of that page."""
    by_page: dict[int, list[int]] = defaultdict(list)
    for index, line in enumerate(body):
        by_page[line.page].append(index)
    placed: dict[int, Mark] = {}
    last = -1
    for mark in bookmarks:
        free = [index for index in by_page.get(mark.page, ()) if index not in placed]
        named = [index for index in free if _same(body[index], mark.title)]
        ahead = [index for index in named if index > last]
        choice = (ahead or named or free[:1])[:1]
        for index in choice:
            placed[index] = Mark(mark.depth, mark.title)
            last = index
    return placed


def _same(line: Line, title: str) -> bool:
    wanted = _letters(title)
    texts = [_letters(line.text), *(_letters(line.text[label.end :]) for label in line.readings)]
    for text in texts:
        if text == wanted or (len(wanted) >= LEAST and text.startswith(wanted)):
            return True
        if len(text) >= 2 * LEAST and wanted.startswith(text):  # a title over several lines
            return True
    return False


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
