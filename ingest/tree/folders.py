"""Folders: what holds for everything below each folder of a tree, worked out from the top, once a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ingest.document import IngestError
from ingest.text import decode, one_line
from ingest.tree import kinds
from ingest.tree.attributes import AttributeFile, parse_attributes
from ingest.tree.entry import CONTROL_FILES, MAX_CONTROL_BYTES, Entry
from ingest.tree.ignore import RuleFile, last_word, parse_rules

Read = Callable[[str], bytes]
_T = TypeVar("_T")

IGNORE, OWN_IGNORE, ATTRIBUTES = ".gitignore", ".unabridgedignore", ".gitattributes"


@dataclass(frozen=True, slots=True)
class Folder:
    """What holds below one folder; `path` ends in "/", or is empty for the root."""

    path: str
    project: bool = False  # a manifest stands here or above
    closed: str = ""  # a reason that nothing inside can undo
    brought_back: bool = False  # by .unabridgedignore
    ignored: str = ""  # a reason, from a .gitignore
    default: str = ""  # a reason, from the tables
    spares_documents: bool = False  # `default` does not speak about them
    spares_tracked: bool = False
    own_rules: tuple[RuleFile, ...] = ()
    ignore_rules: tuple[RuleFile, ...] = ()
    attributes: tuple[AttributeFile, ...] = ()


class Folders:
    """All folders that `entries` speak of; `judged_by_git` if git's index says what is part of the tree."""

    def __init__(self, entries: Sequence[Entry], read: Read, *, judged_by_git: bool) -> None:
        self.warnings: list[str] = []
        self._read, self._judged_by_git = read, judged_by_git
        self._known: dict[str, Folder] = {}
        self._names: dict[str, set[str]] = {}  # folder → the names of the files in it
        self._control: dict[str, int] = {}  # path → bytes
        self._with_code: set[str] = set()
        for entry in entries:
            name = name_of(entry.path)
            folder = entry.path[: entry.path.rfind("/") + 1]
            self._names.setdefault(folder, set()).add(name)
            if name in CONTROL_FILES and not entry.problem:
                self._control[entry.path] = entry.size
            if suffix_of(name) in kinds.CODE_SUFFIXES:
                while folder and folder not in self._with_code:
                    self._with_code.add(folder)
                    folder = _above(folder)

    def above(self, path: str) -> Folder:
        """The folder a file lies in."""
        return self._folder(path[: path.rfind("/") + 1])

    def _folder(self, path: str) -> Folder:
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._with_rules(self._below(path) if path else Folder("", self._manifest("")))
        return known

    def _below(self, path: str) -> Folder:
        above, bare = self._folder(_above(path)), path[:-1]
        name = name_of(bare)
        if above.closed or name in kinds.VERSION_CONTROL:
            return replace(above, path=path, closed=above.closed or "version-control data")
        own, reason = last_word(above.own_rules, bare, folder=True)
        found = replace(
            above,
            path=path,
            project=above.project or self._manifest(path),
            closed=reason if own else "",
            brought_back=above.brought_back if own is None else not own,
            ignored=above.ignored or last_word(above.ignore_rules, bare, folder=True)[1],
        )
        return found if above.default else self._by_tables(found, above, name)

    def _by_tables(self, folder: Folder, above: Folder, name: str) -> Folder:
        inside, beside = self._names.get(folder.path, set()), self._names.get(above.path, set())
        if name in kinds.CERTAIN_FOLDERS:
            return replace(folder, default=f"{kinds.CERTAIN_FOLDERS[name]} ({name})")
        if "pyvenv.cfg" in inside:
            return replace(folder, default=f"installed packages (the virtual environment {one_line(name)})")
        if name.endswith(".egg-info") and "PKG-INFO" in inside:
            return replace(folder, default=f"build output ({one_line(name)})")
        if name in kinds.VENDORED_FOLDERS and above.project and folder.path in self._with_code:
            return replace(folder, default=f"vendored code ({name})", spares_documents=True)
        judged = self._judged_by_git or bool(above.ignore_rules)
        for row in kinds.FOLDER_ROWS:
            if row.name != name or (judged and not row.certain):
                continue
            witness = next(
                (other for other in sorted(beside) if {other.lower(), suffix_of(other)} & set(row.beside)), ""
            )
            if witness:
                reason = f"{row.what} ({name}, beside {one_line(witness)})"
                return replace(folder, default=reason, spares_documents=True, spares_tracked=not row.certain)
        return folder

    def _manifest(self, path: str) -> bool:
        return any(name.lower() in kinds.MANIFESTS for name in self._names.get(path, ()))

    def _with_rules(self, folder: Folder) -> Folder:
        """With the folder's own control files; those of a folder that is left out are not asked, as in git."""
        if folder.closed or ((folder.ignored or folder.default) and not folder.brought_back):
            return folder
        own, ignore, attributes = folder.own_rules, folder.ignore_rules, folder.attributes
        if (text := self._text(folder.path + OWN_IGNORE)) is not None:
            own = (*own, self._warned(parse_rules(text, folder.path + OWN_IGNORE)))
        if (text := self._text(folder.path + IGNORE)) is not None:
            ignore = (*ignore, self._warned(parse_rules(text, folder.path + IGNORE)))
        if (text := self._text(folder.path + ATTRIBUTES)) is not None:
            attributes = (*attributes, self._warned(parse_attributes(text, folder.path + ATTRIBUTES)))
        return replace(folder, own_rules=own, ignore_rules=ignore, attributes=attributes)

    def _text(self, path: str) -> str | None:
        size = self._control.get(path)
        if size is None:
            return None
        try:
            data = self._read(path) if size <= MAX_CONTROL_BYTES else b""
        except (IngestError, OSError) as error:
            self.warnings.append(f"{one_line(path)} could not be read and is not obeyed ({one_line(str(error))})")
            return None
        if size > MAX_CONTROL_BYTES or len(data) > MAX_CONTROL_BYTES:
            self.warnings.append(f"{one_line(path)} is longer than {MAX_CONTROL_BYTES:,} bytes and is not obeyed")
            return None
        return decode(data)[0]

    def _warned(self, parsed: tuple[_T, list[str]]) -> _T:
        self.warnings += parsed[1]
        return parsed[0]


def name_of(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def suffix_of(name: str) -> str:
    """The last suffix in small letters; a name that starts with its only dot has none."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def _above(folder: str) -> str:
    return folder[: folder.rfind("/", 0, -1) + 1]
