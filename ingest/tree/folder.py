"""A folder: everything in it as entries, and files opened without following a link out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ingest.document import LimitError, Limits, MissingFileError, UnsupportedFileError
from ingest.text import one_line
from ingest.tree.entry import Entry

MAX_DEPTH = 100  # folders inside folders
VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", "_darcs", "CVS"))


class Folder:
    """The files below `root`; nothing outside is reached."""

    def __init__(self, root: Path, shown: str, limits: Limits) -> None:
        self._root, self._shown, self._limits = root, shown, limits

    def entries(self) -> list[Entry]:
        """Every file, link and special file; version-control folders are one entry each."""
        found: list[Entry] = []
        for entry in self._walk("", 0):
            found.append(entry)
            if len(found) > 2 * self._limits.max_files:
                limit = self._limits.max_files
                raise LimitError(f"{self._shown} holds more than {limit:,} files: read a smaller folder.")
        return found

    def open(self, path: str) -> BinaryIO:
        """The file at an entry's `path`; the whole way to it is walked without following links."""
        parts = PurePosixPath(path).parts
        shown = f"{self._shown}/{path}"
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
            return open_regular(parts[-1], shown, follow=False, folder=handle)
        except OSError:
            raise MissingFileError(f"{shown} cannot be opened any more: read the folder again.") from None
        finally:
            os.close(handle)

    def _walk(self, inside: str, depth: int) -> Iterator[Entry]:
        where = self._root / inside
        try:
            with os.scandir(where) as scan:
                children = list(scan)
        except OSError:
            yield Entry(inside or ".", 0, "the folder cannot be opened")
            return
        for child in children:
            path = f"{inside}/{child.name}" if inside else child.name
            if child.is_symlink():
                yield Entry(path, 0, "a link, not followed")
            elif child.is_dir(follow_symlinks=False):
                if child.name in VERSION_CONTROL:
                    yield Entry(path, 0, "version-control data")
                elif depth >= MAX_DEPTH:
                    yield Entry(path, 0, f"more than {MAX_DEPTH} folders deep")
                else:
                    yield from self._walk(path, depth + 1)
            elif not child.is_file(follow_symlinks=False):
                yield Entry(path, 0, "not a regular file")
            else:
                yield Entry(path, _size(child))


def open_regular(path: Path | str, shown: str, *, follow: bool, folder: int | None = None) -> BinaryIO:
    """Opens a regular file only: no device, no pipe that would block, no link unless the user named it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    shown = one_line(shown)
    try:
        handle = os.open(path, flags, dir_fd=folder)
    except FileNotFoundError:
        raise MissingFileError(f"{shown} does not exist: check the path.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a valid path"
        raise MissingFileError(f"{shown} cannot be opened ({reason}): check the path and its permissions.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnsupportedFileError(f"{shown} is not a regular file: give a file or a folder.")
    return os.fdopen(handle, "rb")


def _size(child: os.DirEntry[str]) -> int:
    try:
        return child.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
