"""The tree of a repository as an index: its files, lines, definitions, words and the imports of its map.

Everything comes out of the Document; nothing is parsed again, as sources are hostile.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from posixpath import dirname

from ingest import Document, Section, Span
from ingest.code.map import NOT_MAPPED
from ingest.code.map import PATH as MAP_PATH

NOT_SYMBOLS = NOT_MAPPED | {"file", "map", "session", "customer"}
SEPARATORS = re.compile(r"::|->|[.#\\]")
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_ROW = re.compile(r"^  (imports|imported by): (.*)$")
_MORE = re.compile(r" and ([\d,]+) more$")


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition: `name` is its title with dots for separators, lines are 1-based, offsets the document's."""

    name: str
    kind: str
    path: str
    line: int
    last_line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Linked:
    """Files, or folders ending in "/", that the map links to one file; `more`: how many it only counts."""

    paths: tuple[str, ...] = ()
    more: int = 0


class Tree:
    """Built once for a document; the parts that cost time are built when they are first asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._spans: dict[str, list[Span]] = {}
        for span in document.spans:
            if span.line is not None and not span.path.startswith("("):
                self._spans.setdefault(span.path, []).append(span)
        self.folders = {""}
        self._ends: dict[str, list[str]] = {}
        for path in self._spans:
            self._note(path)
            folder = dirname(path)
            while folder not in self.folders:
                self.folders.add(folder)
                self._note(folder + "/")
                folder = dirname(folder)

    def _note(self, path: str) -> None:
        at = len(path) - 1
        while at > 0:
            at = path.rfind("/", 0, at)
            self._ends.setdefault(path[at + 1 :], []).append(path)

    @property
    def files(self) -> tuple[str, ...]:
        """All files that were read, in order of the document."""
        return tuple(self._spans)

    def named(self, path: str) -> tuple[str, ...]:
        """Files and folders (ending in "/") with this path, or with a path that ends so at a slash."""
        path = path.removeprefix("./").lstrip("/")
        if path in self._spans:
            return (path,)
        return tuple(self._ends.get(path, ())) or tuple(self._ends.get(path.rstrip("/") + "/", ()))

    def lines(self, path: str) -> int:
        """How many lines a file has."""
        last = self._spans[path][-1]
        return (last.line or 1) + self.document.text.count("\n", last.start, last.end - 1)

    def line_range(self, path: str, line: int) -> tuple[int, int]:
        """The characters of a line (1-based) without its newline; IndexError if the file has no such line."""
        spans = self._spans[path]
        span = spans[max(bisect_right(spans, line, key=lambda each: each.line or 1) - 1, 0)]
        at, text = span.start, self.document.text
        for _ in range(line - (span.line or 1)):
            at = text.find("\n", at, span.end) + 1
            if not at:
                break
        if line < 1 or not span.start <= at < span.end:
            raise IndexError(f"{path} has no line {line}")
        return at, text.find("\n", at)

    # -- definitions -----------------------------------------------------------------

    @cached_property
    def _symbols(self) -> dict[str, list[Symbol]]:
        found: dict[str, list[Symbol]] = {}
        for section in self.document.sections:
            if section.kind not in NOT_SYMBOLS:
                symbol = self._symbol(section)
                if symbol is not None:
                    found.setdefault(symbol.name.rpartition(".")[2], []).append(symbol)
        return found

    def _symbol(self, section: Section) -> Symbol | None:
        span = self.document.span_at(section.header_start)
        line = self.document.line_of(section.header_start)
        if span.path not in self._spans or line is None:
            return None
        name = SEPARATORS.sub(".", section.title.rpartition(" for ")[2].strip())
        last = self.document.line_of(max(section.header_start, section.end - 1)) or line
        header_end = min(section.header_end, section.header_start + 200)
        return Symbol(name, section.kind, span.path, line, last, section.header_start, header_end)

    @cached_property
    def defined(self) -> tuple[Symbol, ...]:
        """All definitions of the files, in order of place."""
        found = [symbol for same in self._symbols.values() for symbol in same]
        return tuple(sorted(found, key=lambda symbol: symbol.start))

    def symbols(self, name: str) -> tuple[Symbol, ...]:
        """The definitions that `name` may mean: its title, the end of it, or with its module's name before it."""
        wanted = SEPARATORS.sub(".", name).strip(".")
        last = wanted.rpartition(".")[2]
        same = self._symbols.get(last, ())
        exact = [symbol for symbol in same if symbol.name == wanted or symbol.name.endswith("." + wanted)]
        if exact or last == wanted:
            return tuple(exact)
        return tuple(symbol for symbol in same if self._in_module(symbol, wanted))

    @staticmethod
    def _in_module(symbol: Symbol, wanted: str) -> bool:
        """Whether `wanted` is the symbol behind the name of its file or folder: `engine.read`, `ingest.load`."""
        before = wanted.removesuffix("." + symbol.name) if wanted.endswith("." + symbol.name) else ""
        place = [*re.split(r"[/.]", symbol.path)[:-1], symbol.name]
        return bool(before) and before.rpartition(".")[2] in place

    @cached_property
    def words(self) -> frozenset[str]:
        """Every identifier that stands anywhere in the files, and the names of the files themselves."""
        found: set[str] = set()
        for path, spans in self._spans.items():
            found.update(_IDENTIFIER.findall(path))
            for span in spans:
                found.update(_IDENTIFIER.findall(self.document.text, span.start, span.end))
        return frozenset(found)

    # -- imports ---------------------------------------------------------------------

    @cached_property
    def _links(self) -> dict[tuple[str, str], Linked]:
        """The rows of the map's own list of imports, by file and kind of row."""
        found: dict[tuple[str, str], Linked] = {}
        for section in self.document.sections:
            if section.kind != "map" or not section.title.startswith("Imports"):
                continue
            path = ""
            for line in self.document.text[section.header_end : section.end].split("\n"):
                row = _ROW.match(line)
                if row is None:
                    path = line if not line.startswith(" ") else path
                    continue
                more = _MORE.search(row[2])
                names = row[2][: more.start()] if more else row[2]
                paths = tuple(name for name in names.split(", ") if name in self._spans or name.endswith("/"))
                found[path, row[1]] = Linked(paths, int(more[1].replace(",", "")) if more else 0)
        return found

    @property
    def has_map(self) -> bool:
        """Whether the document begins with a map of the repository."""
        return bool(self.document.spans) and self.document.spans[0].path == MAP_PATH

    def imports_of(self, path: str) -> Linked:
        """What a file imports, as the map says."""
        return self._links.get((path, "imports"), Linked())

    def importers_of(self, path: str) -> Linked:
        """Who imports a file, or the folder it stands in, as the map says."""
        direct = self._links.get((path, "imported by"), Linked())
        folder = dirname(path) + "/"
        whole = tuple(other for (other, row), to in self._links.items() if row == "imports" and folder in to.paths)
        return Linked(tuple(dict.fromkeys((*direct.paths, *whole))), direct.more)
