"""Source text → its definitions as sections, nested as in the code, and its imports as written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from ingest.code.grammars import Grammar
from ingest.code.imports import Import
from ingest.code.languages import Language
from ingest.code.matches import Definition, Matches
from ingest.code.offsets import characters_at
from ingest.code.parse import parse
from ingest.document import Section

MAX_TITLE = 200  # characters of a name with the names it is nested in
MAX_DEFINITIONS = 20_000
MAX_KEYS = 1_000  # of a data file: a table of ten thousand keys is content, not an outline
MAX_DEPTH = 1_000  # of the tree: searching deeper takes quadratic time, and people do not nest so
MATCH_LIMIT = 65_536

TYPES = frozenset(("class", "struct", "interface", "trait", "enum", "union", "record", "object", "impl"))
WIDE_SCOPES = frozenset(("namespace", "document"))  # left out of the titles of what they hold

_REST_OF_LINE = re.compile(rb"[ \t]*[;,]?[ \t]*(?:\n|\Z)")


@dataclass(slots=True)
class Outline:
    """`limited` says in words what the outline leaves out, if anything."""

    sections: list[Section] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    limited: str = ""


@dataclass(slots=True)
class _Row:
    """A definition on its way to a section, in bytes; `scope` is what the titles inside it start with."""

    definition: Definition
    kind: str
    title: str
    scope: str
    level: int
    start: int
    end: int
    header_start: int
    header_end: int


def outline(text: str, language: Language, grammar: Grammar) -> Outline:
    """The outline of `text`; with syntax errors, of what could be parsed. OutlineError where there is none."""
    from tree_sitter import QueryCursor

    data = text.encode()
    tree = parse(data, language, grammar)
    cursor = QueryCursor(grammar.query, match_limit=MATCH_LIMIT)
    cursor.set_max_start_depth(language.depth or MAX_DEPTH)
    matches = Matches(data, grammar.settings)
    for pattern, captures in cursor.matches(tree.root_node):
        matches.add(pattern, captures)
    limited = "what is nested too deeply" if cursor.did_exceed_match_limit else ""
    rows, cut = _bounded(_nest(data, matches, language), language)
    at = characters_at(data, (edge for row in rows for edge in (row.start, row.header_start, row.header_end, row.end)))
    sections = [
        Section(row.title, row.level, at[row.start], at[row.end], at[row.header_end], row.kind, at[row.header_start])
        for row in rows
        if at[row.header_start] < at[row.header_end]
    ]
    return Outline(sections, matches.imports(), cut or limited)


def _bounded(rows: list[_Row], language: Language) -> tuple[list[_Row], str]:
    most, cut = MAX_KEYS if language.data else MAX_DEFINITIONS, ""
    if language.data and len(rows) > most:
        rows, cut = [row for row in rows if row.level == 1], "nested keys, of which there are too many"
    if len(rows) > most:
        rows, cut = rows[:most], f"all but the first {most:,} of {len(rows):,} definitions"
    return rows, cut


def _nest(data: bytes, matches: Matches, language: Language) -> list[_Row]:
    """The definitions in order, each with the comments above it; they nest as their nodes do."""
    opened: list[_Row] = []
    rows: list[_Row] = []
    for each in _numbered(matches.definitions()):
        start = matches.start_above(each.node_start)
        floor = 0
        while opened and opened[-1].definition.node_end <= each.node_start:
            before = opened.pop()
            floor = max(floor, before.header_end)
            before.end = min(before.end, max(start, floor))  # its node may hold the comment above the next one
        parent = opened[-1] if opened else None
        end = each.node_start + len(data[each.node_start : each.node_end].rstrip())
        rest = _REST_OF_LINE.match(data, end)
        end = min(rest.end() if rest else end, parent.end if parent else len(data))
        start = max(start, floor, parent.start if parent else 0)
        row = _Row(each, each.kind, each.name, each.scope, 1, start, end, each.header_start, min(each.header_end, end))
        if parent is not None:
            row.level = parent.level + 1
            if row.kind == "function" and parent.kind in TYPES:
                row.kind = "method"
            if parent.scope:
                row.title = f"{parent.scope}{language.scope}{each.name}"[-MAX_TITLE:]
                row.scope = f"{parent.scope}{language.scope}{each.scope}"[-MAX_TITLE:]
        if each.kind in WIDE_SCOPES:
            row.scope = parent.scope if parent else ""
        opened.append(row)
        rows.append(row)
    return rows


def _numbered(definitions: list[Definition]) -> list[Definition]:
    """Nameless ones of a kind are counted instead; a single one goes without saying."""
    totals = Counter(each.number for each in definitions if each.number)
    counts: Counter[str] = Counter()
    for each in definitions:
        if each.number:
            counts[each.number] += 1
            each.name = f"{each.number} {counts[each.number]}"
    return [each for each in definitions if totals[each.number] != 1]
