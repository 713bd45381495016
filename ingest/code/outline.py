"""Source text → its definitions as sections and its imports as written, by one tree-sitter query.

Captures of queries/*.scm: @class, @function … mark a definition and name its kind; @name; @body starts after the
header and @open ends it; @owner is a receiver, @implemented the trait of an impl; @comment and @attribute right above a
definition belong to it; @import (.from, .tree, .path) see imports.py. Settings (#set!): title, number, header, prefix,
suffix, and callee: words that @callee must be one of. Text predicates (#eq? …) are never used: tree-sitter 0.26.1
frees them twice.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.code.grammars import Grammar
from ingest.code.imports import Import
from ingest.code.languages import Language
from ingest.code.offsets import characters_at
from ingest.document import Section

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

MAX_HEADER = 300  # bytes of a header from the name on
MAX_NAME = 100  # characters of one name
MAX_TITLE = 200  # characters with the names it is nested in
MAX_IMPORT = 10_000  # bytes of one import with all its groups
MAX_INDENT = 500  # bytes before a comment on its line
MAX_DEFINITIONS = 20_000
MAX_KEYS = 1_000  # of a data file: a table of ten thousand keys is content, not an outline
MAX_BYTES = 5_000_000  # the tree takes up to 200 times as much memory as the text
MINIFIED = 400  # bytes a line on average: made by a program, nobody cites its functions
PARSE_SECONDS = 20.0  # only hostile files take more than one
CHUNK = 1 << 16
MAX_DEPTH = 1_000  # of the tree: searching deeper takes quadratic time, and people do not nest so
MAX_BROKEN = 30_000  # nodes side by side that the parser could make nothing of: the search is quadratic in them
MATCH_LIMIT = 65_536

TYPES = frozenset(("class", "struct", "interface", "trait", "enum", "union", "record", "object", "impl"))
UNNAMED_SCOPES = frozenset(("namespace", "document"))  # wide scopes, left out of the titles of what they hold

_ROLES = frozenset((
    "name", "body", "open", "owner", "implemented", "comment", "attribute", "callee", "import", "import.from", "import.tree",
    "import.path",
))  # fmt: skip
_GAP = re.compile(rb"[ \t]*\n?[ \t]*")
_REST_OF_LINE = re.compile(rb"[ \t]*[;,]?[ \t]*(?:\n|\Z)")
_SPACE = re.compile(r"\s+")
_GENERICS = re.compile(r"<[^<>]*>")


class OutlineError(Exception):
    """No outline is possible; the text says why."""


@dataclass(slots=True)
class Outline:
    """`limited` says in words what the outline leaves out, if anything."""

    sections: list[Section] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    limited: str = ""


@dataclass(slots=True)
class _Definition:
    """One match in bytes; [node_start, node_end) is the node, [start, end) what the section will be."""

    node_start: int
    node_end: int
    kind: str
    name: str
    header_end: int
    pattern: int
    number: str = ""
    start: int = 0
    end: int = 0
    scope: str = ""  # what the titles of nested definitions start with
    title: str = ""
    level: int = 1


def outline(text: str, language: Language, grammar: Grammar) -> Outline:
    """The outline of `text`; a file with syntax errors gives what could be parsed."""
    from tree_sitter import QueryCursor

    data = text.encode()
    reason = _why_not(data, language)
    if reason:
        raise OutlineError(reason)
    tree = _parse(data, language, grammar)
    cursor = QueryCursor(grammar.query, match_limit=MATCH_LIMIT)
    cursor.set_max_start_depth(language.depth or MAX_DEPTH)
    found = _Matches(data, grammar)
    for pattern, captures in cursor.matches(tree.root_node):
        found.add(pattern, captures)
    definitions = _nest(found, language)
    limited = "a part too deep to search" if cursor.did_exceed_match_limit else ""
    most = MAX_KEYS if language.data else MAX_DEFINITIONS
    if len(definitions) > most and language.data:
        definitions = [each for each in definitions if each.level == 1]
        limited = "nested keys, which are too many"
    if len(definitions) > most:
        limited = f"all but the first {most:,} of {len(definitions):,}"
        del definitions[most:]
    at = characters_at(data, (edge for each in definitions for edge in (each.start, each.header_end, each.end)))
    sections = [
        Section(each.title, each.level, at[each.start], at[each.end], at[each.header_end], each.kind)
        for each in definitions
        if at[each.start] < at[each.header_end]
    ]
    return Outline(sections, list(found.imports.values()), limited)


def _why_not(data: bytes, language: Language) -> str:
    if len(data) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1_000_000} MB"
    if not language.data and len(data) > MINIFIED * 20 and len(data) > MINIFIED * data.count(b"\n"):
        return "its lines are so long that a program must have written it"
    if language.indent and re.search(rb"^[ \t?-]{%d}" % language.indent, data, re.M):
        return "it is nested too deeply"
    return ""


def _parse(data: bytes, language: Language, grammar: Grammar) -> Tree:
    from tree_sitter import Parser

    deadline = time.monotonic() + PARSE_SECONDS
    try:
        tree = Parser(grammar.language).parse(
            lambda offset, _: data[offset : offset + CHUNK],
            progress_callback=lambda *_: time.monotonic() > deadline,
        )
    except ValueError:
        raise OutlineError("its syntax takes too long to follow") from None
    root = tree.root_node
    broken = [root, *root.children] if root.has_error else []
    if any(node.is_error and node.child_count > MAX_BROKEN for node in broken):
        raise OutlineError(f"its syntax is not that of {language.name}")
    return tree


class _Matches:
    """What the query found, in bytes."""

    def __init__(self, data: bytes, grammar: Grammar) -> None:
        self.data, self.settings = data, grammar.settings
        self.definitions: dict[int, _Definition] = {}  # by the place of the name: the first pattern wins
        self.above: dict[int, int] = {}  # where code goes on after a comment or attribute → where that starts
        self.imports: dict[int, Import] = {}  # by place, as definitions

    def add(self, pattern: int, captures: dict[str, list[Node]]) -> None:
        if "comment" in captures:
            node = captures["comment"][0]
            column = node.start_point[1]
            start = node.start_byte
            if column <= MAX_INDENT and not self.data[start - column : start].strip():
                self._lies_above(start, node.end_byte)
            return
        if "attribute" in captures:
            node = captures["attribute"][0]
            self._lies_above(node.start_byte, node.end_byte)
            return
        settings = self.settings[pattern]
        if "callee" in settings and self._text(captures["callee"][0]) not in settings["callee"].split():
            return
        for role in ("import", "import.tree", "import.path"):
            if role in captures:
                node, source = captures[role][0], captures.get("import.from")
                known = self.imports.get(node.start_byte)
                if known is None or pattern < known.pattern:
                    self.imports[node.start_byte] = Import(
                        role, pattern, self._text(node, MAX_IMPORT), self._text(source[0]) if source else "",
                        settings.get("prefix", ""), settings.get("suffix", ""),
                    )  # fmt: skip
                return
        self._define(pattern, captures, settings)

    def _lies_above(self, start: int, end: int) -> None:
        if self.data[end - 1] == 10:  # this comment node holds its newline
            end -= 1
        match = _GAP.match(self.data, end)
        self.above[match.end() if match else end] = start

    def _define(self, pattern: int, captures: dict[str, list[Node]], settings: dict[str, str]) -> None:
        kind = next(role for role in captures if role not in _ROLES)
        node = captures[kind][0]
        name_node = captures["name"][0] if "name" in captures else None
        place = -1 - node.start_byte if name_node is None else name_node.start_byte
        known = self.definitions.get(place)
        if known is not None and known.pattern <= pattern:
            return
        header_end = self._header_end(node, name_node, captures, settings)
        if name_node is not None:
            name = _plain(self._text(name_node))
            if not name:
                return  # made up by the parser to get on after an error
        else:
            name = settings.get("title", "")
            name = name or _plain(self.data[node.start_byte : header_end].decode("utf-8", "ignore"))
        if "owner" in captures:
            name = f"{self._text(captures['owner'][0])}.{name}"
        found = _Definition(node.start_byte, node.end_byte, kind, name, header_end, pattern, settings.get("number", ""))
        if kind == "impl":
            found.scope = found.name = _without_generics(name)
        if "implemented" in captures:
            found.name = f"{_without_generics(_plain(self._text(captures['implemented'][0])))} for {found.scope}"
        self.definitions[place] = found

    def _header_end(
        self, node: Node, name: Node | None, captures: dict[str, list[Node]], settings: dict[str, str]
    ) -> int:
        start = node.start_byte if name is None else name.start_byte
        most = min(node.end_byte, start + MAX_HEADER)
        if settings.get("header") == "line":
            last = captures.get("open", [name] if name is not None else [])
            end = self.data.find(b"\n", last[0].end_byte if last else start, most)
            end = most if end < 0 else end
        elif "open" in captures:
            end = captures["open"][0].end_byte
        elif "body" in captures:
            end = captures["body"][0].start_byte
        else:
            end = most
        end = min(end, most)
        return node.start_byte + len(self.data[node.start_byte : end].rstrip())

    def _text(self, node: Node, most: int = 4 * MAX_NAME) -> str:
        end = min(node.end_byte, node.start_byte + most)
        return self.data[node.start_byte : end].decode("utf-8", "ignore")


def _nest(found: _Matches, language: Language) -> list[_Definition]:
    """Definitions in order, each with the comments above it, its level and its title; they nest as their nodes do."""
    data = found.data
    ordered = sorted(found.definitions.values(), key=lambda each: (each.node_start, -each.node_end, each.pattern))
    numbers = Counter(each.number for each in ordered if each.number)
    counted: Counter[str] = Counter()
    opened: list[_Definition] = []
    nested: list[_Definition] = []
    for each in ordered:
        if each.number:
            counted[each.number] += 1
            each.name = f"{each.number} {counted[each.number]}"
            if numbers[each.number] == 1:
                continue
        start, floor = each.node_start, 0
        while start in found.above:
            start = found.above[start]
        while opened and opened[-1].node_end <= each.node_start:
            before = opened.pop()
            floor = max(floor, before.header_end)
            before.end = min(before.end, max(start, floor))
        parent = opened[-1] if opened else None
        each.start = max(start, floor, parent.start if parent else 0)
        end = each.node_start + len(data[each.node_start : each.node_end].rstrip())
        rest = _REST_OF_LINE.match(data, end)
        each.end = rest.end() if rest else end
        each.header_end = min(each.header_end, each.end)
        if parent is not None:
            each.level = parent.level + 1
            each.end = min(each.end, parent.end)
            if each.kind == "function" and parent.kind in TYPES:
                each.kind = "method"
        outer = parent.scope if parent else ""
        each.title = f"{outer}{language.scope}{each.name}"[-MAX_TITLE:] if outer else each.name
        scope = each.scope or each.name
        scope = f"{outer}{language.scope}{scope}"[-MAX_TITLE:] if outer else scope
        each.scope = outer if each.kind in UNNAMED_SCOPES else scope
        opened.append(each)
        nested.append(each)
    return nested


def _plain(name: str) -> str:
    name = _SPACE.sub(" ", name).strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'`":
        name = name[1:-1]
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…"


def _without_generics(name: str) -> str:
    while (shorter := _GENERICS.sub("", name)) != name:
        name = shorter
    return name
