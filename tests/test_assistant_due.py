"""When something is due is told from the day it was said; what can be read twice is no date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.due import find_due

SAID = datetime(2025, 5, 7, 14, 2, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("We'll call by Friday.", "2025-05-09"),
        ("by next Friday", "2025-05-16"),
        ("on Wednesday", "2025-05-14"),
        ("before Friday", "2025-05-08"),
        ("within 3 business days", "2025-05-12"),
        ("in 3-5 days", "2025-05-12"),
        ("in three to five working days", "2025-05-14"),
        ("within two weeks", "2025-05-21"),
        ("in a month", "2025-06-07"),
        ("by 3 May", "2026-05-03"),
        ("by 9 May", "2025-05-09"),
        ("before 12 June 2025", "2025-06-11"),
        ("on June 3rd, 2025", "2025-06-03"),
        ("by the 3rd of June", "2025-06-03"),
        ("by 13/5/2025", "2025-05-13"),
        ("by 5/13/2025", "2025-05-13"),
        ("am 12.6.2025", "2025-06-12"),
        ("by 2025-06-01", "2025-06-01"),
        ("tomorrow morning", "2025-05-08"),
        ("later today", "2025-05-07"),
        ("by EOD", "2025-05-07"),
        ("by the end of the week", "2025-05-11"),
        ("by the end of next month", "2025-06-30"),
        ("by the end of the year", "2025-12-31"),
        ("next week", "2025-05-18"),
    ],
)
def test_a_day_is_due_at_its_end(text: str, day: str) -> None:
    due = find_due(text, SAID)
    assert due is not None and due.at == datetime.fromisoformat(f"{day}T23:59:59+00:00")
    assert text[due.start : due.end].strip() == due.words


def test_hours_are_told_to_the_minute() -> None:
    due = find_due("within 24 hours", SAID)
    assert due is not None and due.at == SAID + timedelta(hours=24)


@pytest.mark.parametrize(
    "text",
    ["soon", "by 5/6/2025", "31 February 2025", "it may 3 times", "we march 3 times", "in full", "a day", "3 days"],
)
def test_what_names_no_single_day_is_not_due(text: str) -> None:
    assert find_due(text, SAID) is None


def test_the_first_time_of_a_sentence_counts() -> None:
    due = find_due("By Friday, or by 12 June at the latest.", SAID)
    assert due is not None and due.words == "By Friday"


def test_the_zone_of_what_was_said_is_kept() -> None:
    zone = timezone(timedelta(hours=-8))
    due = find_due("tomorrow", datetime(2025, 5, 7, 23, 0, tzinfo=zone))
    assert due is not None and due.at.isoformat() == "2025-05-08T23:59:59-08:00"


@given(
    st.text(max_size=80),
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2060, 1, 1), timezones=st.just(UTC)),
)
def test_no_text_breaks_it(text: str, said: datetime) -> None:
    for each in (text, f"by {text} Friday", f"within {text} days", f"on {text} May 2025"):
        due = find_due(each, said)
        assert due is None or each[due.start : due.end].strip() == due.words
