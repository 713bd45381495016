"""The map of a repository, a text for people and the model: its files, who imports whom, what each file defines.

One section each for the whole map, the files, the imports and the definitions; a file gets no section here, because
the file itself has one further down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ingest.code.facts import Definition, FileFacts
from ingest.code.graph import ImportGraph, import_graph
from ingest.document import Section, Span
from ingest.part import Part

__all__ = ["Definition", "FileFacts", "ImportGraph", "import_graph", "repository_map"]

TITLE = "Repository map"
PATH = "(repository map)"
MAX_LISTED = 30  # names in one list
NOT_MAPPED = frozenset(("key", "document", "heading", "rule"))  # content rather than definitions
WIDE = frozenset(("namespace", "module"))  # what they hold is listed as if it stood at the top
PACKAGE_PARTS = {"python": 1, "java": 2, "kotlin": 2, "scala": 2, "csharp": 2}  # of a dotted name, to name its package


def repository_map(files: Sequence[FileFacts]) -> Part:
    """The map of these files, the same for every order of them."""
    ordered = sorted(files, key=lambda each: each.path)
    graph = import_graph(ordered)
    total = sum(each.lines for each in ordered)
    intro = f"{TITLE}\n{_count(len(ordered), 'file')}, {_count(total, 'line')}\n\n"
    text, sections = intro, []
    for title, lines in (
        ("Files", _tree(ordered)),
        ("Imports between the files", _imports(ordered, graph)),
        ("Definitions, each with its line", _definitions(ordered)),
    ):
        body = "".join(line + "\n" for line in lines)
        if body:
            start = len(text)
            text += f"{title}\n{body}\n"
            sections.append(Section(title, 2, start, len(text), start + len(title), "map"))
    whole = Section(TITLE, 1, 0, len(text), len(TITLE), "map")
    return Part(text, [Span(0, len(text), PATH, line=1)], [whole, *sections], format="map")


def _tree(files: Sequence[FileFacts]) -> Iterator[str]:
    above: list[str] = []
    for each in sorted(files, key=lambda each: each.path.split("/")):
        *folders, name = each.path.split("/")
        same = 0
        while same < min(len(above), len(folders)) and above[same] == folders[same]:
            same += 1
        for depth in range(same, len(folders)):
            yield f"{'  ' * depth}{folders[depth]}/"
        above = folders
        yield f"{'  ' * len(folders)}{name} ({_count(each.lines, 'line')})"


def _imports(files: Sequence[FileFacts], graph: ImportGraph) -> Iterator[str]:
    for each in files:
        rows = (
            ("imports", graph.imports_of(each.path)),
            ("imported by", graph.importers_of(each.path)),
            ("outside", _packages(graph.outside.get(each.path, ()), each.format)),
        )
        if any(names for _, names in rows):
            yield each.path
            yield from (f"  {label}: {_list(names)}" for label, names in rows if names)


def _packages(names: Iterable[str], language: str) -> list[str]:
    """Names shortened to what is installed: `os.path` to `os`, `lodash/fp` to `lodash`."""
    return list(dict.fromkeys(_package(name, language) for name in names))


def _package(name: str, language: str) -> str:
    if language in PACKAGE_PARTS and not name.startswith("."):
        return ".".join(name.split(".")[: PACKAGE_PARTS[language]])
    if language == "rust":
        return name.split("::")[0] if not name.startswith(("crate", "self", "super")) else name
    if language in ("javascript", "typescript", "tsx") and not name.startswith("."):
        return "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
    return name


def _definitions(files: Sequence[FileFacts]) -> Iterator[str]:
    for each in files:
        rows = list(_rows([item for item in each.definitions if item.kind not in NOT_MAPPED]))
        if rows:
            yield each.path
            yield from rows


def _rows(definitions: Sequence[Definition]) -> Iterator[str]:
    """A line for each definition at the top, with the names of its methods."""
    top: Definition | None = None
    methods: list[str] = []
    wide: list[int] = []  # levels of the open namespaces
    for item in definitions:
        while wide and item.level <= wide[-1]:
            wide.pop()
        if item.level == len(wide) + 1:
            if top is not None:
                yield _row(top, methods)
            top, methods = item, []
            if item.kind in WIDE:
                wide.append(item.level)
        elif top is not None and item.kind == "method" and item.level == top.level + 1:
            owner = top.title.rpartition(" for ")[2]
            methods.append(item.title.removeprefix(owner).lstrip(".:") or item.title)
    if top is not None:
        yield _row(top, methods)


def _row(top: Definition, methods: Sequence[str]) -> str:
    return f"  {top.line} {top.kind} {top.title}" + (f": {_list(methods)}" if methods else "")


def _list(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
