"""Every path, line and symbol that an answer names, looked up in the tree; what is not there is told apart."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from assistant.checked import Checked, Place, merged
from assistant.code_names import Named, names_in
from assistant.code_tree import SEPARATORS, Symbol, Tree
from assistant.code_uses import uses_asked_for

MAX_PLACES = 8  # definitions and lines cited beside one answer
MAX_SAME = 3  # a name with more definitions than this points nowhere in particular
NEAR = 80  # characters between a symbol and the place that is given for it
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")


class CodeCheck:
    """Prepared once for a document."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def names(self, answer: str, kinds: Collection[str] = ("paths", "symbols")) -> Checked:
        """Which names of `answer` are not in the tree, where the others are defined, and whether its places agree."""
        names = tuple(name for name in names_in(answer) if f"{name.kind}s" in kinds)
        parts: list[Checked] = []
        for index, name in enumerate(names):
            if name.kind == "symbol":
                parts.append(self._symbol(name, names))
            else:
                before = [each for each in names[:index] if each.kind == "symbol" and _near(answer, each, name)]
                parts.append(self._path(name, before[-1] if before else None))
        found = merged(parts)
        return replace(found, places=found.places[:MAX_PLACES])

    def uses(self, question: str) -> Checked:
        """Callers, uses and importers of what the question asks for; nothing for other questions."""
        return uses_asked_for(self._tree, question)

    def _path(self, name: Named, symbol: Named | None) -> Checked:
        paths = self._tree.named(name.text)
        if not paths:
            return Checked(unverified=(_written(name),)) if not self._is_symbol(name) else Checked()
        if name.lines is None or paths[0].endswith("/"):
            return Checked()
        first, last = name.lines
        fitting = [path for path in paths if not path.endswith("/") and 1 <= first <= last <= self._tree.lines(path)]
        if not fitting:
            return Checked(unverified=(_written(name),), refuted=True)
        if symbol is None or len(fitting) > 1:
            return Checked(places=(self._line(fitting[0], first),)) if len(fitting) == 1 else Checked()
        return self._agrees(name, fitting[0], symbol)

    def _agrees(self, name: Named, path: str, symbol: Named) -> Checked:
        """Whether `symbol` has to do with the lines that the answer gives for it."""
        first, last = name.lines or (1, 1)
        here = self._tree.line_range(path, first)
        defined = [each for each in self._tree.symbols(symbol.text) if each.path == path]
        word = SEPARATORS.split(symbol.text)[-1]
        text = self._tree.document.text[here[0] : self._tree.line_range(path, last)[1]]
        stands = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
        if stands or any(each.line <= last and first <= each.last_line for each in defined):
            return Checked(places=(self._line(path, first),), located=True)
        facts = tuple(f"`{each.name}` is defined at {each.path}:{each.line}." for each in defined[:MAX_SAME])
        return Checked(unverified=(f"{symbol.text} at {_written(name)}",), facts=facts, refuted=True)

    def _symbol(self, name: Named, names: tuple[Named, ...]) -> Checked:
        defined = self._tree.symbols(name.text)
        paths = {path for each in names if each.kind == "path" for path in self._tree.named(each.text)}
        meant = [symbol for symbol in defined if symbol.path in paths] or list(defined)
        if meant and len(meant) <= MAX_SAME:
            return Checked(places=tuple(_definition(symbol) for symbol in meant))
        if defined or self._stands(name.text) or self._tree.named(name.text):
            return Checked()
        return Checked(unverified=(name.text,))

    def _is_symbol(self, name: Named) -> bool:
        """`self.h` looks like a header file, but may be a field."""
        return "/" not in name.text and name.lines is None and self._stands(name.text)

    def _stands(self, name: str) -> bool:
        """Whether a name stands in the files as written; a dotted one, that its parts stand there in that order."""
        parts = [part for part in SEPARATORS.split(name.strip("$~")) if part]
        if not parts or not all(part.strip("$~") in self._tree.words for part in parts):
            return False
        if len(parts) == 1:
            return True
        pattern = r"\s*(?:\.|::|#|->|\\)\s*~?".join(map(re.escape, parts))
        return re.search(rf"(?<![\w.]){pattern}(?!\w)", self._tree.document.text) is not None

    def _line(self, path: str, line: int) -> Place:
        start, end = self._tree.line_range(path, line)
        return Place(start, max(end, start + 1), "symbol")


def _definition(symbol: Symbol) -> Place:
    return Place(symbol.start, symbol.end, "symbol")


def _written(name: Named) -> str:
    if name.lines is None:
        return name.text
    first, last = name.lines
    return f"{name.text}:{first}" if first == last else f"{name.text}:{first}-{last}"


def _near(answer: str, symbol: Named, path: Named) -> bool:
    """Whether both stand close together in one sentence."""
    between = answer[symbol.end : path.start]
    return 0 <= path.start - symbol.end <= NEAR and not _SENTENCE_END.search(between)
