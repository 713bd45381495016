"""The same question on the same document, read in two ways: what each answers, how long it takes, what it looks at.

Both ways run one after the other, so that their times can be compared. Nothing is added to any conversation.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.answer_options import PLAIN
from assistant.bot import Bot, Finished
from assistant.errors import AssistantError, EmptyQuestionError
from assistant.reading import Reader, ReadState
from assistant.record import answer_record
from assistant.service import Service
from ingest import IngestError
from sparse_backend import BackendError
from sparse_backend.presets import LEVELS, PATTERNS, preset
from storage import AnswerRecord, StorageError

__all__ = ["LEVELS", "PATTERNS", "Comparison", "Setting", "Side"]

Phase = Literal["waiting", "reading", "answering", "done", "refused", "stopped"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A way of reading: pattern and quality level."""

    pattern: str
    level: str

    @property
    def name(self) -> str:
        """“headers/balanced”; “dense” has no levels."""
        return "dense" if self.pattern == "dense" else f"{self.pattern}/{self.level}"


@dataclass(frozen=True, slots=True)
class Side:
    """One way and how far it has come. `error`: one sentence when it is refused; `record`: the receipt, at the end.

    `cached`: the document had been read in this way before, so `record.read_s` is the time of loading it.
    """

    setting: Setting
    phase: Phase = "waiting"
    text: str = ""
    error: str = ""
    state: ReadState | None = None
    record: AnswerRecord | None = None
    cached: bool = False


class Comparison:
    """Two or more ways, in a thread of their own."""

    def __init__(
        self, service: Service, user: str, document_id: str, bot: str, question: str, settings: Sequence[Setting]
    ) -> None:
        """Raises EmptyQuestionError, UnsupportedPatternError, NotFoundError for what is not this user's to read."""
        if not question.strip():
            raise EmptyQuestionError("The question is empty; type what you want to know.")
        if len(set(settings)) < len(settings):
            raise AssistantError("Both sides read in the same way; choose another pattern or level for one of them.")
        for each in settings:
            preset(each.pattern, each.level)
        service.store.document(user, document_id)
        self._service, self._document_id, self._question = service, document_id, question
        self._profile = service.bot(bot).profile
        self._sides = [Side(each) for each in settings]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="compare", daemon=True)
        self._thread.start()

    @property
    def sides(self) -> tuple[Side, ...]:
        """All sides as they are now."""
        return tuple(self._sides)

    def wait(self, seconds: float | None = None) -> bool:
        """Waits at most `seconds`; whether all sides have ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ends it at the next token or chunk; what is there stays."""
        self._stop.set()

    def _run(self) -> None:
        for index, side in enumerate(self._sides):
            try:
                if self._stop.is_set():
                    self._note(index, phase="stopped")
                else:
                    self._answer(index, side.setting)
            except (AssistantError, BackendError, IngestError, StorageError) as error:
                stopped = self._stop.is_set()
                self._note(index, phase="stopped" if stopped else "refused", error="" if stopped else str(error))
            except Exception as error:  # shown to the user instead of a page that waits for ever
                self._note(index, phase="refused", error=f"This failed unexpectedly: {error}")

    def _answer(self, index: int, setting: Setting) -> None:
        service = self._service
        engine = service.engine_with(setting.pattern, setting.level)
        reader = Reader(service.library, engine, service.tokenizer, self._profile, holdings=service.holdings)
        job = reader.start(self._document_id)
        while not job.wait(0.1):
            self._note(index, phase="reading", state=job.state)
            if self._stop.is_set():
                job.cancel()
        document = job.result()
        cached = document.read.cached_tokens > 0
        self._note(index, phase="answering", cached=cached)
        bot = Bot(engine, service.tokenizer, self._profile)
        for event in bot.answer(document, (), self._question, self._stop.is_set):
            self._note(index, text=event.text)
            if isinstance(event, Finished):
                read_now = 0 if cached else len(document.read.segment)
                record = answer_record(bot, event, document, read_now, PLAIN, shared=False)
                self._note(index, phase="stopped" if event.answer.finish == "cancelled" else "done", record=record)

    def _note(self, index: int, **changes: object) -> None:
        self._sides[index] = replace(self._sides[index], **changes)  # type: ignore[arg-type]
