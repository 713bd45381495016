"""Times as exports write them → aware UTC datetimes, and as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ingest.mail.words import day

MILLISECONDS_FROM = 100_000_000_000  # a Unix time this large counts milliseconds: in seconds it is the year 5138


def from_iso(text: str) -> tuple[datetime, bool]:
    """An ISO 8601 time in UTC, and whether the text names its zone (else UTC is assumed); ValueError for any other."""
    text = text.strip()
    if text.endswith(" UTC"):
        text = text.removesuffix(" UTC") + "Z"
    elif text.endswith("z"):
        text = text[:-1] + "Z"
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC), False
    try:
        return moment.astimezone(UTC), True
    except OverflowError as error:
        raise ValueError("the time lies outside the calendar") from error


def from_any(value: object) -> datetime | None:
    """A time out of an export: ISO 8601, or seconds or milliseconds since 1970; None for anything else."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, str) and not value.strip().isdecimal():
            return from_iso(value)[0]
        if isinstance(value, int | float | str):
            number = float(value)
            if not math.isfinite(number) or number <= 0:
                return None
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS_FROM else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def clock(moment: datetime) -> str:
    """`14:02`."""
    return f"{moment.hour:02}:{moment.minute:02}"


def day_and_clock(moment: datetime) -> str:
    """`3 May 2025, 14:02`."""
    return f"{day(moment)}, {clock(moment)}"
