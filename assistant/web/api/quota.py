"""How much each user may ask for: requests a minute, and answers and uploads that go on at once."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from assistant.web.api.problems import Problem


class Rate:
    """At most `per_minute` hits in any 60 seconds, for each name."""

    def __init__(self, per_minute: int, what: str) -> None:
        self._item = RateLimitItemPerMinute(per_minute)
        self._what = what
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def hit(self, name: str) -> None:
        """Counts one; Problem 429 with Retry-After when there were too many."""
        if not self._limiter.hit(self._item, name):
            raise self._refusal(name)

    def _refusal(self, name: str) -> Problem:
        wait = max(1, math.ceil(self._limiter.get_window_stats(self._item, name).reset_time - time.time()))
        limit = self._item.amount
        return Problem(
            429,
            f"More than {limit} {self._what} a minute; try again in {wait} s.",
            "rate_limit_exceeded",
            headers={"Retry-After": str(wait)},
        )


class AtOnce:
    """At most `most` things of each name at the same time."""

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def enter(self, name: str) -> Callable[[], None]:
        """Takes a place; the function given back frees it, once. Problem 429 when all are taken."""
        with self._lock:
            if self._counts[name] >= self._most:
                raise Problem(
                    429,
                    f"{self._most} {self._what} of yours are going on already; wait for one of them.",
                    "too_many_at_once",
                    headers={"Retry-After": "2"},
                )
            self._counts[name] += 1
        left = threading.Event()

        def leave() -> None:
            with self._lock:
                if not left.is_set():
                    left.set()
                    self._counts[name] -= 1
                    self._counts += Counter()  # names without anything going on are forgotten

        return leave

    @property
    def total(self) -> int:
        """How many things are going on, of everybody."""
        with self._lock:
            return self._counts.total()
