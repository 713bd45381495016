"""The parts of an Excel file that its sheets refer to: sheet list, shared strings, number formats, comments."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree
from openpyxl.styles.numbers import BUILTIN_FORMATS

from ingest.document import BrokenFileError, LimitError
from ingest.office.word_xml import R, number_of
from ingest.zipped import Zipped, broken, usual

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ON = ("1", "true")
MAX_SHARED_CHARS = 200_000_000  # of all shared strings together
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


@dataclass(slots=True)
class Sheet:
    """One sheet: where its part lies and what hangs on it."""

    name: str
    part: str
    hidden: bool
    comments: dict[int, dict[int, str]] = field(default_factory=dict)  # row → column → comment
    boxes: list[str] = field(default_factory=list)


class Workbook:
    """Everything but the rows."""

    def __init__(self, package: Zipped, name: str) -> None:
        self.package, self.name = package, name
        links = package.relations("").values()
        self.main = next((part for kind, part in links if kind == "officeDocument"), "xl/workbook.xml")
        tree = package.xml(self.main)
        if tree is None:
            raise BrokenFileError(f"{name} has no workbook in it: open it in Excel and save it again.")
        properties = tree.find(S + "workbookPr")
        self.mac_dates = properties is not None and properties.get("date1904") in ON
        relations = package.relations(self.main)
        self.sheets = [
            Sheet(
                str(each.get("name", "")), relations.get(str(each.get(R + "id", "")), ("", ""))[1],
                each.get("state", "visible") != "visible",
            )
            for each in tree.iterfind(f"{S}sheets/{S}sheet")
        ]  # fmt: skip
        self._folder = posixpath.dirname(self.main)
        parts = dict(relations.values())
        self.strings = self._strings(parts.get("sharedStrings", f"{self._folder}/sharedStrings.xml"))
        self.patterns = self._patterns(parts.get("styles", f"{self._folder}/styles.xml"))

    def elements(self, part: str, tags: tuple[str, ...]) -> Iterator[etree._Element]:
        """The elements of some names in a part, one after the other, each gone once the next is asked for."""
        data = self.package.bytes_of(part)
        if data is None:
            raise BrokenFileError(f"{self.name} lacks a part that it refers to: open it in Excel and save it again.")
        data = usual(data, self.name)
        events = etree.iterparse(
            io.BytesIO(data), events=("end",), tag=tags, resolve_entities=False, no_network=True, load_dtd=False,
            huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        try:
            for _, element in events:
                yield element
                parent = element.getparent()
                element.clear()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
        except (etree.XMLSyntaxError, ValueError):
            raise broken(self.name) from None

    def pattern(self, style: str | None) -> str:
        """The number format of a cell style."""
        index = number_of(style, 0)
        return self.patterns[index] if 0 <= index < len(self.patterns) else "General"

    def attach(self, sheet: Sheet, lost: dict[str, int]) -> None:
        """Reads the comments and text boxes of a sheet, and counts its pictures and charts."""
        for kind, part in self.package.relations(sheet.part).values():
            if kind == "comments":
                self._comments(sheet, part)
            elif kind == "drawing":
                for inner, _ in self.package.relations(part).values():
                    if inner in ("image", "chart", "chartEx"):
                        word = "images not read: {n}" if inner == "image" else "charts not read: {n}"
                        lost[word] = lost.get(word, 0) + 1
                tree = self.package.xml(part)
                for shape in tree.iter("{*}sp") if tree is not None else ():
                    text = " ".join(str(each.text or "") for each in shape.iter("{*}t")).strip()
                    sheet.boxes += [text] if text else []

    def _comments(self, sheet: Sheet, part: str) -> None:
        tree = self.package.xml(part)
        if tree is None:
            return
        authors = [str(each.text or "").strip() for each in tree.iterfind(f"{S}authors/{S}author")]
        for each in tree.iterfind(f"{S}commentList/{S}comment"):
            place = cell_place(str(each.get("ref", "")))
            who = number_of(each.get("authorId"), -1)
            author = authors[who] if 0 <= who < len(authors) and authors[who] else "an unnamed author"
            if place is not None:
                text = f"[comment by {author}: {string_of(each.find(S + 'text'))}]"
                sheet.comments.setdefault(place[0], {})[place[1]] = text

    def _strings(self, part: str) -> list[str]:
        if not self.package.has(part):
            return []
        found: list[str] = []
        left = MAX_SHARED_CHARS
        for each in self.elements(part, (S + "si",)):
            found.append(string_of(each))
            left -= len(found[-1])
            if left < 0:
                raise LimitError(f"{self.name} holds more text than its reader takes: split it into smaller files.")
        return found

    def _patterns(self, part: str) -> list[str]:
        tree = self.package.xml(part)
        if tree is None:
            return []
        own = {
            number_of(each.get("numFmtId"), -1): str(each.get("formatCode", ""))[:200]
            for each in tree.iterfind(f"{S}numFmts/{S}numFmt")
        }
        ids = [number_of(each.get("numFmtId"), 0) for each in tree.iterfind(f"{S}cellXfs/{S}xf")]
        return [own.get(each) or BUILTIN_FORMATS.get(each, "General") for each in ids]


def string_of(element: etree._Element | None) -> str:
    """The text of a string with its formatted pieces, without the reading aids of Asian scripts."""
    if element is None:
        return ""
    own = (each for each in element.iter(S + "t") if (up := each.getparent()) is None or up.tag != S + "rPh")
    return "".join(str(each.text or "") for each in own)


def cell_place(reference: str) -> tuple[int, int] | None:
    """ "B7" → (7, 2); None if it is no cell of a sheet."""
    match = _PLACE.fullmatch(reference)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]), column


def column_name(column: int) -> str:
    """2 → "B"."""
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
