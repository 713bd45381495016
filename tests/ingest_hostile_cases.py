"""Hostile files, folders and archives, each with what reading it must end in."""

from __future__ import annotations

import gzip
import io
import os
import socket
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest import Limits
from ingest.document import (
    BinaryFileError,
    BrokenFileError,
    EmptyFileError,
    IngestError,
    LimitError,
    MissingFileError,
    UnsupportedFileError,
)
from tests.ingest_office_cases import para, word_parts
from tests.ingest_office_cases import zipped as office

SMALL = Limits(max_unpacked_bytes=3_000_000, max_file_bytes=2_000_000, max_files=500, parse_seconds=20)


GOOD = ("good.txt", b"good words\n")


LINK, SPECIAL = "a link, not followed", "not a regular file"


Member = tuple[str, bytes]


@dataclass(frozen=True)
class Case:
    """`make` builds it in an empty folder and says what to read; `error` and its `words`, or what the document has."""

    name: str
    make: Callable[[Path], Path]
    error: type[IngestError] | None = None
    words: str = ""
    text: str | None = None
    left: dict[str, str] = field(default_factory=dict)  # path → part of the reason
    files: int | None = None


def zipped(members: Sequence[Member]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def tarred(*members: tarfile.TarInfo) -> bytes:
    """A tar of these entries without content, and of the good file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for each in members:
            archive.addfile(each)
        info = tarfile.TarInfo(GOOD[0])
        info.size = len(GOOD[1])
        archive.addfile(info, io.BytesIO(GOOD[1]))
    return out.getvalue()


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def file(name: str, data: bytes) -> Callable[[Path], Path]:
    def make(home: Path) -> Path:
        (home / name).write_bytes(data)
        return home / name

    return make


def folder(fill: Callable[[Path], object]) -> Callable[[Path], Path]:
    """A folder with the good file and what `fill` puts beside it."""

    def make(home: Path) -> Path:
        (home / GOOD[0]).write_bytes(GOOD[1])
        fill(home)
        return home

    return make


def named(*names: bytes) -> Callable[[Path], Path]:
    """A folder of files with these names."""

    def fill(home: Path) -> None:
        for number, name in enumerate(names):
            with open(os.path.join(os.fsencode(home), name), "wb") as out:
                out.write(b"words of %d\n" % number)

    return folder(fill)


def nested(depth: int, copies: int) -> bytes:
    """Archives in archives: each holds the one below several times over."""
    data = zipped([("bottom.txt", b"bottom words\n")])
    for _ in range(depth):
        data = zipped([(f"{number}.zip", data) for number in range(copies)])
    return data


def lying() -> bytes:
    """A member of two million bytes that says it has ten."""
    data = bytearray(zipped([("big.txt", b"x" * 2_000_000), GOOD]))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + at, 10)
    return bytes(data)


def shared() -> bytes:
    """A thousand entries of the directory that all stand for the same bytes."""
    data = zipped([("a.txt", b"x" * 1_000_000)])
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, 1_000, 1_000, 1_000 * (end - start))
    return data[:start] + data[start:end] * 1_000 + bytes(tail)


def endless() -> bytes:
    """A tar whose only member claims ten gigabytes, packed to a few kilobytes."""
    info = tarfile.TarInfo("big.txt")
    info.size = 10_000_000_000
    return gzip.compress(info.tobuf() + bytes(4_000_000))


def entities(outside: str) -> bytes:
    """A Word file whose text is an entity: a file of the machine, or words multiplied nine times by ten."""
    parts = word_parts(para("words &z;"))
    many = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    value = f'SYSTEM "{outside}"' if outside else '"&a9;"'
    head = f'<!DOCTYPE x [<!ENTITY a0 "lol">{many}<!ENTITY z {value}>]>'
    return office({**parts, "word/document.xml": head + parts["word/document.xml"]})


def sparse(home: Path) -> Path:
    path = home / "sparse.txt"
    with path.open("wb") as out:
        out.write(b"words " * 1_000)
        out.truncate(210_000_000)
    return path


def unix_socket(home: Path) -> None:
    place = os.getcwd()
    os.chdir(home)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as channel:
        channel.bind("talk.txt")
    os.chdir(place)


def device(home: Path) -> None:
    try:
        os.mknod(home / "zero.txt", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        pytest.skip("devices can only be made by root")


def way_out(home: Path) -> Path:
    """A named folder that is a link, with links in it: out, to itself, in a ring, to nothing."""
    real = home / "real"
    real.mkdir()
    (real / GOOD[0]).write_bytes(GOOD[1])
    for name, target in {"out": "../..", "root": "/", "self": ".", "ring": "gnir", "gnir": "ring", "none": "x"}.items():
        (real / name).symlink_to(target)
    (home / "link").symlink_to("real")
    return home / "link"


def ring(home: Path) -> Path:
    (home / "a.txt").symlink_to("a.txt")
    return home / "a.txt"


def deep(home: Path) -> None:
    for _ in range(150):
        home = home / "d"
    home.mkdir(parents=True)
    (home / "deep.txt").write_text("deep words\n")


TRAVERSAL = ["../up.txt", "a/../../up.txt", "/tmp/absolute.txt", "//host/share.txt", "C:\\a.txt", "..\\up.txt", ".."]


OUTSIDE = dict.fromkeys(TRAVERSAL, "leads outside")


ODD = "a file \n\x1b[31mred\x00.txt"


CASES = [
    # archives that unpack to more than they look
    Case("one large member", file("a.zip", zipped([("a.txt", bytes(5_000_000))])), LimitError, "3,000,000 bytes when"),
    Case("a member over the file limit", file("a.zip", zipped([("a.txt", b"a b " * 600_000), GOOD])),
         text="good words\n", left={"a.txt": "2,400,000 bytes, the limit is 2,000,000"}),
    Case("a member that lies", file("a.zip", lying()), text="good words\n", left={"big.txt": "damaged inside"}),
    Case("entries that share their bytes", file("a.zip", shared()), LimitError, "overlap"),
    Case("a tar that never ends", file("a.tar.gz", endless()), LimitError, "3,000,000 bytes when"),
    Case("5,000 tiny files", file("a.zip", zipped([(f"{n}.txt", b"w\n") for n in range(5_000)])), LimitError,
         "more than 1,000 files"),
    Case("four levels of six archives", file("a.zip", nested(4, 6)), EmptyFileError,
         "1,296 are left out, the first of them 0.zip/0.zip/0.zip/0.zip: an archive inside 4 others"),
    Case("an archive of a good file and a bad archive", file("a.zip", zipped([("b.zip", lying()[:99]), GOOD])),
         text="good words\n", left={"b.zip": "damaged"}),
    # names and links that lead out
    Case("names in an archive in an archive", file("a.zip", zipped([
        ("in.zip", zipped([*((name, b"evil") for name in TRAVERSAL), GOOD]))])),
        text="good words\n", left={f"in.zip/{name}": reason for name, reason in OUTSIDE.items()}),
    Case("a tar that goes through its own link", file("a.tar", tarred(
        entry("way", tarfile.SYMTYPE, "/tmp"), entry("way/evil.txt", tarfile.REGTYPE))),
        text="good words\n", left={"way": LINK, "way/evil.txt": "empty"}),
    Case("a hard link to a file before it", file("a.tar", tarred(entry("hard.txt", tarfile.LNKTYPE, "../../good.txt"))),
         text="good words\n", left={"hard.txt": LINK}),
    Case("devices in a tar", file("a.tar", tarred(
        entry("tty.txt", tarfile.CHRTYPE), entry("disk.txt", tarfile.BLKTYPE), entry("pipe.txt", tarfile.FIFOTYPE))),
        text="good words\n", left=dict.fromkeys(("tty.txt", "disk.txt", "pipe.txt"), SPECIAL)),
    Case("links in a folder", way_out, text="good words\n",
         left=dict.fromkeys(("out", "root", "self", "ring", "gnir", "none"), LINK)),
    Case("a file that links to itself", ring, MissingFileError, "cannot be opened"),
    # what is no file at all
    Case("a pipe in a folder", folder(lambda home: os.mkfifo(home / "pipe.txt")), text="good words\n",
         left={"pipe.txt": SPECIAL}),
    Case("a socket in a folder", folder(unix_socket), text="good words\n", left={"talk.txt": SPECIAL}),
    Case("a device in a folder", folder(device), text="good words\n", left={"zero.txt": SPECIAL}),
    Case("a device", lambda home: Path("/dev/zero"), UnsupportedFileError, "not a regular file"),
    Case("a folder of 150 folders", folder(deep), text="good words\n", left={"d/" * 101 + "": "deep"}),
    # content
    Case("210 MB", sparse, LimitError, "210,000,000 bytes"),
    Case("one line of 2 MB", file("a.txt", b"words " * 333_000), files=1),
    Case("one line of 2 MB of code", file("a.py", b"f(1);" * 399_999), files=1),
    Case("one word of 2 MB", file("a.md", b"w" * 1_999_999), files=1),
    Case("invalid UTF-8", file("a.txt", b"words \xff\xfe\xc3\x28 \xed\xa0\x80 \xf5\n" * 9), files=1),
    Case("a NUL among words", file("a.txt", b"words \0 and words\n" * 9), BinaryFileError, "named .txt"),
    Case("a NUL further down", file("a.txt", b"words and words\n" * 999 + b"\0\0\0 the last words\n"), files=1),
    Case("all NUL", file("a.txt", bytes(9_000)), BinaryFileError, "named .txt"),
    Case("an empty file", file("a.pdf", b""), EmptyFileError, "empty"),
    Case("nothing but newlines", file("a.md", b"\n" * 100_000), EmptyFileError, "nothing but white space"),
    Case("nothing but a byte order mark", file("a.txt", b"\xef\xbb\xbf"), EmptyFileError, ""),
    Case("half a character of UTF-16", file("a.txt", "words of two".encode("utf-16") + b"\x41"), files=1),
    Case("50,000 nested elements", file("a.html", b"<div>" * 50_000 + b"words"), text="words\n"),
    Case("a page of tags alone", file("a.html", b"<p>" * 600_000), EmptyFileError, "no text"),
    Case("a table of one row and 400,000 cells", file("a.csv", b"w," * 400_000), files=1),
    Case("a table of 900,000 rows", file("a.csv", b"w\n" * 900_000), files=1),
    Case("a quotation mark that opens 1.9 MB", file("a.csv", b'a,b\n"' + b"w,1\n" * 480_000), files=1),
    Case("a Word file with foreign entities", file("a.docx", entities("file:///etc/passwd")),
         BrokenFileError, "a.docx"),
    Case("a Word file of a billion words", file("a.docx", entities("")), BrokenFileError, "a.docx"),
    Case("markdown of 300,000 quotes", file("a.md", b"> " * 300_000 + b"words"), files=1),
    Case("a zip named .docx", file("a.docx", zipped([GOOD])), BrokenFileError, "a.docx"),
    # names
    Case("names that only look different", named(b"a\n.txt", b"a\t.txt", b"a .txt", "a\u202e .txt".encode()), files=5),
    Case("a name of control characters", named(b"\x1b[2J\x07.txt", b"\r\n.txt", b"\xff\xfe.txt"), files=4),
    Case("a name that writes backwards", named("annex\u202egnp.txt".encode()), files=2),
    Case("a name with a new sentence in it", file("a\n\x1b[31mError: all is lost.\u2028.txt", b""), EmptyFileError, ""),
]  # fmt: skip
