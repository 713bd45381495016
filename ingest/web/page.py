"""Page: takes a parser's events (start, data, end) and keeps the visible text as blocks; never recursive."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.document import LimitError
from ingest.flow import Block, Cell, table_blocks

BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hgroup", "hr", "html", "legend", "li", "main", "menu", "nav", "noframes", "noscript", "ol", "optgroup",
    "option", "p", "pre", "search", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th", "thead",
    "tr", "ul", "xmp", "listing", "plaintext", "textarea",
))  # fmt: skip
UNSEEN = frozenset(("script", "style", "template", "datalist", "param", "source", "track", "noembed"))
VERBATIM = frozenset(("pre", "xmp", "listing", "plaintext", "textarea"))
LISTS = frozenset(("ul", "ol", "menu", "dir"))
EMBEDDED = {
    "iframe": "embedded frames not read: {n}",
    "frame": "embedded frames not read: {n}",
    "object": "embedded objects not read: {n}",
    "embed": "embedded objects not read: {n}",
    "video": "videos not read: {n}",
    "audio": "sound recordings not read: {n}",
    "canvas": "drawings made by scripts, not read: {n}",
}
FALLBACK = frozenset(("video", "audio", "canvas"))  # what stands inside is shown by no browser of today
SPOKEN = {  # inline elements whose meaning is lost without words
    "del": ("[deleted: ", "]"),
    "s": ("[struck through: ", "]"),
    "strike": ("[struck through: ", "]"),
    "ins": ("[inserted: ", "]"),
    "q": ("“", "”"),
}
HIDDEN = "characters that the page hides, not read: {n}"
NO_ALT = "images without a description, not read: {n}"
MAX_SPAN = 64  # columns one cell may cover
MAX_INDENT = 8  # steps a list is indented at most
ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
         (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")


@dataclass(slots=True)
class _List:
    ordered: bool
    number: int
    step: int
    style: str


@dataclass(slots=True)
class _Table:
    rows: list[list[Cell]] = field(default_factory=list)
    down: dict[int, int] = field(default_factory=dict)  # column → rows it is still covered from above
    across: int = 1
    below: int = 1


class Page:
    """A parser target; after `finish`, `blocks` and `title` are the page and `lost` counts what was left out."""

    def __init__(self, name: str, max_chars: int) -> None:
        self.name, self.left = name, max_chars
        self.title = ""
        self.lost: Counter[str] = Counter()
        self._sinks: list[list[Block]] = [[]]
        self._open: list[str] = []
        self._buffer: list[str] = []
        self._unseen = self._verbatim = self._heading = self._svg = 0  # depth at which it began, or 0
        self._unseen_why = ""
        self._level = 1
        self._lists: list[_List] = []
        self._tables: list[_Table] = []
        self._marker: str | None = None

    @property
    def blocks(self) -> list[Block]:
        """What was read, outside of tables still open."""
        return self._sinks[0]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element opens."""
        self._open.append(tag)
        if self._unseen:
            return
        depth = len(self._open)
        hides = "hidden" in attributes and attributes["hidden"] != "until-found"
        if tag in UNSEEN or hides or _HIDDEN_STYLE.search(attributes.get("style", "")):
            self._unseen, self._unseen_why = depth, tag if tag in UNSEEN else "hidden"
            return
        if tag == "title" and not self._svg:
            self._unseen, self._unseen_why = depth, "title"
        elif tag in BLOCKS:
            self._flush()
            self._start_block(tag, attributes, depth)
        else:
            self._start_inline(tag, attributes, depth)
        if attributes.get("role") == "heading" and not self._heading:
            self._flush()
            self._heading, self._level = depth, _number(attributes.get("aria-level"), 2, 1, 9)

    def data(self, text: str) -> None:
        """Characters inside the open element."""
        self.left -= len(text)
        if self.left < 0:
            raise LimitError(f"{self.name} holds more text than one file may have: split it or raise the limit.")
        if not self._unseen:
            self._buffer.append(text)
        elif self._unseen_why == "title":
            self.title += text
        elif self._unseen_why == "hidden" and text.strip() and self._open[-1] not in UNSEEN:
            self.lost[HIDDEN] += len(text.strip())

    def end(self, tag: str) -> None:
        """The innermost element closes."""
        depth = len(self._open)
        if self._unseen:
            if self._unseen == depth:
                self._unseen = 0
        elif tag in BLOCKS or self._heading == depth:
            self._flush()
            self._end_block(tag, depth)
        elif tag in SPOKEN:
            self._buffer.append(SPOKEN[tag][1])
        if self._svg == depth:
            self._svg = 0
        if self._open:
            self._open.pop()

    def close(self) -> None:
        """The parser has no more events."""

    def finish(self) -> None:
        """Closes what the page left open."""
        self._flush()
        while self._tables:
            self._end_table()

    def _start_block(self, tag: str, attributes: Mapping[str, str], depth: int) -> None:
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6") and not self._heading:
            self._heading, self._level = depth, int(tag[1])
        elif tag in VERBATIM and not self._verbatim:
            self._verbatim = depth
        elif tag in LISTS:
            number = _number(attributes.get("start"), 1, -(10**6), 10**6)
            step = -1 if "reversed" in attributes else 1
            self._lists.append(_List(tag == "ol", number, step, attributes.get("type", "1")))
        elif tag == "li":
            self._marker = self._item_marker(attributes)
        elif tag == "table":
            self._tables.append(_Table())
        elif tag == "tr" and self._tables:
            self._tables[-1].rows.append([])
        elif tag in ("td", "th") and self._tables:
            table = self._tables[-1]
            table.across = _number(attributes.get("colspan"), 1, 1, MAX_SPAN)
            table.below = _number(attributes.get("rowspan"), 1, 1, 65_534)
            self._sinks.append([])

    def _start_inline(self, tag: str, attributes: Mapping[str, str], depth: int) -> None:
        if tag == "br":
            self._buffer.append("\r")  # a line break that collapsing white space does not touch
        elif tag == "img" or (tag == "input" and attributes.get("type", "").lower() == "image"):
            alt = " ".join(attributes.get("alt", "").split())
            self._buffer.append(f"[image: {alt}]" if alt else "")
            if not alt and attributes.get("alt") is None:
                self.lost[NO_ALT] += 1
        elif tag == "input":
            self._buffer.append(_field(attributes))
        elif tag == "svg" and not self._svg:
            self._svg = depth
        elif tag == "sup" and self._buffer and self._buffer[-1][-1:].isdigit():
            self._buffer.append("^")  # 10 to the 6th must not read 106
        elif tag in SPOKEN:
            self._buffer.append(SPOKEN[tag][0])
        elif tag in EMBEDDED:
            self.lost[EMBEDDED[tag]] += 1
            if tag in FALLBACK:
                self._unseen, self._unseen_why = depth, tag

    def _end_block(self, tag: str, depth: int) -> None:
        if self._heading == depth:
            self._heading = 0
        if self._verbatim == depth:
            self._verbatim = 0
        if tag in LISTS and self._lists:
            self._lists.pop()
            self._marker = None
        elif tag == "li":
            self._marker = None
        elif tag in ("td", "th") and self._tables and len(self._sinks) > 1:
            self._end_cell()
        elif tag == "table" and self._tables:
            self._end_table()

    def _end_cell(self) -> None:
        table, cell = self._tables[-1], self._sinks.pop()
        if not table.rows:
            table.rows.append([])
        row = table.rows[-1]
        self._cover(table, row)
        for column in range(len(row), len(row) + table.across):
            if table.below > 1:
                table.down[column] = table.below - 1
        row.append(cell)
        row.extend([] for _ in range(table.across - 1))

    def _cover(self, table: _Table, row: list[Cell]) -> None:
        """Empty cells where a cell of a row above reaches down."""
        while table.down.get(len(row), 0):
            table.down[len(row)] -= 1
            row.append([])

    def _end_table(self) -> None:
        while len(self._sinks) > len(self._tables):
            self._end_cell()
        table = self._tables.pop()
        self._sinks[-1] += table_blocks(table.rows, nested=bool(self._tables))

    def _flush(self) -> None:
        if not self._buffer:
            return
        raw = "".join(self._buffer)
        self._buffer.clear()
        if self._verbatim:
            text = raw.replace("\r", "\n").strip("\n")
            if text.strip():
                self._sinks[-1].append(Block(text, "verbatim"))
            return
        text = "\n".join(_SPACE.sub(" ", line).strip(" ") for line in raw.replace("\n", " ").split("\r")).strip()
        if not text:
            return
        if self._heading:
            self._sinks[-1].append(Block(text, "heading", self._level))
        elif self._lists:
            indent = "  " * min(len(self._lists) - 1, MAX_INDENT)
            marker = self._marker + " " if self._marker else "  "
            self._sinks[-1].append(Block(indent + marker + text.replace("\n", "\n" + indent + "  "), "item"))
            self._marker = None
        else:
            self._sinks[-1].append(Block(text))

    def _item_marker(self, attributes: Mapping[str, str]) -> str:
        if not self._lists or not self._lists[-1].ordered:
            return "-"
        current = self._lists[-1]
        number = _number(attributes.get("value"), current.number, -(10**6), 10**6)
        current.number = number + current.step
        return f"{counted(number, current.style)}."


def counted(number: int, style: str) -> str:
    """A number as a list of type 1, a, A, i or I shows it."""
    if style in ("a", "A") and number > 0:
        text = ""
        while number > 0:
            number, rest = divmod(number - 1, 26)
            text = chr(97 + rest) + text
        return text.upper() if style == "A" else text
    if style in ("i", "I") and 0 < number < 4000:
        text = ""
        for value, letters in ROMAN:
            text += letters * (number // value)
            number %= value
        return text.upper() if style == "I" else text
    return str(number)


def _field(attributes: Mapping[str, str]) -> str:
    kind = attributes.get("type", "text").lower()
    if kind in ("checkbox", "radio"):
        return "[x] " if "checked" in attributes else "[ ] "
    return "" if kind in ("hidden", "password") else f" {attributes.get('value', '')} "


def _number(text: str | None, default: int, low: int, high: int) -> int:
    match = re.match(r"\s*([+-]?\d{1,9})", text or "")
    return min(max(int(match[1]), low), high) if match else default
