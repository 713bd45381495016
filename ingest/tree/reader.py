"""A folder or archive: choose among its entries, read the chosen ones, open archives inside, say what was left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import splitext
from typing import BinaryIO

from ingest.code.map import Definition, FileFacts, repository_map
from ingest.document import IngestCancelled, IngestError, Unread
from ingest.files import Files, Job, LeftOutError, Progress, Settings, check_size, reason_of
from ingest.formats import FORMATS, Format, recognise, suffix_of
from ingest.part import Part
from ingest.text import one_line
from ingest.tree.archive import Archive
from ingest.tree.entry import MAX_CONTROL_BYTES, Entry
from ingest.tree.folder import VERSION_CONTROL, Folder
from ingest.tree.git import Index, lfs_pointer, submodules
from ingest.tree.kinds import CODE_SUFFIXES
from ingest.tree.selection import select

LFS_REASON = "a Git LFS pointer, its content is not here"
ARCHIVE_REASON = "an archive among source code, most likely test data: give it by itself to read it"
SUBMODULE_REASON = "a submodule, its files are not here"
MAX_ARCHIVES = 1_000  # inside the trees of one call: each costs a listing, and archives of archives multiply
NOT_CODE = frozenset(each.name for each in FORMATS)  # a source file's format is its language
Charge = Callable[[str, Part], None]
Named = tuple[str, Part]  # a part and the path it is shown under


@dataclass(slots=True)
class Reading:
    """What one tree gave, in reading order, and what of it was not read; `has_code`: there are source files in it."""

    has_code: bool = False
    insisted: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)
    parts: list[Named] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


class TreeReader:
    """Reads trees through `files`; `charge` is told of each part as it comes and raises where a limit is passed."""

    def __init__(self, settings: Settings, files: Files, charge: Charge, progress: Progress | None) -> None:
        self._settings, self._files, self._charge, self._progress = settings, files, charge, progress
        self._unpacked = self._archives = 0

    def folder(self, folder: Folder, prefix: str, index: Index | None = None) -> Reading:
        """Reads a folder; its files are shown as `prefix`/path. Files of git's `index` never count as ignored."""
        entries = folder.entries()
        sizes = {entry.path: entry.size for entry in entries if not entry.problem}

        def control(path: str) -> bytes:
            with folder.open(path) as source:
                return source.read(MAX_CONTROL_BYTES)

        chosen, reading = _choose(entries, control, prefix, index)

        def found() -> Iterator[tuple[str, int, Callable[[], BinaryIO | bytes]]]:
            for path in chosen:
                yield path, sizes[path], lambda path=path: folder.open(path)  # type: ignore[misc]

        return self._read(found(), chosen, prefix, 0, reading)

    def archive(self, source: BinaryIO | bytes, shown: str, prefix: str, *, depth: int = 0) -> Reading:
        """The same for an archive called `shown`."""
        settings = self._settings
        sandbox = self._files.spare(depth)
        with Archive(
            source, shown, settings.limits, sandbox, unpacked=self._unpacked, cancel=settings.cancel
        ) as archive:
            entries = archive.entries()
            self._unpacked += sum(entry.size for entry in entries)
            chosen, reading = _choose(entries, lambda path: archive.control.get(path, b""), prefix, None)

            def found() -> Iterator[tuple[str, int, Callable[[], BinaryIO | bytes]]]:
                for path, content in archive.members(chosen):
                    if isinstance(content, Unread):
                        reading.unread.append(Unread(_shown(prefix, path), None, content.reason))
                    else:
                        yield path, len(content), lambda content=content: content  # type: ignore[misc]

            return self._read(found(), chosen, prefix, depth, reading)

    def _read(
        self,
        found: Iterator[tuple[str, int, Callable[[], BinaryIO | bytes]]],
        chosen: Sequence[str],
        prefix: str,
        depth: int,
        reading: Reading,
    ) -> Reading:
        """Parses what `found` brings, in any order; the parts come in the order of `chosen`."""
        given: dict[str, list[Named]] = {}
        names = _names(prefix, chosen)
        done = 0

        def tell(shown: str) -> None:
            nonlocal done
            done += 1
            if self._progress is not None:
                self._progress(shown, done, len(chosen))

        def jobs() -> Iterator[Job]:
            for path, size, open_file in found:
                shown = names[path]
                try:
                    nested = self._look(open_file, shown, depth + 1, among_code=reading.has_code)
                except IngestCancelled:
                    raise
                except IngestError as error:
                    reading.unread.append(Unread(shown, None, reason_of(error, shown)))
                    tell(shown)
                    continue
                if nested is None:
                    yield Job(shown, open_file, size=size, insisted=path in reading.insisted)
                else:
                    given[shown] = nested.parts
                    reading.unread += nested.unread
                    reading.warnings += nested.warnings
                    tell(shown)

        for job, outcome in self._files.read_all(jobs()):
            if isinstance(outcome, IngestCancelled):
                raise outcome
            if isinstance(outcome, IngestError):
                reading.unread.append(Unread(job.shown, None, reason_of(outcome, job.shown)))
            else:
                self._charge(job.shown, outcome)
                given[job.shown] = [(job.shown, outcome)]
            tell(job.shown)
        reading.parts = [named for path in chosen for named in given.get(names[path], ())]
        reading.unread.sort(key=lambda item: item.path)
        return reading

    def _look(
        self, open_file: Callable[[], BinaryIO | bytes], shown: str, depth: int, *, among_code: bool
    ) -> Reading | None:
        """What an archive inside the tree gives; None for a file to be parsed; an IngestError for neither."""
        source = open_file()
        try:
            head = check_size(source, shown, self._settings.limits)
            if lfs_pointer(head):
                raise LeftOutError(LFS_REASON)
            kind = recognise(shown, head)
            if not isinstance(kind, Format) or kind.name != "archive":
                return None
            if among_code:
                raise LeftOutError(ARCHIVE_REASON)
            if depth > self._settings.limits.max_depth:
                raise LeftOutError(f"an archive inside {depth} others: unpack it and give its files")
            self._archives += 1
            if self._archives > MAX_ARCHIVES:
                raise LeftOutError(f"one of more than {MAX_ARCHIVES:,} archives inside others: unpack it")
            return self.archive(source, shown, shown, depth=depth)
        finally:
            if not isinstance(source, bytes):
                source.close()


def map_of(parts: Sequence[Named]) -> Part | None:
    """The map of several files, if at least one of them is source code with an outline."""
    facts = [_facts(shown, part) for shown, part in parts]
    return repository_map(facts) if len(parts) > 1 and any(fact.imports or fact.definitions for fact in facts) else None


def _choose(
    entries: Sequence[Entry], control: Callable[[str], bytes], prefix: str, index: Index | None
) -> tuple[list[str], Reading]:
    selection = select(entries, control, tracked=None if index is None else index.files)
    has_code = any(suffix_of(entry.path) in CODE_SUFFIXES for entry in selection.kept)
    reading = Reading(
        has_code,
        frozenset(selection.insisted),
        list(selection.warnings),
        unread=[Unread(_shown(prefix, item.path), None, item.reason) for item in selection.left],
    )
    declared = any(entry.path == ".gitmodules" and not entry.problem for entry in entries)
    named = submodules(control(".gitmodules").decode("utf-8", "replace")) if declared else ()
    absent = dict.fromkeys((*named, *(index.submodules if index is not None else ())))
    for entry in entries if absent else ():
        if PurePosixPath(entry.path).name not in VERSION_CONTROL:  # what a submodule leaves behind is not its files
            for folder in (entry.path, *map(str, PurePosixPath(entry.path).parents)):
                absent.pop(folder, None)
    reading.unread += [Unread(_shown(prefix, path), None, SUBMODULE_REASON) for path in absent]
    return [entry.path for entry in selection.kept], reading


def _shown(prefix: str, path: str) -> str:
    return one_line(f"{prefix}/{path}" if prefix else path)


def _names(prefix: str, paths: Sequence[str]) -> dict[str, str]:
    """The display name of each path; those that only look the same are numbered."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    counts: Counter[str] = Counter()
    for path in paths:
        name = plain = _shown(prefix, path)
        while name in taken:
            counts[plain] += 1
            stem, suffix = splitext(plain)
            name = f"{stem} ({counts[plain] + 1}){suffix}"
        taken.add(name)
        names[path] = name
    return names


def _facts(shown: str, part: Part) -> FileFacts:
    code = part.outlined and part.format not in NOT_CODE
    lines = _Lines(part.text)
    definitions = tuple(
        Definition(section.kind, section.title, lines.of(section.header_start), section.level)
        for section in part.sections
    )
    return FileFacts(
        path=shown,
        chars=len(part.text),
        lines=part.text.count("\n"),
        format=part.format,
        imports=tuple(part.imports),
        definitions=definitions if code else (),
    )


class _Lines:
    """Line numbers of offsets that mostly rise."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1

    def of(self, offset: int) -> int:
        if offset < self._at:  # a class inside the decorator of another one
            self._line -= self._text.count("\n", offset, self._at)
        self._line += self._text.count("\n", self._at, offset)
        self._at = offset
        return self._line
