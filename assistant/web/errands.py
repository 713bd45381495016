"""Questions whose document is still being read: each is asked when that is done, whether or not anybody looks on.

They are stored when they are taken, so that one whose server is killed meanwhile stands in its conversation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from assistant.chat import AnswerJob
from assistant.errors import AssistantError, BusyError
from assistant.reading import ReadDocument, ReadJob
from storage import Message

LOOK_S = 0.2  # between two looks at whether the question is still wanted


class Errand:
    """One question on its way, in a thread of its own."""

    def __init__(self, reading: ReadJob, ask: Callable[[ReadDocument], AnswerJob]) -> None:
        self.reading = reading
        self._ask = ask
        self._found: tuple[ReadDocument, AnswerJob] | None = None
        self._error: Exception | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="errand", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The question is not answered any more; the reading goes on, as others may wait for it."""
        self._stopped.set()

    def wait(self, seconds: float) -> bool:
        """Waits at most `seconds`; whether the question was asked, or will never be."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> tuple[ReadDocument, AnswerJob]:
        """The document and the growing answer; raises what went wrong, or AssistantError when it was stopped."""
        if self._error is not None:
            raise self._error
        if self._found is None:
            raise AssistantError("Stopped before the question was answered.")
        return self._found

    def _run(self) -> None:
        try:
            while not self.reading.wait(LOOK_S):
                if self._stopped.is_set():
                    return
            document = self.reading.result()
            if not self._stopped.is_set():
                self._found = document, self._ask(document)
        except Exception as error:  # raised again where the question came from
            self._error = error


class Errands:
    """All that are on their way, one at most in each conversation."""

    def __init__(self) -> None:
        self._of: dict[str, Errand] = {}
        self._lock = threading.Lock()

    def begin(
        self,
        conversation_id: str,
        keep: Callable[[], Message],
        read: Callable[[Message], ReadJob],
        ask: Callable[[ReadDocument, Message], AnswerJob],
    ) -> Errand:
        """Stores the question with `keep`, begins to `read` what stands before it, and sends it off.

        Raises BusyError while another one is on its way.
        """
        with self._lock:
            if (known := self._of.get(conversation_id)) is not None and not known.wait(0):
                raise BusyError("A question here waits for its document already; wait for it or press Stop.")
            self._of = {key: each for key, each in self._of.items() if not each.wait(0)}  # others hold documents
            asked = keep()
            errand = self._of[conversation_id] = Errand(read(asked), lambda document: ask(document, asked))
            return errand

    def of(self, conversation_id: str) -> Errand | None:
        """The one that is on its way in a conversation."""
        errand = self._of.get(conversation_id)
        return errand if errand is not None and not errand.wait(0) else None
