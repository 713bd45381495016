"""The generated history: every fact stands in its session, also where there are fewer sessions than facts."""

from __future__ import annotations

import re

import pytest

from assistant.bench_history import history


@pytest.mark.parametrize(("sessions", "facts"), [(60, 4), (25, 2), (1, 1)])
def test_every_fact_that_is_asked_for_stands_in_its_session(sessions: int, facts: int) -> None:
    value, asked = history(3, sessions, 4)
    assert len(value["sessions"]) == sessions and len(asked) == facts
    for number, _, pattern, day in asked:
        session = value["sessions"][number - 1]
        assert session["started_at"].startswith(day.isoformat())
        holding = [one for one in value["sessions"] if re.search(pattern, str(one["messages"]))]
        assert holding == [session]
