"""Readings that go on for a user: several at once, each with its cost, its progress and its end.

A reading outlives the page that began it: whoever comes back finds it where it is by then.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assistant.coverage import coverage
from assistant.errors import AssistantError, BusyError
from assistant.reading import ReadDocument, ReadJob, ReadState
from assistant.service import Service
from assistant.unfinished import FOLDER, Left, Unfinished
from assistant.web.proof_desk import EXPECTED
from assistant.web.reading_view import Line, readings
from ingest import IngestError

ASK_ABOVE_S = 60.0  # readings that take longer are begun only when the user says so
AT_ONCE = 6  # readings of one user
PAUSE_S = 0.2  # between two looks


@dataclass(eq=False)
class Reading:
    """One reading of files that lie in `room` until it ends. Then its `job`, which holds the document, is let go of."""

    id: str
    name: str
    bot: str
    job: ReadJob | None
    room: Path | None
    note: str = ""
    left_out: tuple[tuple[str, str], ...] = ()
    conversation: str = ""
    error: str = ""
    over: bool = False
    began: float = 0.0  # seconds of a monotonic clock
    ended: float = 0.0
    send: Callable[[str], None] | None = None
    """Asks, in the conversation of this id, what the user asked while it was being read."""
    unasked: str = ""
    """Why that could not be asked."""
    settled: bool = False
    """Whether no question can be left with it any more: it is about to end."""
    _last: ReadState = field(default_factory=lambda: ReadState("done", 0, 0, None))

    @property
    def asking(self) -> bool:
        """Whether it waits for the user."""
        job = self.job
        return job is not None and job.asking and not job.cancelled()

    def end(self) -> None:
        """Lets go of the job."""
        if self.job is not None:
            self._last, self.job = self.job.state, None
        self.over, self.ended = True, time.monotonic()

    def line(self) -> Line:
        """As it is shown."""
        job = self.job
        return Line(
            self.id,
            self.name,
            job.state if job else self._last,
            job.cost if job else None,
            self.asking,
            self.note,
            self.left_out,
            self.conversation,
            self.error,
        )


class ReadingDesk:
    """All readings of all users; the user's name comes from the login."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._of: dict[str, list[Reading]] = {}
        self._lock = threading.Lock()
        self._unfinished = Unfinished(service.options.data_dir / FOLDER)
        for left in self._unfinished.left():
            why = f"The server ended while it read {left.name}; nothing of that is kept. Add it again."
            asked = f" You had asked: {left.question}" if left.question else ""
            reading = Reading(left.id, left.name, "", None, None, error=why + asked, over=True)
            self._of.setdefault(left.user, []).append(reading)

    def start(
        self, user: str, bot: str, sources: Sequence[Path] | Sequence[str], name: str, room: Path | None = None
    ) -> Reading:
        """Begins to read files, folders and git URLs as one document. `room`, where they lie, is deleted when it ends.

        Raises AssistantError where too many go on.
        """
        served = self._service.bot(bot)
        with self._lock:
            own = self._of.setdefault(user, [])
            if sum(not each.over for each in own) >= AT_ONCE:
                discard(room)
                raise AssistantError(f"{AT_ONCE} documents are being read already; wait for one of them or cancel it.")
            job = served.reader.start(sources, ask_above_s=ASK_ABOVE_S)
            reading = Reading(secrets.token_hex(8), name, bot, job, room, began=time.monotonic())
            own.append(reading)
        self._unfinished.begin(Left(reading.id, user, name))
        threading.Thread(target=self._finish, args=(user, reading, job), name="reading", daemon=True).start()
        return reading

    def watch(self, user: str) -> Iterator[str]:
        """The lines, whenever they change, until no reading goes on or all wait for the user."""
        shown = None
        while True:
            own = self._own(user)
            html = readings([each.line() for each in own])
            if html != shown:
                shown = html
                yield html
            if all(each.over or each.asking for each in own):
                return
            time.sleep(PAUSE_S)

    def html(self, user: str) -> str:
        """The lines as they are now."""
        return readings([each.line() for each in self._own(user)])

    def go(self, user: str, reading_id: str) -> None:
        """Reads what the user was asked about."""
        for reading in self._chosen(user, reading_id):
            if reading.job is not None:
                reading.job.go()

    def cancel(self, user: str, reading_id: str) -> None:
        """Stops a reading; nothing of it is kept."""
        for reading in self._chosen(user, reading_id):
            if reading.job is not None:
                reading.job.cancel()

    def dismiss(self, user: str, reading_id: str) -> None:
        """Takes the line of a reading that is over away."""
        with self._lock:
            gone = [each for each in self._of.get(user, ()) if each.id == reading_id and each.over]
            self._of[user] = [each for each in self._of.get(user, ()) if each not in gone]
        if gone:
            self._unfinished.end(reading_id)

    def take(
        self, user: str, reading_id: str = "", *, within_s: float | None = None, wanted: bool = False
    ) -> Reading | None:
        """A reading that is done, with its line taken away: the one of this id, or the newest.

        `within_s`: only one that took no longer. One that a left question opens only if it is `wanted`.
        """
        done = [each for each in self._own(user) if each.over and each.conversation and (wanted or not each.send)]
        if within_s is not None:
            done = [each for each in done if each.ended - each.began <= within_s]
        chosen = next((each for each in reversed(done) if not reading_id or each.id == reading_id), None)
        if chosen:
            self.dismiss(user, chosen.id)
        return chosen

    def newest(self, user: str) -> Reading | None:
        """The reading that was begun last, of those that go on."""
        return next((each for each in reversed(self._own(user)) if not each.over), None)

    def leave(self, user: str, reading: Reading, question: str, send: Callable[[str], None]) -> bool:
        """Leaves a question with a reading, to be sent when it has its conversation; False if it is about to end.

        Raises BusyError where one waits already, and AssistantError while the user has to say whether to read at all.
        """
        with self._lock:
            if reading.asking:
                raise AssistantError(f"{reading.name} is not being read yet; press “Read it” first, then ask.")
            if reading.send is not None:
                raise BusyError(f"A question waits for {reading.name} already; it is asked when that is read.")
            if reading.settled:
                return False
            reading.send = send
            self._unfinished.begin(Left(reading.id, user, reading.name, question))
            return True

    def _finish(self, user: str, reading: Reading, job: ReadJob) -> None:
        try:
            document = job.result()
            reading.name = document.held.document.name
            reading.note, reading.left_out = receipt_of(document)
            self._service.bot(reading.bot).keep(document, job)
            reading.conversation = self._service.converse(user, document, reading.bot).id
            self._ask(reading)
        except EXPECTED as error:
            if not job.cancelled():
                reading.error = str(error)
        except Exception as error:  # told to the user instead of a line that waits for ever
            reading.error = f"Reading failed unexpectedly: {error}"
        finally:
            discard(reading.room)
            with self._lock:  # a question that comes now must not note the reading again
                reading.settled = True
            self._unfinished.end(reading.id)
            reading.end()
            if job.cancelled() and not reading.conversation:
                self.dismiss(user, reading.id)

    def _ask(self, reading: Reading) -> None:
        with self._lock:
            reading.settled, send = True, reading.send
        if send is not None:
            try:
                send(reading.conversation)
            except Exception as error:  # the document is read all the same
                reading.unasked = str(error)

    def _own(self, user: str) -> list[Reading]:
        with self._lock:
            return list(self._of.get(user, ()))

    def _chosen(self, user: str, reading_id: str) -> list[Reading]:
        return [each for each in self._own(user) if each.id == reading_id]


def receipt_of(document: ReadDocument) -> tuple[str, tuple[tuple[str, str], ...]]:
    """One sentence on what was read, and (place, reason) of everything that was not."""
    tokens = len(document.encoded.token_ids)
    source = document.held.document
    unread = tuple(
        (f"{item.path}, page {item.page}" if item.page else item.path, item.reason) for item in source.report.unread
    )
    return coverage(source, tokens, tokens).sentence(), unread


def paste(folder: Path, title: str, text: str, most: int) -> Path:
    """Pasted text as a file in `folder`. Raises IngestError where there is none or more than `most` bytes."""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise IngestError("The text holds characters that are not valid Unicode; remove them.") from error
    if not text.strip():
        raise IngestError("There is no text; paste it into the box.")
    if len(content) > most:
        raise IngestError(f"The text has {len(content):,} bytes, more than the {most:,} allowed; read less of it.")
    words = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in title)
    name = " ".join(words.split())[:80].encode()[:200].decode(errors="ignore")  # letters may have four bytes
    path = folder / f"{name or 'Pasted text'}.txt"
    path.write_bytes(content)
    return path


def discard(room: Path | None) -> None:
    """Deletes uploaded files: the library has its own copies."""
    if room is not None:
        shutil.rmtree(room, ignore_errors=True)
