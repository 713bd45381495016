"""Segments in RAM between the device and the disk: kept as they are on disk, page-locked where a GPU will fetch them.

RAM is a cache of the disk and never the only copy. What is in use stays; of the rest the longest unused goes first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from sparse_backend.record import Record


class RamTier:
    """At most `budget` bytes of records; `in_use` says which keys must stay. Safe for threads."""

    def __init__(self, budget: int, pin: bool, in_use: Callable[[str], bool]) -> None:
        self._budget, self._pin, self._in_use = budget, pin, in_use
        self._lock = threading.Lock()
        self._records: OrderedDict[str, Record] = OrderedDict()

    def put(self, record: Record) -> None:
        """Keeps `record` if it fits beside what is in use."""
        self.drop(record.key)
        with self._lock:
            if not self._make_room(record.nbytes):
                return
        ready = record.pinned() if self._pin else record  # takes long: nobody waits for it
        with self._lock:
            if self._make_room(record.nbytes):
                self._records[record.key] = ready

    def get(self, key: str) -> Record | None:
        """The record `key`, now the last used."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def drop(self, key: str) -> None:
        """Forgets `key`, in use or not."""
        with self._lock:
            self._records.pop(key, None)

    def usage(self) -> tuple[int, int]:
        """(number of segments, bytes) in RAM."""
        with self._lock:
            return len(self._records), self._bytes()

    def _bytes(self) -> int:
        return sum(record.nbytes for record in self._records.values())

    def _make_room(self, size: int) -> bool:
        free = self._budget - self._bytes()
        evictable = [key for key in self._records if not self._in_use(key)]
        if size > free + sum(self._records[key].nbytes for key in evictable):
            return False
        for key in evictable:
            if size <= free:
                break
            free += self._records.pop(key).nbytes
        return True
