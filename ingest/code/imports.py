"""What a file imports, as its author wrote it: names without quotes, grouped imports one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.code.languages import Language
from ingest.text import one_line

MAX_IMPORTS = 5_000
MAX_NAME = 300
MAX_DEPTH = 16  # of groups in groups

_PIECE = re.compile(r"[{},]|[^{},]+")
_KEYWORDS = re.compile(r"^\s*(?:use|import|export)\s+(?:(?:function|const|given)\s+)?")
_RENAMED = re.compile(r"\s+as\s.*|\s*=>.*", re.S)
_QUOTED = re.compile(r"""["']([^"']+)["']""")
_COMPUTED = re.compile(r"""^["']?(?:\$\(.*?\)(?:"\)|\))*|\$\{[^}]*\}|\$\w+)["']?(?=/)""")

_DECLARED = {"go-module": re.compile(r"^module[ \t]+\"?([^\s\"]+)", re.M)}  # the name a repository gives itself


@dataclass(frozen=True, slots=True)
class Import:
    """One match: "import" is a name, ".tree" a name with groups in braces, ".path" an expression that gives a path."""

    role: str
    pattern: int
    text: str
    source: str = ""
    prefix: str = ""
    suffix: str = ""


def imported_names(found: Iterable[Import], language: Language) -> list[str]:
    """The names in order, each once."""
    names: dict[str, None] = {}
    for item in found:
        for name in _names(item, language):
            plain = one_line(name).strip()
            if plain and len(plain) <= MAX_NAME:
                names[plain] = None
        if len(names) >= MAX_IMPORTS:
            break
    return list(names)[:MAX_IMPORTS]


def declared_names(text: str, language: Language) -> list[str]:
    """The names that a file without definitions gives to what is around it: the module of a go.mod."""
    pattern = _DECLARED.get(language.name)
    return [name[:MAX_NAME] for name in pattern.findall(text)[:1]] if pattern else []


def _names(item: Import, language: Language) -> list[str]:
    if item.role == "import.tree":
        return _expand(_KEYWORDS.sub("", item.text).rstrip(";\n "))
    if item.role == "import.path":
        return _path(item.text, language)
    text = item.text.strip().strip("\"'`")
    if item.source:
        text = item.source + ("" if item.source.endswith(".") else ".") + text
    return [("" if text.startswith(".") else item.prefix) + text + item.suffix]


def _expand(text: str) -> list[str]:
    """`a::{b, c as d}` → `a::b`, `a::c`; the same for the groups of PHP and Scala."""
    names: list[str] = []
    prefixes = [""]
    current = ""
    for piece in _PIECE.findall(text):
        if piece == "{":
            if len(prefixes) > MAX_DEPTH:
                break
            prefixes.append(prefixes[-1] + current.strip())
            current = ""
        elif piece in (",", "}"):
            if current.strip():
                names.append(prefixes[-1] + _RENAMED.sub("", current).strip())
            if piece == "}" and len(prefixes) > 1:
                prefixes.pop()
            current = ""
        else:
            current = piece
    if current.strip():
        names.append(prefixes[-1] + _RENAMED.sub("", current).strip())
    return [name.removesuffix("::self") for name in names]


def _path(text: str, language: Language) -> list[str]:
    """The path in `__DIR__ . '/x.php'` or `"$(dirname "$0")/x.sh"`; nothing where only the running program knows it."""
    if language.name == "bash":
        path = _COMPUTED.sub(".", text).strip("\"'")
        return [path] if "$" not in path else []
    quoted = _QUOTED.findall(text)
    if not quoted:
        return []
    computed = "__DIR__" in text or "__FILE__" in text
    return ["./" + quoted[-1].lstrip("/") if computed else quoted[-1]]
