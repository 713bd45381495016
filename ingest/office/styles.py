"""Word's paragraph styles: which are headings and of what level, and which list numbers them, by inheritance."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from ingest.office.word_xml import W, is_on, number_of, value_of

MAX_CHAIN = 50  # styles based on each other; more is a circle
BODY_LEVEL = 9  # the outline level of ordinary text
TITLE = 0  # the level of the document's own title
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberedBy:
    """A list and a level in it; the level may be left to the list, which then names the style."""

    num: str
    place: int | None


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    based_on: str
    outline: int | None
    numbered: NumberedBy | None
    hidden: bool


def read_numbered(properties: etree._Element | None) -> NumberedBy | None:
    """The w:numPr among paragraph properties."""
    element = properties.find(W + "numPr") if properties is not None else None
    if element is None:
        return None
    place = element.find(W + "ilvl")
    return NumberedBy(value_of(element.find(W + "numId")), None if place is None else number_of(value_of(place), 0))


class Styles:
    """Looks styles up by id."""

    def __init__(self, tree: etree._Element | None) -> None:
        self._styles: dict[str, _Style] = {}
        self._default = ""
        for each in tree.findall(W + "style") if tree is not None else ():
            key, properties = str(each.get(W + "styleId", "")), each.find(W + "pPr")
            outline = properties.find(W + "outlineLvl") if properties is not None else None
            self._styles[key] = _Style(
                value_of(each.find(W + "name")).strip(),
                value_of(each.find(W + "basedOn")),
                None if outline is None else number_of(value_of(outline), BODY_LEVEL),
                read_numbered(properties),
                is_on(each.find(W + "rPr"), "vanish"),
            )
            if each.get(W + "type") == "paragraph" and each.get(W + "default") in ("1", "true", "on"):
                self._default = key

    def heading(self, style: str) -> int | None:
        """The heading level from 1, TITLE for a title, None for ordinary text."""
        for _, each in self._chain(style):
            named = _HEADING.fullmatch(each.name)
            if each.outline is not None:
                return each.outline + 1 if 0 <= each.outline < BODY_LEVEL else None
            if named:
                return int(named[1])
            if each.name.lower() == "title":
                return TITLE
        return None

    def numbered(self, style: str) -> tuple[NumberedBy, str] | None:
        """The list a style puts its paragraphs in, and the style that says so."""
        for key, each in self._chain(style):
            if each.numbered is not None and each.numbered.num:
                return each.numbered, key
        return None

    def place(self, style: str) -> int | None:
        """The nearest list level a style names."""
        found = (each.numbered for _, each in self._chain(style) if each.numbered is not None)
        return next((each.place for each in found if each.place is not None), None)

    def hides(self, style: str) -> bool:
        """Whether text in this style is not shown."""
        return any(each.hidden for _, each in self._chain(style))

    def _chain(self, style: str) -> list[tuple[str, _Style]]:
        found: list[tuple[str, _Style]] = []
        key = style if style in self._styles else self._default
        while key in self._styles and len(found) < MAX_CHAIN:
            found.append((key, self._styles[key]))
            key = self._styles[key].based_on
        return found
