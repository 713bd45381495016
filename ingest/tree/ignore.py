"""Ignore files (.gitignore, .unabridgedignore) and .gitattributes: patterns as git reads them.

pathspec turns a pattern into a regular expression; here each expression is asked about one path exactly, and the
caller asks about every folder above a file first, which is how git comes to its verdict. A pattern cannot make
matching slow: stars are matched without going back, and one with too many "**" is not obeyed but reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from ingest.text import one_line

MAX_RULES = 5_000  # of one file
MAX_PATTERN_CHARS = 1_000
MAX_DEEP_STARS = 10  # "**" in one pattern
SHOWN_CHARS = 60  # of a pattern in a reason

_BELOW = "(?:(?P<ps_d>/)|$)"  # how pathspec ends an expression that also matches everything below a folder
_DEEP, _ANY_DEPTH = "(?:/.+)?", "(?:/[^/]+)*?"  # "**" as pathspec writes it, and folder by folder
_MARK = "\0"  # in no pattern
_START, _ANY_START = "^(?:.+/)?", "^(?:[^/]+/)*?"
_STARS = re.compile(r"(?<![^/!])\*{3,}(?![^/])")  # as a whole part of a path: the same as two
_PIECE = re.compile(r"\\.|\[[!^]?\]?+(?:\\.|\[:\w+:\]|[^\]\\])*\]|\*+|.", re.DOTALL)
_MEMBER = re.compile(r"\[:(\w+):\]|(\\.|[^\\])(?:-(\\.|[^\\\]]))?", re.DOTALL)
_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f",
    "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~", "cntrl": r"\x00-\x1f\x7f", "print": " -~",
    "graph": "!-~",
}  # fmt: skip


class _Glob(GitIgnoreSpecPattern):
    """pathspec's pattern, with brackets as git reads them and stars that never go back (linear time)."""

    __slots__ = ()

    @staticmethod
    def _translate_segment_glob(pattern: str, range_error: Literal["literal", "raise"]) -> str:
        pieces, after = [""], False
        for match in _PIECE.finditer(pattern):
            token = match.group()
            if token[0] == "*":
                pieces, after = pieces if after else [*pieces, ""], True
                continue
            after = False
            pieces[-1] += _one_char(token)
        first, *rest = pieces
        if not rest:
            return first
        middle = "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1])
        return f"{first}{middle}[^/]*{rest[-1]}"


def _one_char(glob: str) -> str:
    if glob == "?":
        return "[^/]"
    if len(glob) > 2 and glob[0] == "[":
        return _bracket(glob[1:-1])
    if glob in ("[", "\\"):
        raise GitIgnorePatternError("a bracket without an end, or nothing after a backslash")
    return re.escape(glob[-1])


def _bracket(inner: str) -> str:
    negated = inner[0] in "!^"
    members = []
    for match in _MEMBER.finditer(inner[negated:]):
        name, low, high = match.groups()
        if name is not None:
            members.append(_CLASSES.get(name, ""))
        elif high is None or low[-1] <= high[-1]:  # a range that runs backwards holds nothing
            members.append(re.escape(low[-1]) + (f"-{re.escape(high[-1])}" if high else ""))
    if not "".join(members):
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' * negated}{''.join(members)}]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern of an ignore file; `value` is False for a negated one ("!name")."""

    shown: str
    value: bool
    folders_only: bool
    by_name: bool  # asked about the last part of a path alone
    expression: str

    def matches(self, path: str, *, folder: bool) -> bool:
        """Whether the pattern names this path itself (not merely a folder above it); relative to its file."""
        if self.folders_only and not folder:
            return False
        return re.match(self.expression, path.rpartition("/")[2] if self.by_name else path) is not None


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The rules of one ignore file in their order, and `base`: its folder with a "/" after it, or empty."""

    path: str
    base: str
    rules: tuple[Rule, ...]
    any_name: re.Pattern[str] | None = None  # all rules at once, asked first
    any_path: re.Pattern[str] | None = None

    def last_match(self, path: str, *, folder: bool) -> Rule | None:
        """The rule that decides about this path, the last that names it, or None."""
        inner = path[len(self.base) :]
        name = inner.rpartition("/")[2]
        named = self.any_name is not None and self.any_name.match(name)
        placed = self.any_path is not None and self.any_path.match(inner)
        if not named and not placed:
            return None
        return next((rule for rule in reversed(self.rules) if rule.matches(inner, folder=folder)), None)

    def reason(self, rule: Rule) -> str:
        """In words, for a path that `rule` leaves out."""
        return f"left out by {one_line(self.path)} ({rule.shown})"


def parse_rules(text: str, path: str) -> tuple[RuleFile, list[str]]:
    """The rules of the ignore file at `path`, and warnings about those that are not obeyed."""
    rules: list[Rule] = []
    warnings: list[str] = []
    lines = text.removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines, start=1):
        rule = compile_rule(line.removesuffix("\r"))
        if isinstance(rule, Rule):
            rules.append(rule)
        elif rule:
            warnings.append(f"{one_line(path)}, line {number}: {rule}")
        if len(rules) >= MAX_RULES:
            warnings.append(f"{one_line(path)} holds more than {MAX_RULES:,} patterns: the rest is not obeyed")
            break
    base = path[: path.rfind("/") + 1]
    names = _together(rule.expression for rule in rules if rule.by_name)
    paths = _together(rule.expression for rule in rules if not rule.by_name)
    return RuleFile(path, base, tuple(rules), names, paths), warnings


def last_word(files: tuple[RuleFile, ...], path: str, *, folder: bool) -> tuple[bool | None, str]:
    """Whether the files, outermost first, leave this path out (None: they do not name it), and if so the reason."""
    for file in reversed(files):
        rule = file.last_match(path, folder=folder)
        if rule is not None:
            return rule.value, file.reason(rule) if rule.value else ""
    return None, ""


def _together(expressions: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(f"(?:{expression})" for expression in dict.fromkeys(expressions))
    return re.compile(joined, re.DOTALL) if joined else None


def compile_rule(line: str) -> Rule | str | None:
    """The rule of one line; None for a comment or a pattern that matches nothing; words for one not obeyed."""
    shown = one_line(line.strip())
    shown = shown if len(shown) <= SHOWN_CHARS else shown[:SHOWN_CHARS] + "…"
    if "\0" in line:
        return None
    if len(line) > MAX_PATTERN_CHARS or line.count("**") > MAX_DEEP_STARS:
        return None if line.startswith("#") else f"the pattern is too complex to be obeyed ({shown})"
    bare = line if line.endswith("\\ ") else line.rstrip()
    folders_only = bare.endswith("/") and bare not in ("/", "!/")
    bare = _STARS.sub("**", (bare[:-1] if folders_only else bare).replace("\\/", "/"))
    try:
        pattern = _Glob(bare)
    except (GitIgnorePatternError, re.error):  # git takes such a pattern for one that matches nothing
        return None
    if pattern.regex is None or pattern.include is None:
        return None
    source = pattern.regex.pattern
    source = source[: -len(_BELOW)] + r"\Z" if source.endswith(_BELOW) else source
    *before, last = source.replace(_START, _ANY_START).replace(_DEEP, _MARK + _ANY_DEPTH).split(_MARK)
    # the first place where a piece before a "**" fits will do: no going back to the next
    source = "".join(f"(?>{piece}(?=/))" for piece in before) + last
    return Rule(shown, pattern.include, folders_only, "/" not in bare.removeprefix("!"), f"(?s:{source})")
