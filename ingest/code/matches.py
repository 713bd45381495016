"""The matches of a query over one file → its definitions, the comments above them and its imports, in bytes.

Captures of queries/*.scm: @class, @function … mark a definition and name its kind; @name; @body starts after the
header and @open ends it; @owner is a receiver, @implemented the trait of an impl; @comment and @attribute right above
a definition belong to it; @import (.from, .tree, .path): see imports.py. Settings (#set!): title, number, header,
prefix, suffix, and callee: words that @callee must be one of. Text predicates (#eq? …) are not used: tree-sitter
0.26.1 frees them twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.code.imports import Import

if TYPE_CHECKING:
    from tree_sitter import Node

Captures = dict[str, list["Node"]]
Settings = dict[str, str]

MAX_HEADER = 300  # bytes of a header from the name on
MAX_NAME = 100  # characters of one name
MAX_IMPORT = 10_000  # bytes of one import with all its groups
MAX_INDENT = 500  # bytes before a comment on its line

_IMPORTS = ("import", "import.tree", "import.path")
_ROLES = frozenset((*_IMPORTS, "import.from", "name", "body", "open", "owner", "implemented", "callee"))
_GAP = re.compile(rb"[ \t]*\n?[ \t]*")
_INDENT = re.compile(rb"[ \t\r\f\v]*")
_SPACE = re.compile(r"\s+")
_GENERICS = re.compile(r"<[^<>]*>")


@dataclass(slots=True)
class Definition:
    """[node_start, node_end) is the syntax node, [header_start, header_end) its signature from the line of the name on.

    `scope` is what it is called in the titles of what it holds.
    """

    kind: str
    name: str
    scope: str
    node_start: int
    node_end: int
    header_start: int
    header_end: int
    pattern: int
    number: str  # what to count instead of a name


class Matches:
    """Takes matches in any order; of several for one name or import, the first pattern of the query wins."""

    def __init__(self, data: bytes, settings: Sequence[Settings]) -> None:
        self._data, self._settings = data, settings
        self._definitions: dict[int, Definition] = {}
        self._imports: dict[int, Import] = {}
        self._above: dict[int, int] = {}  # where code goes on after an attribute or comment → where that starts
        self._comments: set[int] = set()  # where comments start that have their line to themselves

    def definitions(self) -> list[Definition]:
        """The definitions, those that hold others before them."""
        return sorted(self._definitions.values(), key=lambda each: (each.node_start, -each.node_end, each.pattern))

    def imports(self) -> list[Import]:
        """The imports in order."""
        return [self._imports[place] for place in sorted(self._imports)]

    def start_above(self, start: int) -> int:
        """Where the comments and attributes start that stand right above the code at `start`."""
        while (above := self._above.get(start, start)) < start:
            if above in self._comments and self._column(above) != self._column(start):
                break  # a last word on the block before
            start = above
        return start

    def add(self, pattern: int, captures: Captures) -> None:
        """Keeps one match."""
        if "comment" in captures:
            node = captures["comment"][0]
            column = node.start_point[1]
            start = node.start_byte
            if column <= MAX_INDENT and not self._data[start - column : start].strip():
                self._comments.add(start)
                self._keep_above(start, node.end_byte)
        elif "attribute" in captures:
            node = captures["attribute"][0]
            self._keep_above(node.start_byte, node.end_byte)
        elif self._called(self._settings[pattern], captures):
            role = next((role for role in _IMPORTS if role in captures), None)
            if role is None:
                self._keep_definition(pattern, captures)
            else:
                self._keep_import(pattern, role, captures)

    def _column(self, offset: int) -> int:
        return offset - self._data.rfind(b"\n", max(0, offset - MAX_INDENT), offset)

    def _called(self, settings: Settings, captures: Captures) -> bool:
        return "callee" not in settings or self._text(captures["callee"][0]) in settings["callee"].split()

    def _keep_above(self, start: int, end: int) -> None:
        if self._data[end - 1 : end] == b"\n":  # some comment nodes hold their newline
            end -= 1
        match = _GAP.match(self._data, end)
        self._above[match.end() if match else end] = start

    def _keep_import(self, pattern: int, role: str, captures: Captures) -> None:
        node, source = captures[role][0], captures.get("import.from")
        known = self._imports.get(node.start_byte)
        if known is None or pattern < known.pattern:
            settings = self._settings[pattern]
            self._imports[node.start_byte] = Import(
                role,
                pattern,
                self._text(node, MAX_IMPORT),
                self._text(source[0]) if source else "",
                settings.get("prefix", ""),
                settings.get("suffix", ""),
            )

    def _keep_definition(self, pattern: int, captures: Captures) -> None:
        settings = self._settings[pattern]
        kind = next(role for role in captures if role not in _ROLES)
        node = captures[kind][0]
        name_node = captures["name"][0] if "name" in captures else None
        place = name_node.start_byte if name_node is not None else -1 - node.start_byte
        known = self._definitions.get(place)
        if known is not None and known.pattern <= pattern:
            return
        header_end = self._header_end(node, name_node, captures, settings)
        if name_node is not None:
            name = _plain(self._text(name_node))
        else:
            name = settings.get("title") or _plain(self._data[node.start_byte : header_end].decode("utf-8", "ignore"))
        if not name:
            return  # made up by the parser to get on after an error
        if "owner" in captures:
            name = f"{self._text(captures['owner'][0])}.{name}"
        scope = name
        if kind == "impl":
            name = scope = _without_generics(name)
        if "implemented" in captures:
            name = f"{_without_generics(_plain(self._text(captures['implemented'][0])))} for {scope}"
        number = settings.get("number", "")
        header_start = self._header_start(node.start_byte, name_node, header_end)
        self._definitions[place] = Definition(
            kind, name, scope, node.start_byte, node.end_byte, header_start, header_end, pattern, number
        )

    def _header_start(self, start: int, name: Node | None, header_end: int) -> int:
        """Where the line of the name starts: decorators, attributes and annotations may stand above it in the node."""
        if name is None:
            return start
        begin = max(start, name.start_byte - MAX_HEADER)
        newline = self._data.rfind(b"\n", begin, name.start_byte)
        if newline < 0:
            return start if begin == start else name.start_byte if name.start_byte < header_end else start
        indent = _INDENT.match(self._data, newline + 1)
        line = indent.end() if indent else newline + 1
        return line if line < header_end else start  # the name may come after the body

    def _header_end(self, node: Node, name: Node | None, captures: Captures, settings: Settings) -> int:
        start = node.start_byte if name is None else name.start_byte
        most = min(node.end_byte, start + MAX_HEADER)
        opening = captures.get("open", [])
        if settings.get("header") == "line":
            end = self._data.find(b"\n", opening[0].end_byte if opening else start, most)
            end = end if end >= 0 else most
        elif opening:
            end = opening[0].end_byte
        elif "body" in captures:
            end = captures["body"][0].start_byte
        else:
            end = most
        return node.start_byte + len(self._data[node.start_byte : min(end, most)].rstrip())

    def _text(self, node: Node, most: int = 4 * MAX_NAME) -> str:
        end = min(node.end_byte, node.start_byte + most)
        return self._data[node.start_byte : end].decode("utf-8", "ignore")


def _plain(name: str) -> str:
    name = _SPACE.sub(" ", name).strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'`":
        name = name[1:-1]
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"


def _without_generics(name: str) -> str:
    while (shorter := _GENERICS.sub("", name)) != name:
        name = shorter
    return name
