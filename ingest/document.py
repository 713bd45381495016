"""The values this package hands on, and its errors. All offsets count characters of `Document.text`.

IngestError                  str(error) is one sentence for the user: which file, what is wrong, what to do
├── MissingFileError         not there, or may not be opened
├── EmptyFileError           nothing but white space, or a folder with nothing readable
├── NoTextError              a PDF without a text layer (a scan)
├── BrokenFileError          truncated, damaged, or not what its name says
├── EncryptedFileError       needs a password
├── BinaryFileError          bytes where text was promised
├── UnsupportedFileError     a kind this package does not read
├── CloneError               a git URL that cannot be fetched
├── LimitError               larger or slower than `Limits` allow
└── IngestCancelled          the caller asked to stop
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


class IngestError(Exception):
    """Base of every error a caller of this package sees; its text is one sentence for the user."""


class MissingFileError(IngestError):
    """The path does not exist or may not be opened."""


class EmptyFileError(IngestError):
    """There is nothing to read."""


class NoTextError(IngestError):
    """A PDF without any text layer."""


class BrokenFileError(IngestError):
    """The file is truncated or damaged."""


class EncryptedFileError(IngestError):
    """The file needs a password."""


class BinaryFileError(IngestError):
    """The file promises text but holds other bytes."""


class UnsupportedFileError(IngestError):
    """A kind of file that is not read."""


class CloneError(IngestError):
    """A git URL that is not allowed or cannot be fetched."""


class LimitError(IngestError):
    """Reading stopped at one of the `Limits`."""


class IngestCancelled(IngestError):
    """The caller's `cancel` returned true."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one `load` may take; bytes, seconds and memory hold per file, all else for everything together.

    `max_unpacked_bytes` and `max_depth` (archives inside archives) bound what archives may hold; `clone_seconds`
    and `max_clone_bytes` bound a git URL.
    """

    max_file_bytes: int = 200_000_000
    parse_seconds: float = 120.0
    parse_memory_bytes: int = 2_000_000_000
    max_chars: int = 200_000_000
    max_pages: int = 20_000
    max_files: int = 50_000
    max_unpacked_bytes: int = 1_000_000_000
    max_depth: int = 3
    clone_seconds: float = 300.0
    max_clone_bytes: int = 1_000_000_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"limit {name} must be positive, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) come from this file and page or line; page and line are 1-based.

    `line` is the line of the first character; every newline inside the span starts the next line of the file.
    """

    start: int
    end: int
    path: str
    page: int | None = None
    page_label: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Characters [start, end) of one header and what is below it; the header itself is [header_start, header_end).

    Comments and decorators above a definition belong to its section but not to its header.
    """

    title: str
    level: int
    start: int
    end: int
    header_end: int
    kind: str
    header_start: int = -1  # `start` where nothing stands above the header

    def __post_init__(self) -> None:
        if self.header_start < 0:
            object.__setattr__(self, "header_start", self.start)


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that is there but was not read: a whole file, or one page (1-based) of it."""

    path: str
    page: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Text that stands on pages (1-based) but outside their flow: running header or footer, page number."""

    path: str
    kind: str
    text: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What was read and what was not; `files` counts the files read, `pages` all pages of those files."""

    files: int
    pages: int
    unread: tuple[Unread, ...] = ()
    warnings: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    @property
    def pages_unread(self) -> tuple[int, ...]:
        """Page numbers (1-based) that gave no text."""
        return tuple(item.page for item in self.unread if item.page is not None)

    @property
    def files_unread(self) -> tuple[Unread, ...]:
        """Whole files that were not read, with their reasons."""
        return tuple(item for item in self.unread if item.page is None)


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that was read, as one text; `spans` tile it, `sections` nest and are ordered by start."""

    name: str
    text: str
    sections: tuple[Section, ...]
    spans: tuple[Span, ...]
    report: IngestReport
    content_hash: str

    def span_at(self, offset: int) -> Span:
        """The span holding the character at `offset`; IndexError outside the text."""
        if not 0 <= offset < len(self.text):
            raise IndexError(f"offset {offset} is outside the text of {len(self.text)} characters")
        return self.spans[bisect_right(self.spans, offset, key=lambda span: span.start) - 1]

    def section_at(self, offset: int) -> Section | None:
        """The innermost section holding `offset`, or None before the first header."""
        path = self.section_path(offset)
        return path[-1] if path else None

    def section_path(self, offset: int) -> tuple[Section, ...]:
        """The sections holding `offset`, outermost first."""
        index = bisect_right(self.sections, offset, key=lambda section: section.start) - 1
        path: list[Section] = []
        while index >= 0:
            section = self.sections[index]
            if section.end > offset and (not path or section.level < path[-1].level):
                path.append(section)
                if section.level == 1:
                    break
            index -= 1
        return tuple(reversed(path))

    def line_of(self, offset: int) -> int | None:
        """The 1-based line of `offset` in its file, or None where the file has pages instead."""
        span = self.span_at(offset)
        return None if span.line is None else span.line + self.text.count("\n", span.start, offset)

    def page_text(self, path: str, page: int) -> tuple[int, int]:
        """Start and end offsets of a page (1-based) of a file; KeyError if there is no such page."""
        for span in self.spans:
            if span.path == path and span.page == page:
                return span.start, span.end
        raise KeyError(f"{path} has no page {page}")


def content_hash(text: str, spans: Iterable[Span]) -> str:
    """sha256 (hex) over the text and over which file each part of it came from."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    previous = None
    for span in spans:
        if span.path != previous:
            digest.update(f"\0{span.start}\0{span.path}".encode("utf-8", "surrogatepass"))
            previous = span.path
    return digest.hexdigest()
