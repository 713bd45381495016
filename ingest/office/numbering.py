"""Word's numbering as displayed: the label of a paragraph, "4.2" or "(b)", counted as Word counts.

Lists that share an abstract definition count on together; a start override restarts at its first use; a deeper
level starts again after a higher one, unless its definition says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from lxml import etree

from ingest.office.numerals import numeral
from ingest.office.word_xml import W, number_of, value_of

LEVELS = 9
MAX_LABEL = 200  # characters; a longer pattern is no number
_PLACE = re.compile(r"%([1-9])")
_PRIVATE = re.compile("[\ue000-\uf8ff]")


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list counts and shows."""

    start: int = 1
    form: str = "decimal"
    text: str = ""
    restart: int | None = None  # None: after any higher level; 0: never; n: after level n and higher
    legal: bool = False  # all numbers in decimal
    style: str = ""  # the paragraph style tied to this level


@dataclass(slots=True)
class _List:
    levels: dict[int, Level] = field(default_factory=dict)
    style_link: str = ""
    refers_to: str = ""  # a numbering style that holds the levels


class Numbering:
    """Counts paragraphs in document order; `strange` holds the forms that were shown in decimal."""

    def __init__(self, tree: etree._Element | None) -> None:
        self.strange: set[str] = set()
        self._lists: dict[str, _List] = {}
        self._nums: dict[str, str] = {}  # numId → abstractNumId
        self._overrides: dict[tuple[str, int], Level] = {}
        self._starts: dict[tuple[str, int], int] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._begun: set[tuple[str, int]] = set()
        for each in tree if tree is not None else ():
            if each.tag == W + "abstractNum":
                self._read_list(each)
            elif each.tag == W + "num":
                self._read_num(each)
        linked = {each.style_link: key for key, each in self._lists.items() if each.style_link}
        self._same = {key: linked[each.refers_to] for key, each in self._lists.items() if each.refers_to in linked}

    def level_of_style(self, num: str, style: str) -> int | None:
        """The level of a list that a paragraph style is tied to."""
        levels = self._levels(num)
        return next((place for place, level in levels.items() if level.style == style), None)

    def label(self, num: str, place: int) -> str:
        """Counts a paragraph of list `num` at level `place` (from 0) and gives its number as shown."""
        if num not in self._nums or not 0 <= place < LEVELS:
            return ""
        levels = self._levels(num)
        counts = self._counts.setdefault(self._key(num), {})
        level = self._level(num, place, levels)
        restarted = self._starts.get((num, place))
        if restarted is not None and (num, place) not in self._begun:
            counts[place] = restarted
        elif place in counts:
            counts[place] += 1
        else:
            counts[place] = level.start
        self._begun.add((num, place))
        for higher in range(place):
            counts.setdefault(higher, self._level(num, higher, levels).start)
        for deeper in range(place + 1, LEVELS):
            restart = self._level(num, deeper, levels).restart
            if restart is None or place < restart:
                counts.pop(deeper, None)
        return self._shown(num, level, counts, levels)

    def _shown(self, num: str, level: Level, counts: dict[int, int], levels: dict[int, Level]) -> str:
        if level.form == "bullet":
            return "•" if not level.text or _PRIVATE.search(level.text) else level.text.strip()

        def shown(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            other = self._level(num, place, levels)
            form = "decimal" if level.legal and other.form != "none" else other.form
            text, known = numeral(counts.get(place, other.start), form)
            if not known:
                self.strange.add(form)
            return text

        return _PLACE.sub(shown, level.text[:MAX_LABEL]).strip()

    def _key(self, num: str) -> str:
        key = self._nums[num]
        return self._same.get(key, key)

    def _levels(self, num: str) -> dict[int, Level]:
        found = self._lists.get(self._key(num)) if num in self._nums else None
        return found.levels if found is not None else {}

    def _level(self, num: str, place: int, levels: dict[int, Level]) -> Level:
        return self._overrides.get((num, place)) or levels.get(place) or Level()

    def _read_list(self, tree: etree._Element) -> None:
        found = _List(
            style_link=value_of(tree.find(W + "styleLink")), refers_to=value_of(tree.find(W + "numStyleLink"))
        )
        for each in tree.findall(W + "lvl"):
            found.levels[number_of(each.get(W + "ilvl"), 0)] = _read_level(each)
        self._lists[str(tree.get(W + "abstractNumId", ""))] = found

    def _read_num(self, tree: etree._Element) -> None:
        num = str(tree.get(W + "numId", ""))
        self._nums[num] = value_of(tree.find(W + "abstractNumId"))
        for each in tree.findall(W + "lvlOverride"):
            place = number_of(each.get(W + "ilvl"), 0)
            level, start = each.find(W + "lvl"), each.find(W + "startOverride")
            if level is not None:
                self._overrides[num, place] = _read_level(level)
                self._starts.setdefault((num, place), self._overrides[num, place].start)
            if start is not None:
                self._starts[num, place] = number_of(value_of(start), 1)


def _read_level(tree: etree._Element) -> Level:
    level = Level(text=value_of(tree.find(W + "lvlText")), style=value_of(tree.find(W + "pStyle")))
    start, form = tree.find(W + "start"), next(tree.iter(W + "numFmt"), None)
    restart, legal = tree.find(W + "lvlRestart"), tree.find(W + "isLgl")
    shown = value_of(form) or "decimal"
    if shown == "custom" and form is not None:  # "01, 02, 03, …"
        shown = "decimalZero" if str(form.get(W + "format", "")).startswith("01") else "custom"
    return replace(
        level,
        start=number_of(value_of(start), 0) if start is not None else 0,
        form=shown,
        restart=number_of(value_of(restart), 0) if restart is not None else None,
        legal=legal is not None and value_of(legal) not in ("0", "false", "off"),
    )
