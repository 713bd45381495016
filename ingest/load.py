"""Paths and git URLs → one Document. What was named and is bad raises; what was found and is bad is reported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ingest.assemble import assemble
from ingest.cache import PartCache
from ingest.document import Document, EmptyFileError, IngestCancelled, LimitError, Limits, Unread
from ingest.files import Files, Job, Progress, Settings, check_size
from ingest.formats import SUPPORTED, Format, recognise
from ingest.part import Part
from ingest.sandbox import Cancel
from ingest.text import one_line
from ingest.tree.folder import Folder, open_regular
from ingest.tree.git import clone, index_of, is_git_url
from ingest.tree.reader import Reading, TreeReader, map_of

MAX_LEFT = 300  # characters of an error about one file that was left out


def load(
    paths: Sequence[Path | str],
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen, so one instance can be shared
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    password: str | None = None,
    ocr: bool = False,
    cache: PartCache | None = None,
    scratch: Path | None = None,
    private_hosts: bool = True,
) -> Document:
    """Reads files, folders, archives and git URLs (str), in the given order, into one Document.

    `progress(path, done, total)`: pages of a file that is alone, otherwise files. `scratch` is where a git URL is
    cloned to for the time of the call (default: the system's folder for temporary files). `private_hosts`: whether it
    may lead into this machine's own network. Raises an IngestError for something that was named; a bad file inside a
    folder or an archive is listed in `report.unread` instead.
    """
    settings = Settings(limits, password, ocr, cancel, cache, private_hosts)
    with Files(settings) as files:
        reader = _Reader(settings, files, progress, alone=len(paths) == 1)
        for path, shown in _display_names(paths):
            reader.read(path, shown, scratch)
    if not reader.parts:
        what = " and ".join(one_line(str(path)) for path in paths) or "The list of paths"
        raise EmptyFileError(f"{what} holds no file that can be read{_left(reader.unread)}: give {SUPPORTED}.")
    return assemble(reader.name or _name(paths), reader.parts, reader.unread, reader.warnings, map_of(reader.parts))


class _Reader:
    """Reads one path after the other and keeps the account of what `Limits` still allow."""

    def __init__(self, settings: Settings, files: Files, progress: Progress | None, *, alone: bool) -> None:
        self._settings, self._files, self._progress, self._alone = settings, files, progress, alone
        self._trees = TreeReader(settings, files, self._charge, progress)
        self.parts: list[tuple[str, Part]] = []
        self.unread: list[Unread] = []
        self.warnings: list[str] = []
        self.name = ""
        self._files_read = self._chars = self._pages = 0

    def read(self, path: Path | str, shown: str, scratch: Path | None) -> None:
        if isinstance(path, str):
            self._clone(path, shown, scratch)
        elif path.is_dir():
            folder = Folder(path, shown, self._settings.limits)
            self._add(self._trees.folder(folder, self._prefix(shown), index_of(path)))
        else:
            self._file(path, shown)

    def _clone(self, url: str, shown: str, scratch: Path | None) -> None:
        with tempfile.TemporaryDirectory(prefix="unabridged-", dir=scratch, ignore_cleanup_errors=True) as temporary:
            target = Path(temporary) / "tree"
            own = self._settings
            cloned = clone(url, target, limits=own.limits, cancel=own.cancel, allow_private=own.private_hosts)
            if self._alone:
                self.name = f"{shown} at {cloned.commit[:12]}"
            folder = Folder(target, shown, self._settings.limits)
            self._add(self._trees.folder(folder, self._prefix(shown), index_of(target)))

    def _file(self, path: Path, shown: str) -> None:
        if self._settings.cancel is not None and self._settings.cancel():
            raise IngestCancelled(f"Reading {shown} was cancelled.")
        with open_regular(path, shown, follow=True) as source:
            kind = recognise(shown, check_size(source, shown, self._settings.limits))
            if isinstance(kind, Format) and kind.name == "archive":
                return self._add(self._trees.archive(source, shown, self._prefix(shown)))
        job = Job(shown, lambda: open_regular(path, shown, follow=True), tree=False)
        part = self._files.read(job, self._progress if self._alone else None)
        self._charge(shown, part)
        self.parts.append((shown, part))
        if self._progress is not None and not (self._alone and part.pages):
            self._progress(shown, 1, 1)

    def _prefix(self, shown: str) -> str:
        return "" if self._alone else shown

    def _add(self, reading: Reading) -> None:
        self.parts += reading.parts
        self.unread += reading.unread
        self.warnings += reading.warnings

    def _charge(self, shown: str, part: Part) -> None:
        limits = self._settings.limits
        self._files_read += 1
        self._chars += len(part.text)
        self._pages += part.pages
        if self._files_read > limits.max_files:
            raise LimitError(f"There are more than {limits.max_files:,} files: read a smaller folder.")
        if self._chars > limits.max_chars:
            raise LimitError(f"With {shown} the text exceeds {limits.max_chars:,} characters: read fewer files.")
        if self._pages > limits.max_pages:
            raise LimitError(f"With {shown} there are more than {limits.max_pages:,} pages: read fewer files.")


def _display_names(paths: Sequence[Path | str]) -> list[tuple[Path | str, str]]:
    """Each path once, with its file name, or as given where two names are the same."""
    unique: dict[str, Path | str] = {}
    for path in paths:
        if isinstance(path, str) and not is_git_url(path):
            path = Path(path)
        try:
            unique.setdefault(path if isinstance(path, str) else os.path.realpath(path), path)
        except ValueError:  # a path no system call accepts: opening it says so to the user
            unique.setdefault(str(path), path)
    kept = list(unique.values())
    names = [_short(path) for path in kept]
    return [
        (path, name if names.count(name) == 1 else one_line(str(path) if isinstance(path, str) else path.as_posix()))
        for path, name in zip(kept, names, strict=True)
    ]


def _short(path: Path | str) -> str:
    if isinstance(path, str):
        return one_line("/".join(path.removesuffix(".git").rstrip("/").split("/")[-2:]))
    return one_line(path.name or path.resolve().name or str(path))


def _left(unread: Sequence[Unread]) -> str:
    """How many files were left out, and why the first of them was."""
    if not unread:
        return ""
    first = f"{unread[0].path}: {unread[0].reason}"
    shown = first if len(first) <= MAX_LEFT else first[: MAX_LEFT - 1] + "…"
    return f" ({shown})" if len(unread) == 1 else f" ({len(unread):,} are left out, the first of them {shown})"


def _name(paths: Sequence[Path | str]) -> str:
    first = _short(paths[0])
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
