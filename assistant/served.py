"""A bot as it is served: its profile, who reads for it, its conversations, and the documents it has open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from assistant.chat import Chat
from assistant.profiles import Profile
from assistant.reading import ReadDocument, Reader, ReadJob

OPEN = 32  # documents held open; others are loaded from disk when they are asked for again


@dataclass(eq=False)
class ServedBot:
    """One bot of a service. Every bot reads a document behind its own instructions, so it opens documents itself."""

    profile: Profile
    reader: Reader
    chat: Chat
    _open: OrderedDict[str, ReadJob] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, document_id: str) -> ReadJob:
        """The job that reads, or has read, a document of the library; one for everybody who opens it."""
        with self._lock:  # many come at once, each from a thread of its own
            job = self._open.get(document_id)
            if job is None or (not job.running and job.state.phase != "done"):
                job = self.reader.start(document_id)
                self._hold(document_id, job)
            return job

    def is_open(self, document_id: str) -> bool:
        """Whether the document can be asked at once."""
        job = self._open.get(document_id)
        return job is not None and job.state.phase == "done"

    def keep(self, document: ReadDocument, job: ReadJob) -> None:
        """Remembers a finished job, so that its document is open at once."""
        with self._lock:
            self._hold(document.held.id, job)

    def close(self, document_id: str) -> None:
        """Forgets what was read of a document, in memory and on disk."""
        with self._lock:
            self._open.pop(document_id, None)
        self.reader.unread(document_id)

    def _hold(self, document_id: str, job: ReadJob) -> None:
        self._open[document_id] = job
        self._open.move_to_end(document_id)
        idle = [key for key, held in self._open.items() if not held.running]
        for key in idle[: max(0, len(self._open) - OPEN)]:
            del self._open[key]
