"""Guessing is slowed: wrong passwords and links are counted by account, by address, and by both together."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from assistant.errors import AssistantError


class TooManyAttemptsError(AssistantError):
    """Too many wrong attempts; `wait`: seconds until the next one counts."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Too many wrong attempts; try again in {wait} s.")
        self.wait = wait


class Attempts:
    """Failures of the last minutes, in the memory of this process.

    Five for one account from one address in 5 minutes, 30 from one address, and 100 for one account from anywhere:
    so somebody who guesses at Ann's account from elsewhere does not lock Ann out before they had a hundred tries.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._going_on: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def attempt(self, account: str, address: str, *wrong: type[Exception]) -> Iterator[None]:
        """One attempt, which fails by raising one of `wrong`; success forgives this account's failures from here.

        Raises TooManyAttemptsError when it could be one too many, those that go on at this moment counted as failed:
        guessing side by side is no way around.
        """
        rules = _rules(account, address)
        with self._lock:
            for item, names in rules:
                if not self._limiter.test(item, *names, cost=self._going_on[names] + 1):
                    reset = self._limiter.get_window_stats(item, *names).reset_time
                    raise TooManyAttemptsError(max(1, math.ceil(reset - time.time())))
            self._going_on.update(names for _, names in rules)
        try:
            yield
        except wrong:
            for item, names in rules:
                self._limiter.hit(item, *names)
            raise
        else:
            self._limiter.clear(rules[0][0], *rules[0][1])
        finally:
            with self._lock:
                self._going_on.subtract(names for _, names in rules)
                self._going_on += Counter()  # those without anything going on are forgotten


def _rules(account: str, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
    return (
        (RateLimitItemPerMinute(5, 5), ("both", account, address)),
        (RateLimitItemPerMinute(30, 5), ("address", address)),
        (RateLimitItemPerMinute(100, 5), ("account", account)),
    )
