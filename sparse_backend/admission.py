"""Admission: who may hold memory for keys and values now, and who waits, in order of arrival."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sparse_backend.config import Cancelled, OutOfMemoryError

Position = Callable[[int], None]  # place in the queue, 1 for the next one


class Admission:
    """Lets requests in while the memory they need is there; measured anew for each.

    `free`: bytes that are free now; `make_room`: gives back what could be given back, and whether anything was.
    """

    def __init__(self, free: Callable[[], int], make_room: Callable[[], bool], share: float = 0.8) -> None:
        self._free, self._make_room, self._share = free, make_room, share
        self._changed = threading.Condition()
        self._queue: list[object] = []
        self._held = 0  # bytes promised to those inside; most of it is not written yet
        self._inside = 0

    @contextmanager
    def enter(
        self, size: int, *, waiting: Position | None = None, cancel: Callable[[], bool] | None = None
    ) -> Iterator[None]:
        """Holds `size` bytes while the block runs; waits for its turn, telling its place in the queue when it changes.

        Raises OutOfMemoryError when the memory would not do even if everybody else were gone, and Cancelled.
        """
        ticket, told = object(), 0
        with self._changed:
            self._queue.append(ticket)
            try:
                while not (self._queue[0] is ticket and self._fits(size)):
                    if self._queue[0] is ticket and not self._inside:
                        raise OutOfMemoryError(
                            f"This needs {size / 1e9:.1f} GB of memory, but {self._free() / 1e9:.1f} GB are free; "
                            f"close other programs, choose a smaller model or read fewer files."
                        )
                    if cancel and cancel():
                        raise Cancelled("Cancelled while waiting for memory.")
                    place = self._queue.index(ticket) + 1
                    if waiting and place != told:
                        told = place
                        waiting(place)
                    self._changed.wait(0.2)
                self._held += size
                self._inside += 1
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._inside -= 1
                self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        while size + self._held > self._share * self._free():
            if not self._make_room():
                return False
        return True
