"""How a text of some length is read: densely where that is faster, moved into the trained range where it is longer."""

from __future__ import annotations

from dataclasses import replace

from sparse_backend.pattern import Pattern
from sparse_backend.presets import Schedule, dense

DENSE_UP_TO = {"cuda": 4096, "cpu": 0}
"""Tokens up to which the dense kernel is the faster one on each device; the measurements are in docs/log.md."""


LONGEST = 4096  # tokens of a window in texts that no layer can read densely


def effective(schedule: Schedule, n: int, device: str) -> Schedule:
    """How n tokens are read: densely where that is faster, or where every layer would look at everything anyway."""
    return Schedule(dense(), dense()) if n <= DENSE_UP_TO[device] or schedule.covers(n) else schedule


def reading(schedule: Schedule, n: int, limit: int, device: str) -> Schedule:
    """How n tokens are read by a model with a trained range of `limit` tokens."""
    if n > limit:
        return within(schedule, limit) or schedule
    return effective(schedule, n, device)


def within(schedule: Schedule, limit: int) -> Schedule | None:
    """`schedule` for texts beyond a trained range of `limit` tokens: windows of at most half of it, or LONGEST.

    None where a layer's pattern has more than a window and global tokens: their places cannot be moved.
    """
    if schedule.shallow.name == "dense" or not (schedule.shallow.plain and schedule.deep.plain):
        return None
    most = min(LONGEST, limit // 2)
    shallow, deep = (replace(one, window=min(one.window or most, most)) for one in (schedule.shallow, schedule.deep))
    return replace(schedule, shallow=shallow, deep=deep)


def chunk_size(schedule: Schedule, n: int, device: str, chunk: int) -> int:
    """Tokens per forward pass: all of a text that must be, or is best, computed at once; else `chunk`."""
    at_once = schedule.shallow.whole or schedule.deep.whole or n <= DENSE_UP_TO[device]
    return n if at_once else chunk


def narrowed(pattern: Pattern, window: int | None) -> Pattern:
    """`pattern` in a layer that has a sliding window of its own: nothing outside it is visible, headers neither."""
    if window is None:
        return pattern
    return Pattern("sliding", min(window, pattern.window or window))
