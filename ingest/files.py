"""One file → Part: recognised by its bytes, taken from the cache or parsed in a sandbox, several at a time."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO

from ingest import document as errors
from ingest.cache import SLOW_SECONDS, PartCache
from ingest.document import (
    BinaryFileError,
    BrokenFileError,
    EmptyFileError,
    IngestCancelled,
    IngestError,
    LimitError,
    Limits,
    UnsupportedFileError,
)
from ingest.formats import BY_NAME, HEAD_BYTES, SUPPORTED, Format, recognise, suffix_of
from ingest.part import Part, Request, from_wire
from ingest.pdf.reader import read_pdf
from ingest.sandbox import Cancel, Sandbox
from ingest.text import one_line

Progress = Callable[[str, int, int], None]
MAX_WORKERS = 4
MAX_WAITING = 16  # files handed to the workers ahead of the one that is waited for
MAX_WAITING_BYTES = 50_000_000
_MAX_MESSAGE = 600
_OUTLINE = "all of it is read, but without an outline: making one"
_MARKUP = "all of it is read, its sections found by numbering and capitals: reading its markup"
_PLAIN = {  # what reads a format whose own reader broke down, and what the report says then
    "code": ("ingest.code.plain", _OUTLINE),
    "json": ("ingest.code.plain", _OUTLINE),
    "rst": ("ingest.plain.prose", _MARKUP),
}


class LeftOutError(IngestError):
    """A file of a tree that is not worth reading; its text is the reason, in plain words."""


class _BrokeDownError(Exception):
    """The child ended without an answer; `error` says so to the user."""

    def __init__(self, error: IngestError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller of `load` asked for, the same for every file."""

    limits: Limits
    password: str | None = None
    ocr: bool = False
    cancel: Cancel | None = None
    cache: PartCache | None = None
    private_hosts: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be parsed: its display path, and how to get at it. `tree`: it was found, not named."""

    shown: str
    open: Callable[[], BinaryIO | bytes]
    tree: bool = True
    size: int = 0
    insisted: bool = False  # the tree's own rules say to read it, even if it looks generated


class Files:
    """Parses files; a sandbox a thread, ended by close()."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._local = threading.local()
        self._sandboxes: list[Sandbox] = []
        self._spare: dict[int, Sandbox] = {}
        self._pool = ThreadPoolExecutor(min(MAX_WORKERS, os.cpu_count() or 1), "parse")

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for sandbox in (*self._sandboxes, *self._spare.values()):
            sandbox.close()

    def read_all(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Part | IngestError]]:
        """Every job's part or what went wrong, in order; only a few files are open at a time."""
        waiting: deque[tuple[Job, Future[Part | IngestError]]] = deque()
        for job in jobs:
            waiting.append((job, self._pool.submit(self._try, job)))
            while len(waiting) >= MAX_WAITING or sum(job.size for job, _ in waiting) > MAX_WAITING_BYTES:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()

    def read(self, job: Job, progress: Progress | None = None) -> Part:
        """The part of one file; raises the IngestError that says what is wrong with it."""
        source = job.open()
        try:
            return self._read(source, job, progress)
        finally:
            if not isinstance(source, bytes):
                source.close()

    def spare(self, depth: int) -> Sandbox:
        """The sandbox for archives inside `depth` others, one at a time; ended with this."""
        return self._spare.setdefault(depth, Sandbox(self._settings.limits))

    def _try(self, job: Job) -> Part | IngestError:
        try:
            return self.read(job)
        except IngestError as error:
            return error

    def _read(self, source: BinaryIO | bytes, job: Job, progress: Progress | None) -> Part:
        settings, shown = self._settings, job.shown
        if settings.cancel is not None and settings.cancel():
            raise IngestCancelled(f"Reading {shown} was cancelled.")
        head = check_size(source, shown, settings.limits)
        kind = recognise(shown, head)
        if isinstance(kind, str):
            raise refusal(shown, kind)
        key = self._key(source, job, kind)
        if key is not None and settings.cache is not None and (part := settings.cache.get(key)) is not None:
            return part
        start = time.monotonic()
        try:
            part = self._pdf(source, shown, progress) if kind.name == "pdf" else self._parse(source, job, kind)
        except _BrokeDownError as fault:
            return self._plain(source, job, kind, fault.error)  # never cached: another time it may go well
        if key is not None and settings.cache is not None and time.monotonic() - start >= SLOW_SECONDS:
            settings.cache.put(key, part)
        return part

    def _key(self, source: BinaryIO | bytes, job: Job, kind: Format) -> str | None:
        if self._settings.cache is None:
            return None
        if isinstance(source, bytes):
            digest = hashlib.sha256(source).hexdigest()
        else:
            source.seek(0)
            digest = hashlib.file_digest(source, "sha256").hexdigest()  # type: ignore[arg-type]  # a BinaryIO has readinto
        password = hashlib.sha256((self._settings.password or "").encode()).hexdigest()
        return self._settings.cache.key(
            digest,
            format=kind.name,
            shown=job.shown,
            tree=job.tree,
            insisted=job.insisted,
            password=password,
            ocr=self._settings.ocr,
        )

    def _pdf(self, source: BinaryIO | bytes, shown: str, progress: Progress | None) -> Part:
        settings = self._settings
        return read_pdf(
            source,
            shown,
            limits=settings.limits,
            progress=progress,
            cancel=settings.cancel,
            password=settings.password,
            ocr=settings.ocr,
        )

    def _plain(self, source: BinaryIO | bytes, job: Job, kind: Format, error: IngestError) -> Part:
        """The text alone, where its reader broke down and there is another one; else `error`."""
        if kind.name not in _PLAIN:
            raise error
        reader, told = _PLAIN[kind.name]
        try:
            part = self._parse(source, job, dataclasses.replace(kind, reader=reader))
        except _BrokeDownError:
            raise error from None
        why = "takes too long or too much memory" if isinstance(error, LimitError) else "broke off"
        part.warnings.append(f"{job.shown}: {told} {why}")
        return part

    def _parse(self, source: BinaryIO | bytes, job: Job, kind: Format) -> Part:
        """One run of the format's reader; its own error, or _BrokeDownError where it gave no answer."""
        limits = self._settings.limits
        options = Request(limits.max_chars, limits.max_pages, self._settings.password, self._settings.ocr)
        request: dict[str, Any] = {
            "reader": kind.reader,
            "format": kind.name,
            "name": job.shown,
            "tree": job.tree,
            "insisted": job.insisted,
            "options": dataclasses.asdict(options),
        }
        sandbox, cancel = self._sandbox(), self._settings.cancel
        try:
            answers = list(sandbox.messages("ingest.part_worker", source, request, name=job.shown, cancel=cancel))
        except (BrokenFileError, LimitError) as error:
            raise _BrokeDownError(error) from None
        for message in answers:
            if "left" in message:
                raise LeftOutError(one_line(str(message["left"]))[:_MAX_MESSAGE])
            if "error" in message:
                raise _told(str(message["error"]), str(message.get("detail", "")), job.shown)
            if "part" in message:
                try:
                    return from_wire(message["part"])
                except (ValueError, TypeError, KeyError):
                    break
        raise _BrokeDownError(damaged(job.shown))

    def _sandbox(self) -> Sandbox:
        if not hasattr(self._local, "sandbox"):
            self._local.sandbox = Sandbox(self._settings.limits)
            self._sandboxes.append(self._local.sandbox)
        sandbox: Sandbox = self._local.sandbox
        return sandbox


def check_size(source: BinaryIO | bytes, shown: str, limits: Limits) -> bytes:
    """The first bytes of a file that is neither empty nor too large."""
    if isinstance(source, bytes):
        size, head = len(source), source[:HEAD_BYTES]
    else:
        size = os.fstat(source.fileno()).st_size
        source.seek(0)
        head = source.read(HEAD_BYTES)
    if size > limits.max_file_bytes:
        limit = limits.max_file_bytes
        raise LimitError(f"{shown} has {size:,} bytes, the limit is {limit:,}: split it or raise the limit.")
    if not head.strip() and size <= len(head):
        raise EmptyFileError(f"{shown} is empty: give a file with text in it.")
    return head


def reason_of(error: IngestError, shown: str) -> str:
    """What an error says of a file that is listed under its path, where the advice to give another one is no help."""
    text = str(error).removesuffix(f": give {SUPPORTED}.").removesuffix(": give a file with text in it.")
    for start in (f"{shown} is ", f"{shown}: ", f"{shown} "):
        if text.startswith(start):
            return text.removeprefix(start)
    return text


def refusal(shown: str, reason: str) -> IngestError:
    """The error for a file that `recognise` refused with `reason`."""
    if reason.startswith("named "):
        textual = any(suffix_of(shown) in BY_NAME[name].suffixes for name in ("text", "markdown", "rst", "csv", "html"))
        kind = BinaryFileError if textual else BrokenFileError
        return kind(f"{shown} is {reason}: get the file again or rename it.")
    if " is not read" in reason or " are not read" in reason:
        return UnsupportedFileError(f"{shown}: {reason}.")
    return UnsupportedFileError(f"{shown} is of a kind that is not read ({reason}): give {SUPPORTED}.")


def damaged(shown: str) -> BrokenFileError:
    """The error where nothing better is known."""
    return BrokenFileError(f"{shown} is damaged and cannot be read: open it in a viewer and save it again.")


def _told(kind: str, detail: str, shown: str) -> IngestError:
    """The reader's own error, out of the child: only our classes, one line, bounded."""
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, IngestError) and detail.startswith(shown):
        return found(one_line(detail)[:_MAX_MESSAGE])
    return damaged(shown)
