"""Waiting in tests for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 20.0  # seconds; a busy machine may take long, a passing test never does


def until(true: Callable[[], object]) -> None:
    """Returns once `true` says so; fails after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
