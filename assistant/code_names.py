"""The names in an answer about code: paths with their lines, functions, classes, as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ingest.tree.kinds import CODE_SUFFIXES

SUFFIXES = CODE_SUFFIXES | frozenset((
    ".md", ".rst", ".txt", ".toml", ".yaml", ".yml", ".json", ".ini", ".cfg", ".html", ".xml", ".sql", ".csv", ".lock",
    ".pyi", ".ipynb", ".scm", ".env", ".gradle", ".kts", ".bash", ".zsh", ".ps1", ".bat", ".tf", ".d.ts", ".mod",
))  # fmt: skip
NO_SYMBOLS = frozenset((  # names of products that look like classes
    "GitHub", "GitLab", "JavaScript", "TypeScript", "PostgreSQL", "SQLite", "PyTorch", "NumPy", "OpenAI", "PyPI",
    "MacOS", "YouTube", "LinkedIn", "WebSocket", "FastAPI", "DevOps",
))  # fmt: skip
_LINES = r"(?::L?(?P<a>\d{1,7})(?:\s?[-–]\s?L?(?P<b>\d{1,7}))?|#L(?P<c>\d{1,7})(?:-L?(?P<d>\d{1,7}))?)?"
_PATH = re.compile(rf"(?<![\w/.@:~\\-])(?P<path>\.{{0,2}}/?(?:[\w@+.-]+/)*[\w@+.-]*[\w/]){_LINES}(?![\w/])")
_AFTER = re.compile(r"[`\"'”)\]]{0,2}\s?[,(]?\s?(?:(?:at|on|in)\s)?lines?\s(\d{1,7})(?:\s?(?:-|–|to|and)\s?(\d{1,7}))?")
_BEFORE = re.compile(r"\blines?\s(\d{1,7})(?:\s?(?:-|–|to|and)\s?(\d{1,7}))?\s(?:of|in)\s(?:the\sfile\s)?[`\"'“]?$")
_DOTTED = r"[A-Za-z_$][\w$]*(?:(?:\.|::|#|->|\\)~?[A-Za-z_$][\w$]*)*"
_TICKED = re.compile(r"`([^`\n]{1,200})`")
_WHOLE = re.compile(rf"[@&*]?({_DOTTED})[!?]?(?:\((?:[^()]|\([^()]*\))*\))?;?")
_CALLED = re.compile(rf"(?<![\w.$])({_DOTTED})\(")
_BARE = re.compile(
    rf"(?<![\w.$/`:@-])(?:({_DOTTED})\(\)|([A-Za-z]*[a-z0-9]*(?:_[A-Za-z0-9]+)+|_[a-z]\w+)"
    r"|([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+(?:(?:\.|::)\w+)*)|([A-Z]\w+(?:\.|::)[a-z_]\w*))(?![\w/-]|\.\w|:\d)"
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s)>\]]+")
_WORDS_BEFORE_CALL = frozenset(("if", "for", "while", "switch", "return", "and", "or", "not", "in", "print", "catch"))


@dataclass(frozen=True, slots=True)
class Named:
    """A name in an answer at [start, end). `lines` are the first and last line it gives, None without any."""

    kind: Literal["path", "symbol"]
    text: str
    start: int
    end: int
    lines: tuple[int, int] | None = None
    ticked: bool = False  # it stands in backticks


def names_in(answer: str) -> tuple[Named, ...]:
    """Every path and symbol of an answer, in order; web addresses are neither."""
    hidden = _URL.sub(lambda match: " " * len(match.group()), answer)
    ticks = [match.span(1) for match in _TICKED.finditer(hidden)]
    paths = list(_paths(hidden, ticks))
    symbols = list(_symbols(hidden, ticks, paths))
    return tuple(sorted([*paths, *symbols], key=lambda each: (each.start, each.end)))


def _paths(answer: str, ticks: list[tuple[int, int]]) -> Iterator[Named]:
    for match in _PATH.finditer(answer):
        path = match["path"]
        ticked = any(start <= match.start() < end for start, end in ticks)
        lines = _range(match["a"] or match["c"], match["b"] or match["d"])
        if not _is_path(path, ticked=(match.start(), match.end()) in ticks, numbered=lines is not None):
            continue
        if lines is None:
            told = _AFTER.match(answer, match.end()) or _BEFORE.search(
                answer, max(0, match.start() - 60), match.start()
            )
            lines = _range(told[1], told[2]) if told else None
        yield Named("path", path, match.start(), match.end(), lines, ticked)


def _is_path(text: str, *, ticked: bool, numbered: bool) -> bool:
    """Whether a word is meant as a path: by its suffix, or by a slash where it stands alone in backticks."""
    name = text.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    if dot and stem.strip(".") and "." + suffix.lower() in SUFFIXES:
        return True
    if "/" not in text or not any(character.isalpha() for character in text):
        return False
    return ticked or numbered or (text.endswith("/") and len(text) > 2)


def _range(first: str | None, last: str | None) -> tuple[int, int] | None:
    return None if first is None else (int(first), max(int(first), int(last or first)))


def _symbols(answer: str, ticks: list[tuple[int, int]], paths: list[Named]) -> Iterator[Named]:
    taken = [(path.start, path.end) for path in paths]
    for start, end in ticks:
        if any(start <= at < end for at, _ in taken):
            continue
        whole = _WHOLE.fullmatch(answer, start, end)
        if whole:
            yield Named("symbol", whole[1], start, end, ticked=True)
            continue
        for call in _CALLED.finditer(answer, start, end):
            if call[1] not in _WORDS_BEFORE_CALL:
                yield Named("symbol", call[1], call.start(1), call.end(1), ticked=True)
    taken += [(start - 1, end + 1) for start, end in ticks]
    for match in _BARE.finditer(answer):
        if any(start <= match.start() < end for start, end in taken):
            continue
        name = next(group for group in match.groups() if group)
        if name.strip("_") and name not in NO_SYMBOLS:
            yield Named("symbol", name, match.start(), match.start() + len(name))
