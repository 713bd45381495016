"""The text inside a Word paragraph as its reader sees it: changes, comments and notes shown, field codes not.

Word's own parser limit (256 elements deep) holds for the tree, so walking down it is bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

from lxml import etree

from ingest.office.notes import Notes
from ingest.office.pictures import DRAWINGS, picture
from ingest.office.symbols import PRIVATE, symbol
from ingest.office.word_xml import MATH, MC, W, is_on, value_of

Marks = tuple[str, ...]

CHANGES = {
    W + "ins": "inserted by",
    W + "del": "deleted by",
    W + "moveTo": "moved here by",
    W + "moveFrom": "moved away by",
}
SILENT = frozenset(
    W + name
    for name in (
        "pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr", "instrText", "delInstrText", "fldData",
        "footnoteRef", "endnoteRef", "annotationRef", "separator", "continuationSeparator", "softHyphen", "rt",
        "lastRenderedPageBreak", "proofErr", "customXmlPr", "smartTagPr", "hyperlinkPr", "rubyPr", "pgNum",
    )
)  # fmt: skip
PLAIN = {W + "tab": "\t", W + "ptab": "\t", W + "cr": "\n", W + "noBreakHyphen": "-", W + "dayShort": ""}
TRACKED = "tracked changes, shown in the text as [inserted by …] and [deleted by …]: {n}"
HIDDEN = "passages formatted as hidden, shown in the text as [hidden text: …]: {n}"
STRUCK = "passages struck through, shown in the text as [struck through: …]: {n}"
SYMBOLS = "symbols of special fonts shown as [symbol]: {n}"
EQUATIONS = "equations of which only the characters were read: {n}"
UNCOUNTED = "numbers that Word computes only when it shows the file (LISTNUM, AUTONUM), not read: {n}"
_UNCOUNTED = re.compile(r"\s*(?:LISTNUM|AUTONUM)")


class Runs:
    """Turns paragraphs into text; text boxes met on the way wait in `boxes`, losses are counted in `lost`."""

    def __init__(self, notes: Notes, lost: Counter[str]) -> None:
        self.notes, self.lost = notes, lost
        self.boxes: list[etree._Element] = []
        self._fields: list[bool] = []  # open fields, the innermost last: still inside its code?
        self._code = ""
        self._pieces: list[tuple[Marks, str]] = []

    def text(self, paragraph: etree._Element) -> str:
        """The visible text of one paragraph, with line breaks as they stand."""
        outer, self._pieces = self._pieces, []
        self._walk(paragraph, ())
        pieces, self._pieces = self._pieces, outer
        self._fields = [False] * len(self._fields)  # no field's code runs on into the next paragraph
        parts: list[str] = []
        for marks, group in groupby(pieces, key=lambda piece: piece[0]):
            text = "".join(piece for _, piece in group)
            if marks and text.strip():
                text = "".join(f"[{mark}: " for mark in marks) + text + "]" * len(marks)
                self.lost[HIDDEN] += "hidden text" in marks
                self.lost[STRUCK] += "struck through" in marks
            parts.append(text)
        return "".join(parts)

    def _walk(self, parent: etree._Element, marks: Marks) -> None:
        for child in parent:
            self._visit(child, marks)

    def _visit(self, child: etree._Element, marks: Marks) -> None:
        tag = child.tag
        if tag == W + "t" or tag == W + "delText":
            self._put(self._readable(child), marks)
        elif tag == W + "r":
            self._walk(child, self._run_marks(child, marks))
        elif tag in SILENT:
            return
        elif tag in PLAIN:
            self._put(PLAIN[str(tag)], marks)
        elif tag == W + "br":
            self._put("\n", marks)
        elif tag in CHANGES:
            author = str(child.get(W + "author", "")).strip() or "an unnamed author"
            self.lost[TRACKED] += 1
            self._walk(child, (*marks, f"{CHANGES[str(tag)]} {author}"))
        elif tag == W + "fldChar":
            self._field(child, marks)
        elif tag == MC + "AlternateContent":
            self._alternative(child, marks)
        elif tag in DRAWINGS:
            text, boxes = picture(child, self.lost)
            self.boxes += boxes
            self._put(text, marks)
        elif tag == W + "sym":
            self._symbol(child, marks)
        elif tag == MATH + "oMath":
            self.lost[EQUATIONS] += 1
            self._put("".join(str(each.text or "") for each in child.iter(MATH + "t")), marks)
        elif tag == W + "commentReference":
            self._put(self.notes.comment(str(child.get(W + "id", ""))), ())
        elif tag == W + "footnoteReference" or tag == W + "endnoteReference":
            custom = child.get(W + "customMarkFollows") not in (None, "0", "false", "off")
            kind = "footnote" if tag == W + "footnoteReference" else "endnote"
            self._put(f"[{self.notes.refer(kind, str(child.get(W + 'id', '')), custom=custom)}]", marks)
        else:
            self._walk(child, marks)

    def _put(self, text: str, marks: Marks) -> None:
        if text and not any(self._fields):
            self._pieces.append((marks, text))

    def _run_marks(self, run: etree._Element, marks: Marks) -> Marks:
        properties = run.find(W + "rPr")
        if properties is None:
            return marks
        if is_on(properties, "vanish"):
            marks = (*marks, "hidden text")
        if is_on(properties, "strike") or is_on(properties, "dstrike"):
            marks = (*marks, "struck through")
        raised = properties.find(W + "vertAlign")
        before = self._pieces[-1][1][-1:] if self._pieces else ""
        if value_of(raised) == "superscript" and before.isdigit() and (run.findtext(W + "t") or "")[:1].isdigit():
            self._put("^", marks)  # 10 to the 6th must not read 106
        return marks

    def _readable(self, element: etree._Element) -> str:
        text = str(element.text or "")
        if not any(ord(char) in PRIVATE for char in text):
            return text
        parent = element.getparent()
        fonts = parent.find(f"{W}rPr/{W}rFonts") if parent is not None else None
        font = str(fonts.get(W + "ascii", "")) if fonts is not None else ""
        return "".join(self._known(font, ord(char)) if ord(char) in PRIVATE else char for char in text)

    def _symbol(self, element: etree._Element, marks: Marks) -> None:
        try:
            code = int(str(element.get(W + "char", ""))[:6], 16)
        except ValueError:
            code = -1
        self._put(self._known(str(element.get(W + "font", "")), code), marks)

    def _known(self, font: str, code: int) -> str:
        found = symbol(font, code)
        self.lost[SYMBOLS] += found is None
        return "[symbol]" if found is None else found

    def _field(self, element: etree._Element, marks: Marks) -> None:
        kind = element.get(W + "fldCharType")
        if kind == "begin":
            box = element.find(f"{W}ffData/{W}checkBox")
            if box is not None:
                name = "checked" if box.find(W + "checked") is not None else "default"
                self._put("[x]" if is_on(box, name) else "[ ]", marks)
            self._fields.append(True)
            following = element.getparent()
            self._code = _code_after(following) if following is not None else ""
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            unanswered = self._fields.pop()
            self.lost[UNCOUNTED] += unanswered and bool(_UNCOUNTED.match(self._code))

    def _alternative(self, element: etree._Element, marks: Marks) -> None:
        """What a new Word shows, else what an old one does; both say the same."""
        choices = [*element.findall(MC + "Choice"), *element.findall(MC + "Fallback")]
        for choice in choices[:1]:
            self._walk(choice, marks)


def _code_after(run: etree._Element) -> str:
    """The first words of a field's code, in the run that opens it or the next ones."""
    for each in (run, *list(run.itersiblings())[:3]):
        found = each.find(W + "instrText")
        if found is not None:
            return str(found.text or "")[:40]
    return ""
