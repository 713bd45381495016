"""Selection: which entries of a tree are read, in which order, and why each of the others is not.

The rules, the first that speaks wins: what cannot be read; version-control data; .unabridgedignore (which can bring
anything below back); .gitignore as git reads it, except for files git tracks; what .gitattributes declares; the
tables of kinds.py. Order: the tree's own README, also one folder down where all lies in one, then by path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ingest.document import Unread
from ingest.tree import kinds
from ingest.tree.attributes import GENERATED, VENDORED, declared
from ingest.tree.entry import Entry
from ingest.tree.folders import Folders, Read, name_of, suffix_of
from ingest.tree.ignore import last_word

MAX_DEPTH = 100  # folders in folders; nobody keeps text deeper, but an archive can say anything


@dataclass(frozen=True, slots=True)
class Selection:
    """`kept` in reading order and `left` by path: together every entry once.

    `insisted` are the kept paths that the tree's own rules ask for by name: no look at their content (generated,
    minified) may leave them out again.
    """

    kept: tuple[Entry, ...]
    left: tuple[Unread, ...]
    insisted: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def select(entries: Sequence[Entry], read: Read, *, tracked: frozenset[str] | None = None) -> Selection:
    """Chooses among all entries of one tree; `read(path)` gives the bytes of a small control file.

    `tracked` are the paths in git's index if the tree is a work tree: .gitignore does not speak about those.
    """
    folders = Folders(entries, read, judged_by_git=tracked is not None)
    kept: list[Entry] = []
    left: list[Unread] = []
    insisted: set[str] = set()
    top = _top(entries)
    for entry in sorted(entries, key=lambda entry: reading_order(entry.path, top)):
        reason, asked_for = _verdict(folders, entry, entry.path in tracked if tracked is not None else False)
        if reason:
            left.append(Unread(entry.path, None, reason))
        else:
            kept.append(entry)
            if asked_for:
                insisted.add(entry.path)
    return Selection(tuple(kept), tuple(left), frozenset(insisted), tuple(folders.warnings))


def _top(entries: Sequence[Entry]) -> list[str]:
    """The folders that hold everything, outermost first: most archives of a project have one."""
    inside = [entry.path.split("/")[:-1] for entry in entries if not entry.problem]
    if not inside:
        return []
    pairs = zip(min(inside), max(inside), strict=False)  # what these two share, all share
    return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]


def reading_order(path: str, top: Sequence[str] = ()) -> tuple[int, list[str]]:
    """The sort key of a path: the README in the folder `top` first, then by path, folder by folder, in code points."""
    *folders, name = path.split("/")
    readme = folders == list(top) and name.lower().partition(".")[0].partition("_")[0] == "readme"
    return (0 if readme else 1, [*folders, name])


def _verdict(folders: Folders, entry: Entry, tracked: bool) -> tuple[str, bool]:
    """Why the entry is left out, or "" and whether the tree's own rules insist on it."""
    path, name = entry.path, name_of(entry.path)
    if entry.problem:
        return entry.problem, False
    if path.count("/") > MAX_DEPTH:
        return f"more than {MAX_DEPTH} folders deep", False
    if name in kinds.VERSION_CONTROL:
        return "version-control data", False
    folder = folders.above(path)
    if folder.closed:
        return folder.closed, False
    own, reason = last_word(folder.own_rules, path, folder=False)
    if own is not None or folder.brought_back:
        return (reason, False) if own else ("", True)
    ignored = folder.ignored or last_word(folder.ignore_rules, path, folder=False)[1]
    if ignored and not tracked:
        return ignored, False
    document = suffix_of(name) in kinds.DOCUMENTS
    generated = declared(folder.attributes, path, GENERATED)
    vendored = declared(folder.attributes, path, VENDORED)
    if not document and (generated or vendored):
        return f"{'generated' if generated else 'vendored'}, as .gitattributes says", False
    spared = vendored is False or (document and folder.spares_documents) or (tracked and folder.spares_tracked)
    reason = "" if spared else folder.default
    return reason or _by_name(name, generated), generated is False


def _by_name(name: str, generated: bool | None) -> str:
    small = name.lower()
    if name in kinds.LOCK_FILES:
        return "a lock file"
    if small.endswith(kinds.SOURCE_MAP_ENDS):
        return "a source map"
    if small.endswith(kinds.MINIFIED_ENDS) and generated is not False:
        return "minified"
    if small.endswith(kinds.GENERATED_ENDS) and generated is not False:
        return "generated, as its name says"
    suffix = suffix_of(name)
    return f"{kinds.BINARY_SUFFIXES[suffix]} ({suffix})" if suffix in kinds.BINARY_SUFFIXES else ""
