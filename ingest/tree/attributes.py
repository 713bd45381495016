""".gitattributes: which files a repository itself declares generated or vendored (GitHub's linguist attributes)."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.text import one_line
from ingest.tree.ignore import Rule, compile_rule

GENERATED, VENDORED = "linguist-generated", "linguist-vendored"


@dataclass(frozen=True, slots=True)
class AttributeFile:
    """The lines of one .gitattributes that speak of the two attributes, in their order."""

    path: str
    base: str
    rows: tuple[tuple[Rule, dict[str, bool | None]], ...]


def parse_attributes(text: str, path: str) -> tuple[AttributeFile, list[str]]:
    """The declarations of the .gitattributes at `path`, and warnings about lines that are not obeyed."""
    rows: list[tuple[Rule, dict[str, bool | None]]] = []
    warnings: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        pattern, words = _split(line.strip())
        values = {name: value for name, value in map(_value, words) if name in (GENERATED, VENDORED)}
        if not values or pattern.startswith(("!", "#")):
            continue
        rule = compile_rule(pattern)
        if isinstance(rule, Rule):
            rows.append((rule, values))
        elif rule:
            warnings.append(f"{one_line(path)}, line {number}: {rule}")
    return AttributeFile(path, path[: path.rfind("/") + 1], tuple(rows)), warnings


def declared(files: tuple[AttributeFile, ...], path: str, name: str) -> bool | None:
    """What the files, outermost first, declare about this path; None if nothing."""
    for file in reversed(files):
        for rule, values in reversed(file.rows):
            if name in values and rule.matches(path[len(file.base) :], folder=False):
                return values[name]
    return None


def _split(line: str) -> tuple[str, list[str]]:
    if line.startswith('"') and '"' in line[1:]:
        pattern, _, rest = line[1:].partition('"')
        return pattern, rest.split()
    pattern, *words = line.split() or [""]
    return pattern, words


def _value(word: str) -> tuple[str, bool | None]:
    name, _, value = word.lstrip("-!").partition("=")
    if word.startswith("!"):
        return name, None
    return name, not (word.startswith("-") or value == "false")
