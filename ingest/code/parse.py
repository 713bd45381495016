"""Source bytes → syntax tree; refused is what tree-sitter would crash on or take quadratic time for."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ingest.code.grammars import Grammar
from ingest.code.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Parser, Tree

MAX_BYTES = 5_000_000  # the tree takes up to 200 times as much memory as the text
MINIFIED = 400  # bytes a line on average: made by a program, nobody cites its functions
MAX_BROKEN = 30_000  # nodes side by side that the parser could make nothing of: a search is quadratic in them
SECONDS, SECONDS_PER_MB = 1.5, 2.0  # of computing; only hostile files take a tenth of it
SMALL = 12_000  # bytes parsed without a clock: with one, tree-sitter 0.26.1 leaks the bytes it is given
CHUNK = 1 << 16


class OutlineError(Exception):
    """No outline is possible; the text says why."""


def parse(data: bytes, language: Language, grammar: Grammar) -> Tree:
    """The tree of a file, syntax errors and all; OutlineError where there is none to be had."""
    import tree_sitter

    reason = _refused(data, language)
    if reason:
        raise OutlineError(reason)
    parser = tree_sitter.Parser(grammar.language)
    tree = parser.parse(data) if len(data) <= SMALL else _timed(parser, data)
    root = tree.root_node
    broken = [root, *root.children] if root.has_error else []
    if any(node.is_error and node.child_count > MAX_BROKEN for node in broken):
        raise OutlineError(f"its syntax is not that of {language.name}")
    return tree


def _timed(parser: Parser, data: bytes) -> Tree:
    deadline = time.process_time() + SECONDS + SECONDS_PER_MB * len(data) / 1e6
    try:
        return parser.parse(
            lambda offset, _: data[offset : offset + CHUNK],
            progress_callback=lambda *_: time.process_time() > deadline,
        )
    except ValueError:
        raise OutlineError("its syntax takes too long to follow") from None


def _refused(data: bytes, language: Language) -> str:
    if len(data) > MAX_BYTES:
        return f"it is larger than {MAX_BYTES // 1_000_000} MB"
    if not language.data and len(data) > MINIFIED * 20 and len(data) > MINIFIED * data.count(b"\n"):
        return "its lines are so long that a program must have written it"
    if language.indent and re.search(rb"^[ \t?-]{%d}" % language.indent, data, re.M):
        return "it is nested too deeply"
    return ""
