"""Guessing is slowed: wrong passwords and links are counted by account, by address, and by both together."""

from __future__ import annotations

import math
import time

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

    def check(self, account: str, address: str) -> None:
        """Raises TooManyAttemptsError when another attempt would be one too many. Counts nothing."""
        for item, names in _rules(account, address):
            if not self._limiter.test(item, *names):
                reset = self._limiter.get_window_stats(item, *names).reset_time
                raise TooManyAttemptsError(max(1, math.ceil(reset - time.time())))

    def failed(self, account: str, address: str) -> None:
        """Counts one."""
        for item, names in _rules(account, address):
            self._limiter.hit(item, *names)

    def succeeded(self, account: str, address: str) -> None:
        """Forgets the failures of this account from this address."""
        item, names = _rules(account, address)[0]
        self._limiter.clear(item, *names)


def _rules(account: str, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
    return (
        (RateLimitItemPerMinute(5, 5), ("both", account, address)),
        (RateLimitItemPerMinute(30, 5), ("address", address)),
        (RateLimitItemPerMinute(100, 5), ("account", account)),
    )
