"""Runs in the sandbox: what a zip or tar holds, and its members one by one; not a byte is written anywhere.

Request: {"mode": "list"|"read", "wanted": [names], "max_members", "max_member_bytes", "max_bytes"}. Messages:
{"entry": [name, size, problem]} and {"control": name, "raw": n}; or {"member": name, "raw": n} and
{"unread": name, "reason": text}; {"error": kind, "detail": text} ends it.
"""

from __future__ import annotations

import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, Protocol

from ingest.formats import ZIP_MARKS
from ingest.tree.entry import CONTROL_FILES, MAX_CONTROL_BYTES

MAX_NAME = 1024
CHUNK = 1 << 20
_OUTSIDE = re.compile(r"^[\\/]|^[A-Za-z]:|(?:^|[\\/])\.\.(?:[\\/]|$)|\x00")
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


class Send(Protocol):
    """Hands a message, and raw bytes after it, to the parent."""

    def __call__(self, message: dict[str, Any], data: bytes = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    problem: str
    handle: Any  # ZipInfo or TarInfo


def work(data: bytes, request: dict[str, Any], send: Send) -> None:
    """Lists the archive in `data`, or reads the wanted members in the archive's own order."""
    try:
        archive: _Zip | _Tar = _Zip(data) if data.startswith(ZIP_MARKS) else _Tar(data)
        if request["mode"] == "list":
            _list(archive, request, send)
        else:
            _read(archive, request, send)
    except _TooMuch as error:
        send({"error": "limit", "detail": str(error)})
    except _BROKEN:
        send({"error": "broken"})


def _list(archive: _Zip | _Tar, request: dict[str, Any], send: Send) -> None:
    total = 0
    seen: set[str] = set()
    for count, member in enumerate(archive.members(), start=1):
        total += member.size
        if count > request["max_members"]:
            raise _TooMuch(f"more than {request['max_members']:,} files")
        if total > request["max_bytes"]:
            raise _TooMuch(f"more than {request['max_bytes']:,} bytes when unpacked")
        problem = member.problem or _name_problem(member.name)
        if not problem and member.name in seen:
            problem = "a second file of the same name in the archive"
        seen.add(member.name)
        control = PurePosixPath(member.name).name in CONTROL_FILES
        if control and not problem and member.size <= MAX_CONTROL_BYTES:
            content = archive.content(member, MAX_CONTROL_BYTES)
            send({"control": member.name, "raw": len(content)}, content)
        send({"entry": [member.name, member.size, problem]})


def _read(archive: _Zip | _Tar, request: dict[str, Any], send: Send) -> None:
    wanted = set(request["wanted"])
    for member in archive.members():
        if member.name not in wanted:
            continue
        wanted.discard(member.name)
        if member.size > request["max_member_bytes"]:
            limit = request["max_member_bytes"]
            send({"unread": member.name, "reason": f"{member.size:,} bytes, the limit is {limit:,}"})
            continue
        try:
            content = archive.content(member, request["max_member_bytes"])
        except (_TooMuch, *_BROKEN):
            send({"unread": member.name, "reason": "damaged inside the archive"})
            continue
        send({"member": member.name, "raw": len(content)}, content)


class _TooMuch(Exception):
    """The archive is larger than allowed."""


class _Zip:
    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        packed = sum(info.compress_size for info in self._zip.infolist())
        if packed > len(data):
            raise _TooMuch("files that overlap, as only a zip bomb has")

    def members(self) -> Iterator[_Member]:
        for info in self._zip.infolist():
            if not info.is_dir():
                yield _Member(info.filename, info.file_size, _zip_problem(info), info)

    def content(self, member: _Member, limit: int) -> bytes:
        with self._zip.open(member.handle) as source:
            return _bounded(source, min(limit, member.size))


class _Tar:
    def __init__(self, data: bytes) -> None:
        self._tar = tarfile.open(fileobj=io.BytesIO(data), mode="r:*")  # noqa: SIM115  # as long as the child

    def members(self) -> Iterator[_Member]:
        for info in self._tar:
            if not info.isdir():
                yield _Member(_plain(info.name), info.size, _tar_problem(info), info)

    def content(self, member: _Member, limit: int) -> bytes:
        source = self._tar.extractfile(member.handle)
        if source is None:
            raise ValueError("not a file")
        with source:
            return _bounded(source, min(limit, member.size))


def _bounded(source: IO[bytes], limit: int) -> bytes:
    pieces: list[bytes] = []
    have = 0
    while piece := source.read(CHUNK):
        have += len(piece)
        if have > limit:
            raise _TooMuch("more than it declares")
        pieces.append(piece)
    return b"".join(pieces)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _name_problem(name: str) -> str:
    if _OUTSIDE.search(name):
        return "its name leads outside the archive"
    return f"its name is longer than {MAX_NAME:,} characters" if len(name) > MAX_NAME or not name else ""


def _zip_problem(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "a link, not followed"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "not a regular file"
    if info.flag_bits & 1:
        return "protected by a password inside the archive"
    return "" if info.compress_type in _READABLE else "packed by a method that is not read"


def _tar_problem(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link, not followed"
    if not info.isreg():
        return "not a regular file"
    return "a file with holes" if info.issparse() else ""
