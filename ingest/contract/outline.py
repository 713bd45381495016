"""The sections of one contract as numbers: which section is 4.2, what lies in which exhibit, who holds an offset."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from ingest.document import Document, Section
from ingest.structure.numbering import Number, labels

ATTACHMENTS = frozenset(("exhibit", "schedule", "annex", "appendix", "attachment", "addendum"))
MAX_PATH = 32
MAIN = -1  # the scope of everything outside attachments
_ITEM = re.compile(r"\(?([A-Za-z]{1,5}|\d{1,3})[.)]")
_INLINE = re.compile(r"(?<![\w)])\(([A-Za-z]{1,5}|\d{1,3})\)")
_LABEL_WORDS = {"bare": "section", "decimal": "section", "roman": "section"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One section: its parent's index, the attachment it lies in, and how it is called ("section", (4, 2))."""

    section: Section
    parent: int
    scope: int
    family: str
    number: Number
    item: str  # "a" for "(a) …", "" for what is no item
    label: str  # "Exhibit A" without its title, for an attachment


class Outline:
    """All entries of the text [start, end) of a document, found by number and by offset."""

    def __init__(self, document: Document, start: int, end: int) -> None:
        self.document, self.text, self.start, self.end = document, document.text, start, end
        self.first = bisect_right(document.sections, start - 1, key=lambda section: section.start)
        last = bisect_right(document.sections, end - 1, key=lambda section: section.start)
        self.sections = document.sections[self.first : last]
        self.entries: list[Entry] = []
        self.by_number: dict[tuple[int, str, Number], list[int]] = {}
        self.by_item: dict[tuple[int, str], list[int]] = {}
        self.by_label: dict[str, list[int]] = {}
        self._starts = [section.start for section in self.sections]
        self._read()
        self._inline: dict[str, list[int]] | None = None

    def _read(self) -> None:
        open_: list[int] = []
        for index, section in enumerate(self.sections):
            while open_ and self.sections[open_[-1]].end <= section.start:
                open_.pop()
            parent = open_[-1] if open_ else -1
            scope = self.entries[parent].scope if parent >= 0 else MAIN
            entry = _entry(section, parent, scope, index, caption=self._is_caption(index))
            self.entries.append(entry)
            open_.append(index)
            if entry.number:
                self.by_number.setdefault((entry.scope, entry.family, entry.number), []).append(index)
            item = entry.item or (str(entry.number[-1]) if entry.number else "")  # "1." in Article 1 is Article 1(1)
            if item:
                self.by_item.setdefault((parent, item), []).append(index)
            if entry.label:
                self.by_label.setdefault(key_of(entry.label), []).append(index)

    def _is_caption(self, index: int) -> bool:
        """The file's own label above its title ("Exhibit 10.1" of a filing) is no attachment to it."""
        return index == 0 and not self.text[self.start : self.sections[0].start].strip()

    def at(self, offset: int) -> int:
        """The innermost entry that holds `offset`, or -1."""
        index = bisect_right(self._starts, offset) - 1
        while index >= 0 and self.sections[index].end <= offset:
            index = self.entries[index].parent
        return index

    def path(self, index: int) -> list[int]:
        """The entry and those that hold it, from the inside out; deeper than people nest nobody looks."""
        found: list[int] = []
        while index >= 0 and len(found) < MAX_PATH:
            found.append(index)
            index = self.entries[index].parent
        return found

    def scope_at(self, offset: int) -> int:
        """The attachment that holds `offset`, or MAIN."""
        index = self.at(offset)
        return self.entries[index].scope if index >= 0 else MAIN

    def outer(self, index: int | None) -> int | None:
        """An index of ours as an index of the document's sections."""
        return None if index is None or index < 0 else index + self.first

    def holds_item(self, index: int, item: str) -> bool:
        """Whether the running text of an entry has a list item such as (a), not as part of a reference."""
        if self._inline is None:
            self._inline = {}
            for match in _INLINE.finditer(self.text, self.start, self.end):
                self._inline.setdefault(match[1], []).append(match.start())
        places = self._inline.get(item, [])
        section = self.sections[index]
        at = bisect_right(places, section.start - 1)
        return at < len(places) and places[at] < section.end


def _entry(section: Section, parent: int, scope: int, index: int, *, caption: bool) -> Entry:
    family, item, label = "", "", ""
    number: Number = ()
    for reading in labels(section.title)[:1]:
        if reading.family == "attachment":
            if not caption and section.kind in ATTACHMENTS:
                label, scope = " ".join(section.title[: reading.end].split()).rstrip(" .:–—-"), index
        elif reading.kind == "item" or section.kind == "item":
            match = _ITEM.match(section.title)
            item = match[1] if match else ""
        elif section.kind not in ("title", "recitals", "signatures", "file"):
            family, number = _LABEL_WORDS.get(reading.family, reading.family), reading.number
    return Entry(section, parent, scope, family, number, item, label)


def key_of(label: str) -> str:
    """Exhibit A-1, EXHIBIT A1 and Exhibit “A-1” are one: small letters without signs, but 1.1 is not 11."""
    return re.sub(r"(?<!\d)[\W_]+|[\W_]+(?!\d)", "", label.replace("No.", "")).casefold()
