"""An Excel file → Part: each sheet a section, each row a line; spans name the row. Values stand as Excel shows them.

Formulas give the value Excel last computed; one without a value stands as written. Hidden sheets, rows and columns are
read and reported; charts and images are counted in the warnings.
"""

from __future__ import annotations

import re
from collections import Counter

from lxml import etree

from ingest.document import Artifact
from ingest.office.cells import shown
from ingest.office.rows import Rows
from ingest.office.word_xml import number_of
from ingest.office.workbook import ON, S, Sheet, Workbook, cell_place, column_name, string_of
from ingest.part import Part, Request
from ingest.zipped import Zipped

MAX_ROW, MAX_COLUMN = 1_048_576, 16_384
MAX_GAP = 32  # empty cells written out; a cell further off is named by its column instead
UNCOMPUTED = "formulas without a computed value, shown as written: {n}"
HIDDEN_ROWS = "hidden rows, read like the others: {n}"
HIDDEN_COLUMNS = "hidden columns, read like the others: {n}"
COMMENTS = "comments, shown in the text as [comment by …]: {n}"
NO_ROWS = "sheets that are charts or hold no cells, not read: {n}"
_CODES = re.compile(r'&(?:"[^"]*"|K[0-9A-F+-]{5,6}|[LCRPNDTFAZGSXYEBIUOH+-]|\d{1,3})')


def read(data: bytes, name: str, request: Request) -> Part:
    """Reads .xlsx and .xlsm, in the usual and the strict form."""
    package = Zipped(data, name)
    book = Workbook(package, name)
    rows = Rows(name, "xlsx", request)
    lost: Counter[str] = Counter()
    for sheet in book.sheets:
        if "chartsheet" in sheet.part.lower() or not sheet.part:
            lost[NO_ROWS] += 1
            continue
        if sheet.hidden:
            rows.warnings.append(f"the sheet {sheet.name!r} is hidden; it was read like the others")
        book.attach(sheet, lost)
        rows.heading(sheet.name, "sheet")
        _SheetRows(book, sheet, rows, lost).read()
    if any(each.lower().endswith("vbaproject.bin") for each in package.names):
        rows.warnings.append("its macros were neither read nor run")
    rows.warnings += [words.replace("{n}", f"{count:,}") for words, count in sorted(lost.items()) if count]
    return rows.part()


class _SheetRows:
    def __init__(self, book: Workbook, sheet: Sheet, rows: Rows, lost: Counter[str]) -> None:
        self.book, self.sheet, self.rows, self.lost = book, sheet, rows, lost
        self.number = 0

    def read(self) -> None:
        """Streams the rows of the sheet; comments on empty rows and text boxes come after them."""
        for each in self.book.elements(self.sheet.part, (S + "row", S + "col", S + "headerFooter")):
            if each.tag == S + "row":
                self._row(each)
            elif each.tag == S + "col":
                if each.get("hidden") in ON:
                    first = number_of(each.get("min"), 1)
                    last = min(number_of(each.get("max"), first), MAX_COLUMN)
                    self.lost[HIDDEN_COLUMNS] += max(0, last - first + 1)
            else:
                self._artifact(each)
        for number, comments in sorted(self.sheet.comments.items()):
            self.lost[COMMENTS] += len(comments)
            for column, text in sorted(comments.items()):
                self.rows.add(number, [f"{column_name(column)}{number}: {text}"])
        for text in self.sheet.boxes:
            self.rows.loose(f"[text box: {text}]")

    def _row(self, row: etree._Element) -> None:
        self.number = min(number_of(row.get("r"), self.number + 1), MAX_ROW)
        comments = self.sheet.comments.pop(self.number, {})
        self.lost[COMMENTS] += len(comments)
        values: dict[int, str] = {}
        column = 0
        for cell in row.iterchildren(S + "c"):
            place = cell_place(str(cell.get("r", "")))
            column = min(place[1] if place is not None else column + 1, MAX_COLUMN)
            text = self._value(cell)
            if text:
                values[column] = f"{values[column]} {text}" if column in values else text
        for place_of, comment in comments.items():
            values[place_of] = f"{values.get(place_of, '')} {comment}".strip()
        if not values:
            self.rows.gap(self.number)
            return
        if row.get("hidden") in ON:
            self.lost[HIDDEN_ROWS] += 1
        self.rows.add(self.number, _laid_out(values))

    def _value(self, cell: etree._Element) -> str:
        kind, value = cell.get("t", "n"), cell.findtext(S + "v")
        if kind == "inlineStr":
            return string_of(cell.find(S + "is"))
        if not value:
            formula = cell.find(S + "f")
            if formula is None or value is not None:  # an empty value is the value of a formula such as =""
                return ""
            self.lost[UNCOMPUTED] += 1
            return "=" + str(formula.text or "…")
        if kind == "s":
            index = number_of(value, -1)
            return self.book.strings[index] if 0 <= index < len(self.book.strings) else "[missing text]"
        if kind == "b":
            return "FALSE" if value.strip() == "0" else "TRUE"
        if kind in ("str", "e", "d"):
            return value
        return shown(value, self.book.pattern(cell.get("s")), mac_dates=self.book.mac_dates)

    def _artifact(self, element: etree._Element) -> None:
        for each in element:
            kind = "header" if str(each.tag).endswith("Header") else "footer"
            text = " ".join(_CODES.sub(" ", str(each.text or "")).replace("&&", "&").split())
            artifact = Artifact(self.rows.name, kind, text, ())
            if text and artifact not in self.rows.artifacts:
                self.rows.artifacts.append(artifact)


def _laid_out(values: dict[int, str]) -> list[str]:
    """Cells in their columns; after a wide gap the column is named instead of counted."""
    cells: list[str] = []
    at = 0
    for column in sorted(values):
        if column - at - 1 > MAX_GAP:
            cells.append(f"[{column_name(column)}] {values[column]}")
        else:
            cells += [""] * (column - at - 1)
            cells.append(values[column])
        at = column
    return cells
