"""The crossover: below the length where sparse reading wins, a text is read densely, and its receipt says so."""

from __future__ import annotations

from sparse_backend.presets import Schedule, dense

DENSE_UP_TO = {"cuda": 4096, "cpu": 0}
"""Tokens up to which the dense kernel is the faster one on each device; the measurements are in docs/log.md."""


def effective(schedule: Schedule, n: int, device: str) -> Schedule:
    """How n tokens are read: densely where that is faster, or where every layer would look at everything anyway."""
    return Schedule(dense(), dense()) if n <= DENSE_UP_TO[device] or schedule.covers(n) else schedule


def chunk_size(schedule: Schedule, n: int, device: str, chunk: int) -> int:
    """Tokens per forward pass: all of a text that must be, or is best, computed at once; else `chunk`."""
    at_once = schedule.shallow.whole or schedule.deep.whole or n <= DENSE_UP_TO[device]
    return n if at_once else chunk
