"""Tails: the keys and values of live conversations behind their contexts, a few of them, the latest used last."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from sparse_backend.segment import KVBuffer, KVShape, Tail

ROOM = 256  # tokens of a new tail beyond its question, so that a usual answer needs no copy


class Tails:
    """The tails nobody is adding to just now; a running answer holds its own."""

    def __init__(self, shape: KVShape, device: str, most: int) -> None:
        self._shape, self._device, self._most = shape, device, most
        self._lock = threading.Lock()
        self._tails: list[Tail] = []
        self._forgotten: set[str] = set()  # segments whose tails are dropped when running answers give them back

    def __len__(self) -> int:
        return len(self._tails)

    def __iter__(self) -> Iterator[Tail]:
        with self._lock:
            return iter(list(self._tails))

    def take(self, context_key: str, token_ids: Sequence[int], fresh: int = 1) -> Tail:
        """The tail that shares most with `token_ids`, cut to what is shared; a new one when none shares anything.

        The last `fresh` tokens are always computed: one because its logits are needed, those from a question on because
        it is noted where its words look.
        """
        most = len(token_ids) - fresh
        with self._lock:
            candidates = [tail for tail in self._tails if tail.context_key == context_key]
            best = max(candidates, key=lambda tail: tail.shared(token_ids), default=None)
            shared = min(best.shared(token_ids), most) if best else 0
            if best is None or shared == 0:
                return Tail(context_key, [], KVBuffer(self._shape, len(token_ids) + ROOM, self._device))
            if shared < len(best.token_ids) - 1:  # another branch of the conversation may want the rest
                return Tail(context_key, best.token_ids[:shared], best.kv.copy(shared))
            self._tails.remove(best)
        best.kv.crop(shared)
        del best.token_ids[shared:]
        return best

    def give_back(self, tail: Tail) -> None:
        """Keeps a tail for the next question, unless one of its segments was deleted meanwhile."""
        del tail.token_ids[tail.kv.length :]
        with self._lock:
            if not any(tail.holds(key) for key in self._forgotten):
                self._tails.append(tail)
                del self._tails[: -self._most]

    def forget(self, segment_key: str) -> None:
        """Drops every tail behind a segment, those of running answers when they come back."""
        with self._lock:
            self._forgotten.add(segment_key)
            self._tails = [tail for tail in self._tails if not tail.holds(segment_key)]

    def welcome(self, segment_key: str) -> None:
        """A segment that was forgotten has been read again."""
        with self._lock:
            self._forgotten.discard(segment_key)
