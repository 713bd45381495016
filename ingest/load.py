"""Paths → one Document. Kind is decided by content first, then by suffix; nothing is dropped silently."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ingest.document import (
    BinaryFileError,
    BrokenFileError,
    Document,
    EmptyFileError,
    IngestCancelled,
    IngestError,
    IngestReport,
    LimitError,
    Limits,
    MissingFileError,
    Section,
    Span,
    Unread,
    UnsupportedFileError,
    content_hash,
)
from ingest.folder import MARKDOWN_SUFFIXES, SOURCE_SUFFIXES, SUPPORTED, TEXT_SUFFIXES, is_supported, walk
from ingest.structure.headings import find_sections
from ingest.structure.lines import split_pages
from ingest.part import Part
from ingest.pdf.reader import read_pdf
from ingest.text import binary_kind, decode, one_line, split_lines

Progress = Callable[[str, int, int], None]
Cancel = Callable[[], bool]

PDF_MARK = b"%PDF-"
PDF_MARK_WITHIN = 1024  # bytes of rubbish a PDF may start with


def load(
    paths: Sequence[Path],
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen, so one instance can be shared
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Document:
    """Reads files and folders, in the given order, into one Document.

    `progress(path, done, total)` is called a page (a file without pages counts as one). Raises an IngestError
    for a file that was named; a bad file inside a folder is listed in `report.unread` instead.
    """
    reader = _Reader(limits, progress, cancel)
    for path, shown in _display_names(paths):
        if path.is_dir():
            reader.folder(path, shown if len(paths) > 1 else "")
        else:
            reader.file(path, shown)
    if not reader.parts:
        what = " and ".join(one_line(str(path)) for path in paths) or "The list of paths"
        raise EmptyFileError(f"{what} holds no file that can be read: give {SUPPORTED}.")
    return _assemble(reader, _name(paths))


class _Reader:
    """Reads one path after the other and keeps the account of what `Limits` still allow."""

    def __init__(self, limits: Limits, progress: Progress | None, cancel: Cancel | None) -> None:
        self.limits, self.progress, self.cancel = limits, progress, cancel
        self.parts: list[tuple[str, Part]] = []
        self.unread: list[Unread] = []
        self.chars = self.pages = 0

    def folder(self, path: Path, shown: str) -> None:
        for item in walk(path, shown):
            if isinstance(item, Unread):
                self.unread.append(item)
                continue
            self._check(item[1])
            try:
                part = self._read(*item, follow=False)
            except IngestCancelled:
                raise
            except IngestError as error:
                self.unread.append(Unread(item[1], None, str(error)))
            else:
                self._keep(item[1], part)

    def file(self, path: Path, shown: str) -> None:
        self._check(shown)
        self._keep(shown, self._read(path, shown, follow=True))

    def _check(self, shown: str) -> None:
        if self.cancel is not None and self.cancel():
            raise IngestCancelled(f"Reading {shown} was cancelled.")
        if len(self.parts) >= self.limits.max_files:
            raise LimitError(f"There are more than {self.limits.max_files:,} files: read a smaller folder.")

    def _keep(self, shown: str, part: Part) -> None:
        self.parts.append((shown, part))
        self.chars += len(part.text)
        self.pages += part.pages
        if self.chars > self.limits.max_chars:
            raise LimitError(f"With {shown} the text exceeds {self.limits.max_chars:,} characters: read fewer files.")
        if self.pages > self.limits.max_pages:
            raise LimitError(f"With {shown} there are more than {self.limits.max_pages:,} pages: read fewer files.")

    def _read(self, path: Path, shown: str, *, follow: bool) -> Part:
        with _open(path, shown, follow=follow) as source:
            size = os.fstat(source.fileno()).st_size
            if size > self.limits.max_file_bytes:
                limit = self.limits.max_file_bytes
                raise LimitError(f"{shown} has {size:,} bytes, the limit is {limit:,}: split it or raise the limit.")
            head = source.read(PDF_MARK_WITHIN)
            if not head.strip() and size <= len(head):
                raise EmptyFileError(f"{shown} is empty: give a file with text in it.")
            suffix = path.suffix.lower()
            if head.lstrip().startswith(PDF_MARK) or (suffix == ".pdf" and PDF_MARK in head):
                return read_pdf(source, shown, limits=self.limits, progress=self.progress, cancel=self.cancel)
            data = head + source.read(size - len(head))
        part = _read_text(data, suffix, path.name, shown)
        if self.progress is not None:
            self.progress(shown, 1, 1)
        return part


def _open(path: Path, shown: str, *, follow: bool) -> BinaryIO:
    """Opens a regular file only: no device, no pipe that would block, no link unless the user named it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        raise MissingFileError(f"{shown} does not exist: check the path.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a valid path"
        raise MissingFileError(f"{shown} cannot be opened ({reason}): check the path and its permissions.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise UnsupportedFileError(f"{shown} is not a regular file: give {SUPPORTED}.")
    return os.fdopen(handle, "rb")


def _read_text(data: bytes, suffix: str, name: str, shown: str) -> Part:
    kind = binary_kind(data)
    if suffix == ".pdf":
        raise BrokenFileError(f"{shown} is named .pdf but is no PDF ({kind or 'plain text'}): get the file again.")
    if not is_supported(name) and (suffix or kind):
        raise UnsupportedFileError(f"{shown} is of a kind that is not read ({suffix or kind}): give {SUPPORTED}.")
    if kind:
        raise BinaryFileError(f"{shown} is named like a text but holds {kind}: give the text itself.")
    decoded, warning = decode(data)
    text, spans = split_lines(decoded, shown)
    if not text.strip():
        raise EmptyFileError(f"{shown} holds nothing but white space: give a file with text in it.")
    part = Part(text, spans, warnings=[f"{shown}: {warning}"] if warning else [])
    if suffix not in SOURCE_SUFFIXES and suffix not in (".csv", ".log", ".xml", ".html", ".htm"):
        lines = split_pages(text, [(0, len(text))])
        markdown = suffix in MARKDOWN_SUFFIXES or (
            suffix in TEXT_SUFFIXES and sum(line.text.startswith(("# ", "## ", "### ")) for line in lines) >= 2
        )
        part.sections = find_sections(lines, len(text), markdown=markdown)
    return part


def _display_names(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Each path once, with its file name, or as given where two names are the same."""
    unique: dict[str, Path] = {}
    for path in paths:
        try:
            unique.setdefault(os.path.realpath(path), path)
        except ValueError:  # a path no system call accepts: opening it says so to the user
            unique.setdefault(str(path), path)
    kept = list(unique.values())
    names = [one_line(path.name or path.resolve().name or str(path)) for path in kept]
    return [
        (path, name if names.count(name) == 1 else one_line(path.as_posix()))
        for path, name in zip(kept, names, strict=True)
    ]


def _name(paths: Sequence[Path]) -> str:
    first = paths[0].name or paths[0].resolve().name
    first = one_line(first)
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def _assemble(reader: _Reader, name: str) -> Document:
    texts: list[str] = []
    spans: list[Span] = []
    sections: list[Section] = []
    several = len(reader.parts) > 1
    offset = 0
    for shown, part in reader.parts:
        header = f"File: {shown}" if several else ""
        start, below = offset, 1 if several else 0
        if several:
            end = start + len(header) + 1 + len(part.text)
            sections.append(Section(shown, 1, start, end, start + len(header), "file"))
            spans.append(Span(start, start + len(header) + 1, shown))
            texts.append(header + "\n")
            offset += len(header) + 1
        spans += [replace(span, start=span.start + offset, end=span.end + offset) for span in part.spans]
        sections += [
            replace(
                section,
                level=section.level + below,
                start=section.start + offset,
                end=section.end + offset,
                header_end=section.header_end + offset,
            )
            for section in part.sections
        ]
        texts.append(part.text)
        offset += len(part.text)
    text = "".join(texts)
    report = IngestReport(
        files=len(reader.parts),
        pages=sum(part.pages for _, part in reader.parts),
        unread=(*(item for _, part in reader.parts for item in part.unread), *reader.unread),
        warnings=tuple(warning for _, part in reader.parts for warning in part.warnings),
    )
    return Document(name, text, tuple(sections), tuple(spans), report, content_hash(text, spans))
