"""What happens when the user does something on the page. Each method calls the service and yields what to show."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.history import reads_history
from assistant.service import Service
from assistant.web import proof_views, start_view, views
from assistant.web.arrivals import arrival
from assistant.web.errands import LOOK_S
from assistant.web.proof_desk import EXPECTED
from assistant.web.question_desk import QuestionDesk, check, told
from assistant.web.reading_desk import Reading, ReadingDesk, discard, paste
from assistant.web.reading_view import left_out
from assistant.web.transcript_view import Talk, growing, transcript
from assistant.web.view import View
from ingest.tree.git_url import is_git_url
from storage import Message

SOON_S = 10.0  # who gave a file within another conversation waits so long for the new one to open by itself
STALE = timedelta(days=1)  # what a server that was killed left of uploads goes after it


class Desk(QuestionDesk):
    """One service behind the page. The user's name comes from the login, never from the page's data."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.readings = ReadingDesk(service)
        self._scratch = service.options.data_dir / "uploads-of-page"

    def home(self, user: str) -> View:
        """The page after loading: the latest conversation, or the empty start; and the readings that go on."""
        latest = self._service.store.conversations(user, limit=1)
        view = self.open(user, latest[0].id) if latest else self.fresh(user)
        return replace(view, readings=self.readings.html(user))

    def fresh(self, user: str, bot: str = "") -> View:
        """An empty page, waiting for a document or, with a bot that reads histories, for a question."""
        chosen = self._service.profiles.get(bot) or self.bots[0]
        documents = sorted(self._service.store.documents(user), key=lambda each: each.created_at, reverse=True)
        return View(
            conversation="",
            bot=chosen.name,
            seen="",
            conversations=self.list.html(user, ""),
            heading="",
            transcript=start_view.start(self.bots, chosen, documents),
            growing="",
            meter="",
            sources=proof_views.sources(None),
            viewer="",
            outline="",
            status="",
            busy="",
            live=False,
        )

    # -- a question on an empty page -------------------------------------------------

    def ask(self, user: str, conversation_id: str, question: str, bot: str = "") -> Iterator[View]:
        """As QuestionDesk. While a document is read that has no conversation yet, the question is left with it."""
        chosen = self._service.profiles.get(bot) or self.bots[0]
        reading = None if conversation_id or reads_history(chosen) else self.readings.newest(user)
        if reading is None:
            yield from super().ask(user, conversation_id, question, bot)
            return
        try:
            check(question)
            left = self.readings.leave(
                user, reading, question, lambda identity: self._send_left(user, identity, question)
            )
        except EXPECTED as error:
            yield View(status=views.status(str(error), "error"), question=question)
            return
        yield from self._wait_for(user, reading, question)
        if not reading.conversation:
            why = f"{reading.name} was not read, so your question was not asked."
            yield View(status=views.status(why, "error"), growing="", question=question, busy="")
        elif not left:
            yield from super().ask(user, reading.conversation, question, bot)
        else:
            self.readings.dismiss(user, reading.id)
            note = views.status(reading.unasked, "error") if reading.unasked else ""
            opened = self.open(user, reading.conversation)
            kept = question if reading.unasked else ""
            yield replace(opened, status=note, question=kept, readings=self.readings.html(user))
            yield from self.follow(user, reading.conversation)
            if not reading.unasked:  # its answer may have ended before anybody could follow it
                yield self.open(user, reading.conversation)

    def _wait_for(self, user: str, reading: Reading, question: str) -> Iterator[View]:
        """The question above how far the reading is, until it ends."""
        bot = self._service.bot(reading.bot).profile
        asked = Message(None, "", -1, 1, "user", question, "complete", datetime.now(UTC), None, author=user)
        shown = transcript(Talk(user, bot, (asked,), settled=False))
        yield View(transcript=shown, growing=growing(bot, "", f"Reading {reading.name} …"), status="", question="")
        while not reading.over:
            job = reading.job
            if job is not None:
                where = "Waiting for your “Read it” …" if reading.asking else told(job.state, reading.name)
                yield View(growing=growing(bot, "", where))
            time.sleep(LOOK_S)

    def _send_left(self, user: str, conversation_id: str, question: str) -> None:
        conversation = self.list.own(user, conversation_id)
        self._sent(user, self._titled(user, conversation, question), question, None)

    # -- documents -----------------------------------------------------------------

    def files(self, user: str, bot: str, files: Sequence[Any]) -> Generator[View, None, str]:
        """Reads files that the browser sent, see arrival, as one document; returns the reading's id, "" for none."""
        return (yield from self._read(user, lambda: self._start_files(user, bot, files)))

    def paste(self, user: str, bot: str, title: str, text: str) -> Generator[View, None, str]:
        """Reads pasted text; see files."""
        return (yield from self._read(user, lambda: self._start_paste(user, bot, title, text)))

    def clone(self, user: str, bot: str, url: str) -> Generator[View, None, str]:
        """Reads a repository by its https address; see files."""
        return (yield from self._read(user, lambda: self._start_clone(user, bot, url.strip())))

    def watch(self, user: str) -> Iterator[View]:
        """The readings that go on, as they go on."""
        for html in self.readings.watch(user):
            yield View(readings=html)

    def wait_for(self, user: str, reading_id: str) -> Generator[View, None, str]:
        """Watches until a reading has ended; its id."""
        yield from self.watch(user)
        return reading_id

    def settle(self, user: str, conversation_id: str, reading_id: str = "", *, wanted: bool = False) -> View:
        """Opens what was just read, the newest unless one is named, if the user waits for it or `wanted` it."""
        within_s = None if wanted or not conversation_id else SOON_S
        done = self.readings.take(user, reading_id, within_s=within_s, wanted=wanted)
        if done is None:
            return View(readings=self.readings.html(user))
        note = views.status(f"{done.name} is read. {done.note} Ask your question.", more=left_out(done.left_out))
        return replace(self.open(user, done.conversation), status=note, readings=self.readings.html(user))

    def document(self, user: str, document_id: str, bot: str, *, new: bool) -> View:
        """The latest conversation about a document, or a new one."""
        store = self._service.store
        record = store.document(user, document_id)
        if not new:
            for conversation in store.conversations(user, limit=200):
                if document_id in conversation.document_ids:
                    return self.open(user, conversation.id)
        return self.open(user, store.create_conversation(user, bot, record.name, (document_id,)).id)

    def _read(self, user: str, start: Callable[[], Reading]) -> Generator[View, None, str]:
        try:
            reading = start()
        except EXPECTED as error:
            yield View(status=views.status(str(error), "error"))
            return ""
        yield View(status="")
        return (yield from self.wait_for(user, reading.id))

    def _start_files(self, user: str, bot: str, files: Sequence[Any]) -> Reading:
        self._sweep()
        arrived = arrival(files, self._scratch)
        return self.readings.start(user, self._reader(bot), arrived.sources, arrived.name, arrived.room)

    def _start_paste(self, user: str, bot: str, title: str, text: str) -> Reading:
        self._scratch.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(prefix="paste-", dir=self._scratch))
        try:
            path = paste(room, title, text, self._service.options.limits.max_file_bytes)
        except EXPECTED:
            room.rmdir()
            raise
        return self.readings.start(user, self._reader(bot), [path], path.stem, room)

    def _start_clone(self, user: str, bot: str, url: str) -> Reading:
        if not is_git_url(url):
            raise AssistantError("Give the address of a repository as https://host/owner/name.")
        return self.readings.start(user, self._reader(bot), [url], url.removeprefix("https://"))

    def _reader(self, bot: str) -> str:
        """Who reads a document that is given while `bot` is chosen: not one that answers over histories."""
        chosen = self._service.profiles.get(bot) or self.bots[0]
        documents = [each for each in (chosen, *self.bots) if not reads_history(each)]
        return (documents or [chosen])[0].name

    def _sweep(self) -> None:
        """Deletes what a killed server left of uploads."""
        for each in self._scratch.iterdir() if self._scratch.exists() else ():
            with suppress(FileNotFoundError):  # a reading that ends just now deletes its own
                if datetime.now(UTC) - datetime.fromtimestamp(each.stat().st_mtime, UTC) > STALE:
                    discard(each)
