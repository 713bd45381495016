"""Which file imports which: the imports of all files, resolved. A Go or Java package is its folder, ending in "/"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname

from ingest.code.facts import FileFacts
from ingest.code.resolve import RESOLVERS, Places

MODULE_FILES = "go-module"  # the format of files whose "import" is the name they give their folder


@dataclass(frozen=True, slots=True)
class ImportGraph:
    """`inside` maps a file to the files and folders it imports, `outside` to the names found nowhere here."""

    inside: Mapping[str, tuple[str, ...]]
    outside: Mapping[str, tuple[str, ...]]
    importers: Mapping[str, tuple[str, ...]]

    def imports_of(self, path: str) -> tuple[str, ...]:
        """The files, and folders ending in "/", that this file imports."""
        return self.inside.get(path, ())

    def importers_of(self, path: str) -> tuple[str, ...]:
        """The files that import this file, or the folder it stands in."""
        direct = self.importers.get(path, ())
        whole = self.importers.get(dirname(path) + "/", ()) if not path.endswith("/") else ()
        return tuple(sorted({*direct, *whole} - {path})) if whole else direct


def import_graph(files: Sequence[FileFacts]) -> ImportGraph:
    """The graph of these files; every order of them gives the same one."""
    ordered = sorted(files, key=lambda each: each.path)
    modules = {name: dirname(each.path) for each in ordered if each.format == MODULE_FILES for name in each.imports}
    longest_first = dict(sorted(modules.items(), key=lambda item: -len(item[0])))
    places = Places((each.path for each in ordered), longest_first)
    inside: dict[str, tuple[str, ...]] = {}
    outside: dict[str, tuple[str, ...]] = {}
    importers: dict[str, list[str]] = {}
    for each in ordered:
        resolve = RESOLVERS.get(each.format)
        if resolve is None or not each.imports:
            continue
        here: dict[str, None] = {}
        elsewhere: dict[str, None] = {}
        for name in each.imports:
            found = resolve(name, each.path, places)
            if found is None:
                elsewhere[name] = None
            elif found != each.path:
                here[found] = None
        inside[each.path], outside[each.path] = tuple(sorted(here)), tuple(elsewhere)
        for path in here:
            importers.setdefault(path, []).append(each.path)
    return ImportGraph(inside, outside, {path: tuple(sorted(by)) for path, by in importers.items()})
