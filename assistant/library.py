"""The user's documents on disk: the originals, and what was parsed from them, by content hash.

A document is parsed once; the parsed form is kept beside a copy of the original files, so that an answer's citations
still open when the original has moved. A folder appears under its final name only when it is complete.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest import Artifact, Document, IngestError, IngestReport, Limits, PartCache, Section, Span, Unread, load

_PARSED = "document.json"
_VERSION = 2  # raise it when the parsers give other documents than before
ParseProgress = Callable[[str, int, int], None]  # file, pages parsed, pages in all
Cancel = Callable[[], bool]


class LibraryFullError(IngestError):
    """The disk has no room for a copy of the document."""


@dataclass(frozen=True, slots=True)
class Held:
    """A parsed document in the library. `id`: hex SHA-256 of names and bytes; `new`: it was not there before."""

    id: str
    document: Document
    bytes: int
    parse_s: float
    new: bool = False


class Library:
    """Documents under `root`. Safe for several processes: folders are only ever added whole or removed."""

    def __init__(self, root: Path, limits: Limits, *, private_hosts: bool = True) -> None:
        """`private_hosts`: whether a git URL may lead into this machine's own network."""
        self._root = root
        self._limits = limits
        self._private_hosts = private_hosts
        self._parts = PartCache(root.parent / "parsed")
        self._keeping = threading.Lock()

    def add(
        self,
        paths: Sequence[Path | str],
        *,
        progress: ParseProgress | None = None,
        cancel: Cancel | None = None,
        password: str | None = None,
        ocr: bool = False,
    ) -> Held:
        """Parses `paths` (files, folders, archives, git URLs) as one document and keeps it; a known one is on disk.

        Raises IngestError; nothing is left behind then.
        """
        start = time.perf_counter()
        identity, size = _identity(paths, self._limits, ocr=ocr)
        if identity is not None and (held := self.get(identity)) is not None:
            return held
        self._root.mkdir(parents=True, exist_ok=True)
        document = load(
            paths,
            limits=self._limits,
            progress=progress,
            cancel=cancel,
            password=password,
            ocr=ocr,
            cache=self._parts,
            scratch=self._root,
            private_hosts=self._private_hosts,
        )
        if identity is None:  # a folder: what was read out of it is what counts
            identity, size = document.content_hash, len(document.text.encode())
            if (held := self.get(identity)) is not None:
                return held
        self._keep(identity, document, paths)
        return Held(identity, document, size, time.perf_counter() - start, new=True)

    def ensure(self, held: Held, paths: Sequence[Path | str]) -> None:
        """Keeps a document again that others gave up or deleted since `add` gave it: it may be theirs, too."""
        if not self.has(held.id):
            self._keep(held.id, held.document, paths)

    def identity(self, paths: Sequence[Path]) -> str | None:
        """The id under which `add` will keep these files; None where only parsing can tell."""
        return _identity(paths, self._limits, ocr=False)[0]

    def get(self, document_id: str) -> Held | None:
        """The document with this id, or None when it is not in the library or was parsed by another version."""
        folder = self._root / document_id
        try:
            stored = json.loads((folder / _PARSED).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        if stored.get("version") != _VERSION:
            return None
        size = sum(file.stat().st_size for file in folder.iterdir() if file.name != _PARSED)
        return Held(document_id, _document(stored["document"]), size, 0.0)

    def has(self, document_id: str) -> bool:
        """Whether the document is here."""
        return (self._root / document_id / _PARSED).exists()

    def original(self, document_id: str, document: Document, path: str) -> Path | None:
        """The copy of the file that a span's `path` names; None for what came out of a folder, archive or URL."""
        files = sorted(file for file in (self._root / document_id).glob("[0-9][0-9][0-9]*") if file.is_file())
        shown = list(dict.fromkeys(span.path for span in document.spans))
        if len(files) != len(shown) or path not in shown:
            return None
        file = files[shown.index(path)]
        return file if file.suffix == Path(path).suffix.lower()[:12] else None

    def delete(self, document_id: str) -> None:
        """Removes the document, the copies of its files, and whatever was parsed of anything: it may hold its text."""
        shutil.rmtree(self._root / document_id, ignore_errors=True)
        self._parts.clear()

    def _keep(self, document_id: str, document: Document, paths: Sequence[Path | str]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        partial = self._root / f".{document_id[:16]}-{uuid.uuid4().hex[:8]}.partial"
        try:
            partial.mkdir()
            for number, path in enumerate(path for path in paths if isinstance(path, Path) and path.is_file()):
                shutil.copyfile(path, partial / f"{number:03d}{path.suffix.lower()[:12]}")
            stored = {"version": _VERSION, "document": _stored(document)}
            (partial / _PARSED).write_text(json.dumps(stored), "utf-8")
            with self._keeping:  # whoever keeps the same document meanwhile must never find it gone
                if self.get(document_id) is None:
                    shutil.rmtree(self._root / document_id, ignore_errors=True)
                    partial.rename(self._root / document_id)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise LibraryFullError(
                    f"The disk of {self._root} is full; free some space or choose another folder with --data-dir."
                ) from error
            if not (self._root / document_id / _PARSED).exists():  # otherwise another process kept it first
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def parsed(
    paths: Sequence[Path | str],
    data: Path,
    limits: Limits,
    *,
    password: str | None = None,
    ocr: bool = False,
    progress: ParseProgress | None = None,
) -> Document:
    """A document that is not kept; only the parsed parts of trees stay in the cache of the folder `data`."""
    data.mkdir(parents=True, exist_ok=True)
    cache = PartCache(data / "parsed")
    return load(paths, limits=limits, password=password, ocr=ocr, cache=cache, scratch=data, progress=progress)


def _identity(paths: Sequence[Path | str], limits: Limits, *, ocr: bool) -> tuple[str | None, int]:
    """Hash over names and bytes of plain files, and their size; (None, 0) where only parsing can tell."""
    digest, size = hashlib.sha256(f"library={_VERSION},ocr={ocr}\0".encode()), 0
    for path in paths:
        if not isinstance(path, Path) or not path.is_file() or path.stat().st_size > limits.max_file_bytes:
            return None, 0  # a folder, a git URL, or something that load() refuses with its own words
        with path.open("rb") as stream:
            name = path.name.encode("utf-8", "surrogateescape")  # a name may be any bytes
            digest.update(name + f"\0{hashlib.file_digest(stream, 'sha256').hexdigest()}\0".encode())
        size += path.stat().st_size
    return digest.hexdigest(), size


_LISTS = ("unread", "artifacts")  # of a report


def _stored(document: Document) -> dict[str, Any]:
    """The document as plain data; values become rows, as there may be a hundred thousand sections."""
    report = document.report
    return {
        "name": document.name,
        "text": document.text,
        "sections": [dataclasses.astuple(section) for section in document.sections],
        "spans": [dataclasses.astuple(span) for span in document.spans],
        "report": {
            "files": report.files,
            "pages": report.pages,
            "warnings": report.warnings,
            **{name: [dataclasses.astuple(value) for value in getattr(report, name)] for name in _LISTS},
        },
        "content_hash": document.content_hash,
    }


def _document(stored: dict[str, Any]) -> Document:
    report = stored["report"]
    return Document(
        name=stored["name"],
        text=stored["text"],
        sections=tuple(Section(*row) for row in stored["sections"]),
        spans=tuple(Span(*row) for row in stored["spans"]),
        report=IngestReport(
            files=report["files"],
            pages=report["pages"],
            unread=tuple(Unread(*row) for row in report["unread"]),
            warnings=tuple(report["warnings"]),
            artifacts=tuple(
                Artifact(path, kind, text, tuple(pages)) for path, kind, text, pages in report["artifacts"]
            ),
        ),
        content_hash=stored["content_hash"],
    )
