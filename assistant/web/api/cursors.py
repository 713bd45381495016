"""Pages of what is ordered by time. A cursor is opaque to clients: a time, and what of that very time was shown."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from assistant.web.api.problems import Problem

T = TypeVar("T")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything later than `at` was shown, and of `at` itself what `shown` names."""

    at: datetime
    shown: tuple[str, ...]

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.at.isoformat(), *self.shown]).encode()).decode()


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A page; `after` leads to the next one, if there is one."""

    items: tuple[T, ...]
    after: Cursor | None


def parse(text: str | None) -> Cursor | None:
    """A cursor as it was given out; Problem 400 for anything else."""
    if text is None:
        return None
    try:
        at, *shown = json.loads(base64.urlsafe_b64decode(text.encode()))
        when = datetime.fromisoformat(at)
        if when.tzinfo is None or not all(isinstance(each, str) for each in shown):
            raise ValueError
        when + _TICK  # a time at the end of all times
        return Cursor(when, tuple(shown))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise Problem(400, "This is no cursor of ours; use next_cursor as it was given.", "invalid_cursor") from None


def page(
    find: Callable[[int, datetime | None], Sequence[T]],
    key: Callable[[T], tuple[datetime, str]],
    cursor: Cursor | None,
    limit: int,
) -> Slice[T]:
    """The next `limit` things, newest first. `find` gives at most so many from before a time; `key`: time and name.

    Things of one time that fall on both sides of a page's end are neither lost nor shown twice.
    """
    before = cursor.at + _TICK if cursor else None
    shown = set(cursor.shown) if cursor else set()
    found = find(limit + 1 + len(shown), before)
    fresh = [each for each in found if key(each)[1] not in shown]
    items = tuple(fresh[:limit])
    if len(fresh) <= limit:
        return Slice(items, None)
    last = key(items[-1])[0]
    same = [key(each)[1] for each in items if key(each)[0] == last]
    if cursor and cursor.at == last:
        same += cursor.shown
    return Slice(items, Cursor(last, tuple(same)))
