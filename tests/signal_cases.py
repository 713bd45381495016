"""A second look and the days around today: what the tests of signals share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.records_signals import SecondLook

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LOOK = SecondLook("headers", True, 1.0, None, True, 300, 2.5, 3.0, NOW)


def today() -> tuple[datetime, datetime]:
    """From yesterday until tomorrow, as figures are asked for."""
    now = datetime.now(UTC)
    return now - timedelta(days=1), now + timedelta(days=1)
