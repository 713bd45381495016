"""Zipped: the parts of an Office file or e-book, read in memory within bounds; parsed XML knows no entities.

Sizes are checked as declared and again as they come, so that a bomb ends in LimitError before it goes off.
"""

from __future__ import annotations

import codecs
import io
import posixpath
import re
import struct
import zipfile
import zlib
from urllib.parse import unquote

from lxml import etree

from ingest.document import BrokenFileError, EncryptedFileError, LimitError

MAX_ENTRIES = 20_000
MAX_PART_BYTES = 300_000_000  # one part, unpacked
MAX_TOTAL_BYTES = 1_000_000_000  # all parts read, unpacked
MAX_TREE_BYTES = 100_000_000  # one part parsed as a whole: a tree takes about ten times that
MAX_RATIO, RATIO_FROM = 400, 20_000_000  # a part that unpacks to this many times its size is a bomb, if it is large
STRICT, OPEN = b"http://purl.oclc.org/ooxml/", b"http://schemas.openxmlformats.org/"
STRICT_NAMES = tuple(  # the strict form of Office XML differs in its namespaces only
    (STRICT + name + b"/" + rest, OPEN + name + b"/2006/" + rest)
    for name, rest in (
        (b"wordprocessingml", b"main"),
        (b"spreadsheetml", b"main"),
        (b"drawingml", b"main"),
        (b"drawingml", b"chart"),
        (b"drawingml", b"picture"),
        (b"drawingml", b"diagram"),
        (b"drawingml", b"wordprocessingDrawing"),
        (b"officeDocument", b"relationships"),
        (b"officeDocument", b"math"),
    )
)
ASCII_LIKE = ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "windows-125", "latin")
_DECLARED = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)")
_DECLARATION = re.compile(r"\ufeff?\s*<\?xml[^>]*\?>")
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, struct.error, KeyError)


class Zipped:
    """A zip file's parts by name; names are compared without regard to case, as Office does."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name, self._read = name, 0
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGE:
            raise broken(name) from None
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise LimitError(f"{name} holds more than {MAX_ENTRIES:,} parts, which no document does: it is not read.")
        self._parts = {info.filename.lower(): info for info in infos}

    @property
    def names(self) -> list[str]:
        """The names of all parts."""
        return [info.filename for info in self._parts.values()]

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part.lower() in self._parts

    def bytes_of(self, part: str, most: int = MAX_PART_BYTES) -> bytes | None:
        """The bytes of a part, None if there is none."""
        info = self._parts.get(part.lower())
        if info is None:
            return None
        if info.flag_bits & 1:
            raise EncryptedFileError(f"{self.name} is protected by a password: save it without one and read it again.")
        too_dense = info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1)
        if info.file_size > most or too_dense:
            raise self._too_large()
        try:
            with self._zip.open(info) as source:
                data = source.read(most + 1)
        except (RuntimeError, *DAMAGE):
            raise broken(self.name) from None
        self._read += len(data)
        if len(data) > most or self._read > MAX_TOTAL_BYTES:
            raise self._too_large()
        return data

    def xml(self, part: str) -> etree._Element | None:
        """A part as a tree, None if there is none; BrokenFileError if it is not well-formed."""
        data = self.bytes_of(part, MAX_TREE_BYTES)
        return None if data is None else parse_xml(data, self.name)

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Id → (last word of the type, part name) of what a part refers to inside the file."""
        folder, base = posixpath.split(part)
        tree = self.xml(posixpath.join(folder, "_rels", base + ".rels"))
        found: dict[str, tuple[str, str]] = {}
        for each in tree if tree is not None else ():
            kind = str(each.get("Type", "")).rsplit("/", 1)[-1]
            if each.get("TargetMode") != "External":
                found[str(each.get("Id", ""))] = kind, resolve(folder, str(each.get("Target", "")))
        return found

    def _too_large(self) -> LimitError:
        return LimitError(f"{self.name} unpacks to more than its readers take: split it into smaller files.")


def resolve(folder: str, target: str) -> str:
    """The part a link in `folder` means, without its fragment."""
    path = unquote(target.split("#", 1)[0].replace("\\", "/"))
    return posixpath.normpath(path.lstrip("/") if path.startswith("/") else posixpath.join(folder, path))


def parse_xml(data: bytes, name: str) -> etree._Element:
    """A tree in the namespaces of the usual form; a document type with entities is refused."""
    data = usual(data, name)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise broken(name) from None


def usual(data: bytes, name: str) -> bytes:
    """Office XML in the namespaces of its usual form, in UTF-8; BrokenFileError if it declares entities."""
    data = _readable(data, name)
    if b"<!ENTITY" in data:
        raise broken(name)
    if STRICT in data:
        for strict, loose in STRICT_NAMES:
            data = data.replace(strict, loose)
    return data


def _readable(data: bytes, name: str) -> bytes:
    """The same in an encoding in which a declaration of entities cannot hide: Office knows UTF-8 and UTF-16 only."""
    head = data[:1_000].removeprefix(codecs.BOM_UTF8)
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if marked or b"\0" in head[:2]:
        try:
            text = data.decode("utf-16" if marked else "utf-16-be" if head.startswith(b"\0") else "utf-16-le")
        except UnicodeDecodeError:
            raise broken(name) from None
        return _DECLARATION.sub("", text, count=1).encode("utf-8", "replace")
    declared = _DECLARED.match(head)
    if not head.lstrip().startswith(b"<") or (declared and not _ascii_like(declared[1])):
        raise broken(name)
    return data


def _ascii_like(encoding: bytes) -> bool:
    return encoding.decode("ascii", "replace").strip().lower().startswith(ASCII_LIKE)


def broken(name: str) -> BrokenFileError:
    """The error for a file that its own program could not open either."""
    return BrokenFileError(f"{name} is damaged and cannot be read: open it in its program and save it again.")
