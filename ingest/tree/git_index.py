"""git's index, read as a file: the paths a work tree tracks.

git is not asked, because in a folder from elsewhere it would obey that folder's configuration, which can name
programs to run (core.fsmonitor).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.document import IngestError
from ingest.tree.folder import open_regular

MAX_INDEX_BYTES = 200_000_000
_HEADER = struct.Struct(">4sII")
_STAT_BYTES = 40  # times, device, inode, mode, owner, size: before the object id
_MODE_AT = 24
_LINK, _SUBMODULE, _FOLDER = 0o120000, 0o160000, 0o040000


@dataclass(frozen=True, slots=True)
class Index:
    """What git tracks in a work tree: its files, and the folders that are submodules."""

    files: frozenset[str]
    submodules: tuple[str, ...] = ()


def tracked_files(folder: Path) -> frozenset[str] | None:
    """The files that git tracks in the work tree `folder`; None where that is not plain from its own .git folder."""
    index = index_of(folder)
    return None if index is None else index.files


def index_of(folder: Path) -> Index | None:
    """The index of the work tree `folder`; None where it is not plain from its own .git folder."""
    if not (folder / ".git").is_dir() or (folder / ".git").is_symlink():
        return None  # also a linked work tree: its .git is a file that points elsewhere
    try:
        with open_regular(folder / ".git" / "index", "index", follow=False) as source:
            data = source.read(MAX_INDEX_BYTES + 1)
    except (IngestError, OSError):
        return None
    try:
        entries = list(read_index(data))
    except (ValueError, struct.error, IndexError, RecursionError):
        return None
    return Index(
        frozenset(path for path, mode in entries if mode not in (_LINK, _SUBMODULE, _FOLDER)),
        tuple(path for path, mode in entries if mode == _SUBMODULE),
    )


def read_index(data: bytes) -> Iterator[tuple[str, int]]:
    """Path and kind (the mode's upper bits) of each entry of an index, versions 2 to 4; ValueError for others."""
    mark, version, count = _HEADER.unpack_from(data)
    if mark != b"DIRC" or version not in (2, 3, 4) or len(data) > MAX_INDEX_BYTES:
        raise ValueError("not an index that is known")
    id_bytes = _id_bytes(data)
    at, path = _HEADER.size, b""
    found: list[tuple[str, int]] = []
    for _ in range(count):
        start = at
        (mode,) = struct.unpack_from(">I", data, at + _MODE_AT)
        (flags,) = struct.unpack_from(">H", data, at + _STAT_BYTES + id_bytes)
        at += _STAT_BYTES + id_bytes + (4 if version >= 3 and flags & 0x4000 else 2)
        if version == 4:
            cut, at = _varint(data, at)
            if cut > len(path):
                raise ValueError("a path is cut by more than it has")
            end = data.index(b"\0", at)
            path = path[: len(path) - cut] + data[at:end]
            at = end + 1
        else:
            end = data.index(b"\0", at)
            path = data[at:end]
            at = start + (end - start) // 8 * 8 + 8
        found.append((path.decode("utf-8", "surrogateescape"), mode & 0o170000))
    _check_extensions(data, at, len(data) - id_bytes)
    return iter(found)


def _check_extensions(data: bytes, at: int, end: int) -> None:
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if name == b"link":
            raise ValueError("a split index: most entries stand in another file")
        at += 8 + size
    if at != end:
        raise ValueError("the index is cut off")


def _id_bytes(data: bytes) -> int:
    for size, digest in ((20, hashlib.sha1), (32, hashlib.sha256)):
        tail = data[-size:]
        if digest(data[:-size], usedforsecurity=False).digest() == tail:
            return size
    if data[-20:] == bytes(20):  # git may be told to leave the checksum out
        return 20
    raise ValueError("the index is damaged")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """git's offset encoding: seven bits a byte, each continuation adds one."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = ((value + 1) << 7) | (data[at] & 0x7F)
        if value > 1 << 20:
            raise ValueError("a path is too long")
    return value, at + 1
