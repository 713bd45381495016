"""Who calls, uses or imports something of a repository: by name in the files, and by the map's list of imports.

Names are compared, not types: a method of the same name on another class counts, and the fact says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import splitext

from assistant.checked import Checked, Place, merged
from assistant.code_tree import SEPARATORS, Linked, Symbol, Tree
from ingest.tree.kinds import CODE_SUFFIXES

MAX_TOLD = 20  # places in one sentence; the rest is counted
MAX_PLACES = 8  # places cited
SOURCES = CODE_SUFFIXES | {".pyi", ".sql", ".kts", ".bash", ".zsh", ".mts", ".cts", ".svelte"}
_NAME = (
    r"(?:the\s)?(?:(?:function|method|class|module|file|package|type)\s)?"
    r"[`\"'“]?(?P<name>[\w$./\\:@#-]*\w/?)(?:\(\))?[`\"'”]?"
)
_VERBS = r"(?:calls|call|invokes?|uses|use|references?|instantiates?|depends? on)"
_CALLS = (
    re.compile(rf"\b{_VERBS}\s{_NAME}(?=\W*(?:$|\?|\.|,|and\b|in\b))", re.IGNORECASE),
    re.compile(
        rf"\b(?:is|are|gets?)\s{_NAME}\s(?:\w+\s)?(?:called|used|invoked|referenced|instantiated)\b", re.IGNORECASE
    ),
    re.compile(rf"\b(?:callers?|usages?|uses|references?|call sites?)\s(?:of|to)\s{_NAME}", re.IGNORECASE),
)
_IMPORTERS = (
    re.compile(rf"\b(?:who|what|which\s[\w\s]{{1,30}}?)\s(?:imports?|includes?|requires?)\s{_NAME}", re.IGNORECASE),
    re.compile(rf"\b(?:is|are|gets?)\s{_NAME}\s(?:\w+\s)?(?:imported|included|required)\b", re.IGNORECASE),
    re.compile(rf"\b(?:importers?)\s(?:of)\s{_NAME}", re.IGNORECASE),
)
_IMPORTED = (re.compile(rf"\b(?:does|do)\s{_NAME}\s(?:import|include|require|depend on)\b", re.IGNORECASE),)
_COMMENT = re.compile(r"^\s*(?:#(?!include)|//|/\*|\*|--\s|;|%)")
_TRAILING = re.compile(r"(?:\s#\s|//|/\*|\s--\s)")
_IMPORT_LINE = re.compile(r"^\s*(?:import|from|use|using|require|require_once|include|#include|export\s.*\bfrom)\b")


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a name stands in a file; `called`: an opening bracket follows it."""

    path: str
    line: int
    inside: str
    start: int
    end: int
    called: bool


def uses_asked_for(tree: Tree, question: str) -> Checked:
    """Verified facts for questions such as "who calls X", "where is X used", "who imports X", "what does X import"."""
    parts: list[Checked] = []
    for name in _asked(question, _IMPORTERS):
        parts += [_importers(tree, path) for path in meant_files(tree, name)]
    for name in _asked(question, _IMPORTED):
        parts += [_imports(tree, path) for path in meant_files(tree, name)]
    if not parts:
        for name in _asked(question, _CALLS):
            symbols = tree.symbols(name)
            if symbols:
                parts.append(_uses(tree, name, symbols))
            else:
                parts += [_importers(tree, path) for path in meant_files(tree, name)]
    return merged(parts)


def find_uses(tree: Tree, name: str) -> Iterator[Use]:
    """Where the last part of `name` stands in source files: no definitions, comments, imports or quoted texts.

    A method counts behind a dot or another separator only.
    """
    word = SEPARATORS.split(name)[-1]
    text = tree.document.text
    method = all(symbol.kind == "method" for symbol in tree.symbols(name)) and bool(tree.symbols(name))
    definitions = {symbol.start for symbol in tree.symbols(word)}
    headers = [(symbol.start, symbol.end) for symbol in tree.symbols(word)]
    for match in re.finditer(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text):
        span = tree.document.span_at(match.start())
        if span.line is None or span.path.startswith("(") or match.start() in definitions:
            continue
        if splitext(span.path)[1].lower() not in SOURCES:
            continue
        begin = text.rfind("\n", 0, match.start()) + 1
        before = text[begin : match.start()]
        if any(start <= match.start() < end for start, end in headers) and _first(text, word, headers, match.start()):
            continue
        if method and not before.rstrip().endswith((".", "->", "::")):
            continue
        if _COMMENT.match(before + "x") or _TRAILING.search(before) or _quoted(before) or _IMPORT_LINE.match(before):
            continue
        section = tree.document.section_at(match.start())
        inside = section.title if section is not None and section.kind != "file" else ""
        line = tree.document.line_of(match.start()) or 1
        ends = text.find("\n", match.end())
        called = re.match(r"\s?(?:<[\w, ]{1,40}>|::<[\w, ]{1,40}>)?[!?]?\(", text[match.end() : match.end() + 60])
        start = begin + len(before) - len(before.lstrip())
        yield Use(span.path, line, inside, start, ends if ends > 0 else len(text), called is not None)


def _first(text: str, word: str, headers: list[tuple[int, int]], at: int) -> bool:
    """Whether this is the name in its own header, not a second mention such as a default value."""
    for start, end in headers:
        if start <= at < end:
            first = re.search(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text[start:end])
            return first is not None and start + first.start() == at
    return False


def _quoted(before: str) -> bool:
    """Whether the line so far opens a quoted text and does not close it."""
    return any(before.replace("\\" + mark, "").count(mark) % 2 for mark in "\"'`")


def _asked(question: str, patterns: tuple[re.Pattern[str], ...]) -> list[str]:
    found = [match["name"] for pattern in patterns for match in pattern.finditer(question)]
    return list(dict.fromkeys(name.strip(".:") for name in found if name.strip(".:")))


def meant_files(tree: Tree, name: str) -> tuple[str, ...]:
    """The files that a name means: a path, a module in dots, a file's stem, or the file that defines a symbol."""
    plain = SEPARATORS.sub("/", name)
    direct = [path for path in tree.named(name) if not path.endswith("/")]
    if direct:
        return tuple(direct[:3])
    ends = [path for path in tree.files if f"/{splitext(path)[0]}".endswith("/" + plain)]
    ends += [path for path in tree.files if f"/{path}".endswith(f"/{plain}/__init__.py")]
    defined = [symbol.path for symbol in tree.symbols(name)]
    return tuple(dict.fromkeys(ends or defined))[:3]


def _uses(tree: Tree, name: str, symbols: tuple[Symbol, ...]) -> Checked:
    """Only the bare name is said to be used where several definitions share it: which of them is meant is not known."""
    found = list(find_uses(tree, name))
    defined = ", ".join(f"{symbol.path}:{symbol.line}" for symbol in symbols[:3])
    rows = [f"`{name}` is defined at {defined}" + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "") + "."]
    word = SEPARATORS.split(name)[-1]
    same = len(tree.symbols(word))
    shown = f"`{name}`" if same == 1 else f"Something named `{word}` ({same} definitions share the name)"
    called = [use for use in found if use.called]
    others = [use for use in found if not use.called]
    rows += [f"{shown} is {verb} at {_list(uses)}." for verb, uses in (("called", called), ("named", others)) if uses]
    if not found:
        rows.append(f"`{name}` is not used anywhere else in the source files that were read.")
    places = tuple(Place(use.start, use.end, "caller") for use in (called or others)[:MAX_PLACES])
    return Checked(places=places, facts=(" ".join(rows),))


def _list(uses: list[Use]) -> str:
    told = [f"{use.path}:{use.line}" + (f" (in {use.inside})" if use.inside else "") for use in uses[:MAX_TOLD]]
    more = len(uses) - len(told)
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _importers(tree: Tree, path: str) -> Checked:
    found = tree.importers_of(path)
    if not tree.has_map:
        return Checked()
    if not found.paths:
        return Checked(facts=(f"No file that was read imports {path}.",))
    places = [place for by in found.paths[:MAX_PLACES] if (place := import_line(tree, by, path)) is not None]
    return Checked(places=tuple(places), facts=(f"{path} is imported by {_paths(found)}.",))


def _imports(tree: Tree, path: str) -> Checked:
    found = tree.imports_of(path)
    if not tree.has_map:
        return Checked()
    if not found.paths:
        return Checked(facts=(f"{path} imports no file of this repository.",))
    return Checked(facts=(f"{path} imports {_paths(found)}.",))


def _paths(found: Linked) -> str:
    return ", ".join(found.paths) + (f" and {found.more} more" if found.more else "")


def import_line(tree: Tree, importer: str, path: str) -> Place | None:
    """The line of `importer` that names the imported file, where one can be told."""
    if importer.endswith("/"):
        return None
    stem = splitext(path)[0].removesuffix("/__init__").removesuffix("/index").removesuffix("/mod").rpartition("/")[2]
    for line in range(1, min(tree.lines(importer), 400) + 1):
        start, end = tree.line_range(importer, line)
        text = tree.document.text[start:end]
        if re.search(rf"(?<!\w){re.escape(stem)}(?!\w)", text) and not _COMMENT.match(text):
            return Place(start, end, "importer")
    return None
