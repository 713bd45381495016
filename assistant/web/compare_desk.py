"""What happens on the page of comparisons: one question read in two ways, two versions of a contract."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.comparing import LEVELS, PATTERNS, Comparison, Setting
from assistant.errors import AssistantError, BusyError
from assistant.service import Service, chosen_level, chosen_pattern
from assistant.versions import align, clauses
from assistant.web import views
from assistant.web.compare_views import compared
from assistant.web.proof_desk import EXPECTED
from assistant.web.versions_view import versions
from ingest import Document, load
from storage import NotFoundError

HELD = 16  # uploaded files held for comparing, of all users; they are in memory only
Choice = tuple[str, str]  # what is shown, and its id


class CompareDesk:
    """One service behind the page; the user's name comes from the login."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._running: dict[str, Comparison] = {}
        self._uploads: OrderedDict[tuple[str, str], Document] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def patterns(self) -> list[str]:
        """What can be chosen as a pattern."""
        return list(PATTERNS)

    @property
    def levels(self) -> list[str]:
        """What can be chosen as a level."""
        return list(LEVELS)

    @property
    def bots(self) -> list[str]:
        """The bots that answer."""
        return list(self._service.bots)

    @property
    def bot(self) -> str:
        """The bot of this service."""
        return self._service.profile.name

    @property
    def usual(self) -> Setting:
        """How this service reads unless told otherwise."""
        options, profile = self._service.options, self._service.profile
        return Setting(chosen_pattern(options, profile), chosen_level(options, profile))

    def documents(self, user: str) -> list[Choice]:
        """The user's documents, newest first, and the files they uploaded for comparing."""
        try:
            records = self._service.store.documents(user, shared=True)
        except NotFoundError:  # who comes for the first time has none
            records = []
        with self._lock:
            held = [(f"{each.name} (uploaded)", key) for (owner, key), each in self._uploads.items() if owner == user]
        return [*reversed(held), *((record.name, record.id) for record in reversed(records))]

    # -- one question, two ways ----------------------------------------------------

    def ask(
        self, user: str, document_id: str | None, bot: str, question: str, settings: Sequence[Setting]
    ) -> Iterator[str]:
        """HTML of both sides, as they grow."""
        try:
            comparison = self._begin(user, document_id, bot, question or "", settings)
        except EXPECTED as error:
            yield views.status(str(error), "error")
            return
        shown = comparison.sides
        yield compared(shown)
        while not comparison.wait(0.2):
            if comparison.sides != shown:
                shown = comparison.sides
                yield compared(shown)
        yield compared(comparison.sides)

    def _begin(
        self, user: str, document_id: str | None, bot: str, question: str, settings: Sequence[Setting]
    ) -> Comparison:
        """One at a time for each user, from however many tabs they ask."""
        with self._lock:
            running = self._running.get(user)
            if running is not None and not running.wait(0):
                raise BusyError("Another comparison is running; wait for it or press Stop.")
            if not document_id or (user, document_id) in self._uploads:
                raise AssistantError("Choose a document that was read in a conversation.")
            self._running[user] = Comparison(self._service, user, document_id, bot, question, settings)
            return self._running[user]

    def stop(self, user: str) -> None:
        """Ends the user's comparison."""
        if user in self._running:
            self._running[user].stop()

    # -- two versions --------------------------------------------------------------

    def upload(self, user: str, paths: Sequence[str]) -> tuple[list[str], str]:
        """Parses files for comparing only: nothing is kept on disk. The new ids, and news for the user."""
        ids: list[str] = []
        try:
            for path in paths:
                ids.append(self._hold(user, load([Path(path)], limits=self._service.options.limits)))
        except EXPECTED as error:
            return ids, views.status(str(error), "error")
        finally:
            for path in paths:
                with contextlib.suppress(OSError):
                    Path(path).unlink()
        return ids, ""

    def _hold(self, user: str, document: Document) -> str:
        key = secrets.token_hex(8)
        with self._lock:
            self._uploads[user, key] = document
            while len(self._uploads) > HELD:
                self._uploads.popitem(last=False)
        return key

    def versions(self, user: str, old_id: str | None, new_id: str | None) -> str:
        """HTML of both versions, clause beside clause."""
        try:
            if not old_id or not new_id:
                raise AssistantError("Choose an old and a new version, or add their files.")
            if old_id == new_id:
                raise AssistantError("Both sides are the same document; choose another version for one of them.")
            old, new = self._document(user, old_id), self._document(user, new_id)
            return versions(align(clauses(old), clauses(new)), old.name, new.name)
        except EXPECTED as error:
            return views.status(str(error), "error")

    def _document(self, user: str, document_id: str) -> Document:
        with self._lock:
            uploaded = self._uploads.get((user, document_id))
        if uploaded is not None:
            return uploaded
        self._service.store.document(user, document_id)
        held = self._service.library.get(document_id)
        if held is None:
            raise AssistantError("This document is no longer in the library; add its file again.")
        return held.document
