"""The shelf: segments on the device, ready to be asked, above the tiers of the store; the longest unused goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sparse_backend.kvstore import SegmentStore
from sparse_backend.segment import Segment


class Shelf:
    """At most `most` segments on `device`; what leaves it stays in the store."""

    def __init__(self, store: SegmentStore, device: str, most: int) -> None:
        self._store, self._device, self._most = store, device, most
        self._lock = threading.Lock()
        self._segments: OrderedDict[str, Segment] = OrderedDict()

    def __len__(self) -> int:
        return len(self._segments)

    def get(self, key: str) -> Segment | None:
        """The segment, from the device or the store; None when it was never read, or deleted by anybody."""
        with self._lock:
            segment = self._segments.get(key)
        if segment is not None and not self._store.has(key):  # another process deleted it
            self.delete(key)
            return None
        segment = segment or self._store.load(key, self._device)
        if segment:
            self.put(segment)
        return segment

    def put(self, segment: Segment) -> None:
        """Keeps a segment that is in the store."""
        with self._lock:
            self._segments[segment.key] = segment
            self._segments.move_to_end(segment.key)
            while len(self._segments) > self._most:
                self._segments.popitem(last=False)

    def delete(self, key: str) -> set[str]:
        """Deletes a segment, and what was derived from it, here and in the store; their keys."""
        family = {key, *self._store.delete(key)}
        with self._lock:
            for one in family:
                self._segments.pop(one, None)
        return family

    def let_go(self) -> bool:
        """Gives back the memory of the unused segment used longest ago; whether there was one.

        A segment that an answer looks at stays: taking it off would free nothing before the answer ends.
        """
        with self._lock:
            for key in self._segments:
                if not self._store.leased(key):
                    del self._segments[key]
                    return True
        return False
