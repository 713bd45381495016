"""Files that were uploaded and are being read. An upload outlives its request and a restart: its files wait on disk.

Once read, a document stands in the store and its upload is gone; one that could not be read says why for a day.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from assistant.errors import AssistantError
from assistant.reading import ReadDocument, ReadJob, ReadState
from assistant.service import Service
from assistant.web.api.journal import failure
from assistant.web.api.problems import EXPECTED, Problem
from storage import NotFoundError

logger = logging.getLogger("unabridged.uploads")
_RECORD = "upload.json"
_KEPT_S = 86_400.0  # how long a failed upload says why
_WAITING = ReadState("parsing", 0, 0, None)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is known of an upload from its beginning. `id`: of the document to be; `created_at`: seconds, Unix time."""

    token: str
    id: str
    user: str
    bot: str
    name: str
    files: tuple[str, ...]  # relative to the upload's folder
    bytes: int
    created_at: float
    error: str = ""


@dataclass(eq=False)
class Upload:
    """An upload that is waiting, being read, or failed."""

    ticket: Ticket
    job: ReadJob | None = None
    dropped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def state(self) -> ReadState:
        """Where the reading is; “parsing” 0 of 0 while it waits for its turn."""
        if self.ticket.error:
            return ReadState("failed", 0, 0, None, self.ticket.error)
        return self.job.state if self.job else _WAITING


class Uploads:
    """The uploads of everybody, read a few at a time."""

    def __init__(self, service: Service, *, readers: int, at_once: int) -> None:
        self._service, self._at_once = service, at_once
        self._root = service.options.data_dir / "uploads"
        self._lock = threading.Lock()
        self._all: dict[tuple[str, str], Upload] = {}
        self._pool = ThreadPoolExecutor(readers, thread_name_prefix="upload")

    def resume(self) -> int:
        """Takes up what an earlier run left unread; returns how many uploads that are."""
        for record in sorted(self._root.glob(f"*/{_RECORD}")):
            try:
                stored = json.loads(record.read_text("utf-8"))
                ticket = Ticket(**stored | {"files": tuple(stored["files"])})
            except (ValueError, TypeError, KeyError) as error:  # of another version: nobody can read it any more
                logger.error("upload record", extra=failure(error))
                continue
            upload = self._all[ticket.user, ticket.id] = Upload(ticket)
            if ticket.error:
                upload.ended.set()
            else:
                self._pool.submit(self._read, upload)
        known = {upload.ticket.token for upload in self._all.values()}
        for folder in self._root.glob("*"):
            if folder.name not in known:  # an upload that never arrived whole
                shutil.rmtree(folder, ignore_errors=True)
        self._sweep()
        return sum(not upload.ended.is_set() for upload in self._all.values())

    def add(self, user: str, bot: str, files: Sequence[tuple[str, BinaryIO]]) -> str:
        """Keeps files, which together are one document, and has them read for `bot`; returns the document's id.

        What the user has already, or is uploading, is not read again. Problem 413 for too large files, 429 when too
        many uploads wait. Nothing is left behind then.
        """
        self._sweep()
        token = uuid.uuid4().hex
        with self._arriving(self._root / token) as folder:
            paths = [_written(folder, number, *file) for number, file in enumerate(files)]
            identity = self._service.library.identity(paths)
            if identity is None:
                most = self._service.options.limits.max_file_bytes
                raise Problem(413, f"A file may have {most:,} bytes at most.", "file_too_large")
            name = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
            relative = tuple(str(path.relative_to(folder)) for path in paths)
            size = sum(path.stat().st_size for path in paths)
            upload = Upload(Ticket(token, identity, user, bot, name, relative, size, time.time()))
            if not self._admit(upload):
                shutil.rmtree(folder, ignore_errors=True)
                return identity
            try:
                self._write(upload.ticket)
            except OSError:
                self._remove(upload)  # nobody will read it
                raise
        self._pool.submit(self._read, upload)
        return identity

    def find(self, user: str, document_id: str) -> Upload | None:
        """The user's upload that becomes, or failed to become, this document."""
        return self._all.get((user, document_id))

    def of(self, user: str) -> list[Upload]:
        """The user's uploads that are not read yet, or failed; oldest first."""
        with self._lock:
            own = [upload for upload in self._all.values() if upload.ticket.user == user]
        return sorted(own, key=lambda upload: upload.ticket.created_at)

    def drop(self, user: str, document_id: str) -> bool:
        """Gives an upload up; whether there was one."""
        upload = self.find(user, document_id)
        if upload is None:
            return False
        with self._lock:  # not while it is being kept
            upload.dropped = True
        if upload.job:
            upload.job.cancel()
        self._remove(upload)
        return True

    @property
    def waiting(self) -> int:
        """How many uploads are not read yet."""
        with self._lock:
            return sum(not upload.ended.is_set() for upload in self._all.values())

    def close(self) -> None:
        """Stops reading; the next run takes up what is left."""
        with self._lock:
            jobs = [upload.job for upload in self._all.values() if upload.job]
        self._pool.shutdown(wait=False, cancel_futures=True)
        for job in jobs:
            job.cancel()

    # -- one upload -----------------------------------------------------------------

    def _read(self, upload: Upload) -> None:
        """The work of one reader thread."""
        ticket = upload.ticket
        error = ""
        try:
            served = self._service.bot(ticket.bot)
            folder = self._root / ticket.token
            job = upload.job = served.reader.start([folder / name for name in ticket.files])
            if upload.dropped:
                job.cancel()
            document = job.result()
            with self._lock:
                if not upload.dropped:
                    self._keep(ticket, document)
                    served.keep(document, job)
        except EXPECTED as raised:
            error = str(raised)
        except Exception as raised:
            logger.error("upload", extra=failure(raised))
            error = "Reading failed inside; the log tells more."
        if error and upload.job and upload.job.cancelled() and not upload.dropped:
            return  # the program ends: the files stay for the next run
        try:
            if error and not upload.dropped:
                self._fail(upload, error)
            else:
                self._remove(upload)
        except OSError as raised:  # a full disk, or a folder dropped just now: the error is told from memory
            logger.error("upload record", extra=failure(raised))
        finally:
            upload.ended.set()  # somebody may wait for it

    def _keep(self, ticket: Ticket, document: ReadDocument) -> None:
        if document.held.id != ticket.id:
            raise AssistantError("The files changed while they were read; upload them again.")
        self._service.register(ticket.user, document)

    def _admit(self, upload: Upload) -> bool:
        """Whether the upload has to be read; False when its document is there or on its way."""
        ticket = upload.ticket
        try:
            self._service.store.document(ticket.user, ticket.id)
            return False
        except NotFoundError:
            pass
        with self._lock:
            known = self._all.get((ticket.user, ticket.id))
            if known and not known.ticket.error:
                return False
            own = [each for each in self._all.values() if each.ticket.user == ticket.user and not each.ended.is_set()]
            if len(own) >= self._at_once:
                raise Problem(
                    429,
                    f"{len(own)} uploads of yours are being read; wait for one of them.",
                    "too_many_at_once",
                    headers={"Retry-After": "5"},
                )
            self._all[ticket.user, ticket.id] = upload
        if known:
            shutil.rmtree(self._root / known.ticket.token, ignore_errors=True)
        return True

    def _fail(self, upload: Upload, error: str) -> None:
        ticket = upload.ticket = Ticket(**asdict(upload.ticket) | {"error": error, "files": ()})
        self._write(ticket)
        for path in (self._root / ticket.token).iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _remove(self, upload: Upload) -> None:
        ticket = upload.ticket
        with self._lock:
            if self._all.get((ticket.user, ticket.id)) is upload:
                del self._all[ticket.user, ticket.id]
        shutil.rmtree(self._root / ticket.token, ignore_errors=True)

    def _sweep(self) -> None:
        with self._lock:
            failed = [upload for upload in self._all.values() if upload.ticket.error]
        for upload in failed:
            if time.time() - upload.ticket.created_at > _KEPT_S:
                self._remove(upload)

    def _write(self, ticket: Ticket) -> None:
        record = self._root / ticket.token / _RECORD
        partial = record.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(ticket)), "utf-8")
        partial.replace(record)

    @contextmanager
    def _arriving(self, folder: Path) -> Iterator[Path]:
        try:
            folder.mkdir(parents=True)
            yield folder
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise Problem(507, "The upload could not be kept; the disk may be full.", "disk_full") from error
            raise


def _written(folder: Path, number: int, name: str, content: BinaryIO) -> Path:
    """A file in a folder of its own, so that no name, however hostile, meets another one or leads elsewhere."""
    own = folder / str(number)
    own.mkdir()
    path = own / safe_name(name)
    with path.open("wb") as target:
        shutil.copyfileobj(content, target, 1 << 20)
    return path


def safe_name(name: str) -> str:
    """The last part of a file name, without what file systems or terminals take for more than a letter."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(letter for letter in last if letter.isprintable()).strip().lstrip(".")
    stem, dot, suffix = kept.rpartition(".")
    suffix = (dot + suffix).encode("utf-8", "ignore")[:40].decode("utf-8", "ignore") if stem else ""
    stem = (stem or kept).encode("utf-8", "ignore")[: 200 - len(suffix.encode())].decode("utf-8", "ignore")
    return f"{stem}{suffix}" or "file"
