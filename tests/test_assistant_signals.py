"""Figures become points in hours and days, and sentences where a threshold is passed; charts show the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assistant import signals
from assistant.alarms import alarms
from assistant.errors import AssistantError
from assistant.signals import Figures, Point
from assistant.thresholds import Thresholds
from assistant.web.charts import Chart, drawn
from storage.records_signals import AnswerFigures, HandOffFigures, Reading, Thumb
from tests.signal_cases import LOOK

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
DAY = NOW.replace(hour=0, minute=0)
ANSWER = AnswerFigures(NOW, "legal", "complete", True, False, 0.5, 2.5, 20, 1000, 900, 500, None)
READING = Reading(NOW, "legal", 1000, 800, 2.0, 0.1)
FIRST, DECODE = "first token", "decode"


def found(*answers: AnswerFigures, days: float = 7, **others: list[object]) -> Figures:
    kinds: dict[str, list[object]] = {"readings": [], "thumbs": [], "hand_offs": []} | others
    return Figures(NOW - timedelta(days=days), NOW, NOW, answers, **kinds)  # type: ignore[arg-type]


def values(points: list[Point]) -> dict[str, list[float]]:
    return {line: [each.value for each in points if each.line == line] for line in {each.line for each in points}}


def test_latency_is_the_median_of_each_phase_by_day() -> None:
    slow = replace(ANSWER, first_token_s=9.0, total_s=10.0)
    rows = [ANSWER, ANSWER, slow, replace(slow, at=NOW - timedelta(days=1)), replace(slow, status="error")]
    points = signals.latency(found(*rows, readings=[READING, replace(READING, fresh=0, seconds=0.0)]))
    assert values(points) == {"reading": [2.0], FIRST: [9.0, 0.5], DECODE: [1.0, 2.0]}
    assert [each.at for each in points if each.line == FIRST] == [DAY - timedelta(days=1), DAY]
    hourly = signals.latency(found(ANSWER, days=1))
    assert {each.at for each in hourly} == {NOW.replace(minute=0)}


def test_shares_and_rates_are_of_all_tokens_together() -> None:
    small = replace(ANSWER, context=100, cached=0, looked_at=100, bot="code")
    both = [ANSWER, replace(ANSWER, context=3000, cached=0, looked_at=3000), small]
    assert values(signals.cached(found(*both))) == {"legal": [900 / 4000], "code": [0.0]}
    assert values(signals.density(found(*both))) == {"legal": [3500 / 4000], "code": [1.0]}
    readings: list[object] = [READING, replace(READING, fresh=0), replace(READING, fresh=200, seconds=8.0)]
    assert values(signals.speed(found(readings=readings))) == {"legal": [100.0]}
    unknown = replace(ANSWER, refused=None)
    assert values(signals.refusals(found(ANSWER, replace(ANSWER, refused=True), unknown))) == {"legal": [0.5]}
    assert signals.refusals(found(unknown)) == []


def test_counts_and_agreement() -> None:
    thumbs: list[object] = [Thumb(NOW, "legal", 1), Thumb(NOW, "code", 1), Thumb(NOW, "legal", -1)]
    assert values(signals.feedback(found(thumbs=thumbs))) == {"up": [2.0], "down": [1.0]}
    called: list[object] = [HandOffFigures(NOW, None, None, "legal", "person", "waiting")]
    assert values(signals.handed_off(found(hand_offs=called))) == {"legal": [1.0]}
    looks = [replace(ANSWER, look=LOOK), replace(ANSWER, look=replace(LOOK, same=False, overlap=0.5, evidence=0.25))]
    expected = {"word for word": [0.5], "words in common": [0.75], "evidence": [0.25]}
    assert values(signals.agreement(found(*looks, ANSWER))) == expected


def test_one_bot_can_be_looked_at_alone() -> None:
    whole = found(ANSWER, replace(ANSWER, bot="code"), readings=[READING])
    assert whole.bots == ("code", "legal") and whole.of_bot("") is whole
    assert whole.of_bot("code").bots == ("code",) and whole.of_bot("nobody").empty


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"first_token_s": 30.0, "total_s": 31.0}, "5 answers in 100 began after 30.0 s or later (threshold 10 s)."),
        ({"refused": True}, "100% of the answers said that the document does not tell (threshold 40%)."),
        ({"supported": False}, "100% of the answers had no proof (threshold 20%)."),
        ({"status": "error"}, "100% of the answers failed (threshold 5%)."),
        ({"cached": 100}, "Only 10% of the tokens before answers came from the cache (threshold 50%)."),
        ({"look": replace(LOOK, overlap=0.6)}, "Sparse and dense answers share 60% of their words (threshold 80%)."),
    ],
)
def test_a_passed_threshold_is_one_sentence_once_there_is_enough(change: dict[str, object], sentence: str) -> None:
    bad = replace(ANSWER, **change)  # type: ignore[arg-type]
    assert alarms(found(*[bad] * 20), Thresholds()) == [sentence]
    assert alarms(found(*[bad] * 4), Thresholds()) == []
    assert alarms(found(*[ANSWER] * 40), Thresholds()) == []
    assert sentence in alarms(found(bad), Thresholds(enough=0))


def test_slow_reading_thumbs_and_waiting_customers_are_told() -> None:
    slow: list[object] = [replace(READING, seconds=80.0)] * 5
    assert alarms(found(readings=slow), Thresholds()) == ["Documents are read at 10 tokens a second (threshold 100)."]
    down: list[object] = [Thumb(NOW, "legal", -1)] * 5
    assert alarms(found(thumbs=down), Thresholds()) == ["100% of the thumbs are down (threshold 30%)."]
    late = HandOffFigures(NOW - timedelta(minutes=20), None, None, "legal", "person", "waiting")
    served = replace(late, state="human", taken_at=NOW)
    assert alarms(found(hand_offs=[late, served]), Thresholds()) == [
        "A customer has waited 20 minutes for a person (threshold 15 minutes)."
    ]


@pytest.mark.parametrize(("name", "value"), [("refused", 1.5), ("waiting_s", -1.0), ("agreement", -0.1)])
def test_thresholds_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(AssistantError, match=f"“{name}” must be"):
        Thresholds(**{name: value})


def test_a_chart_shows_every_value_and_escapes_names() -> None:
    points = [Point(DAY - timedelta(days=2), "<b>", 0.25), Point(DAY, "<b>", 0.5), Point(DAY, "two", 1.0)]
    html = drawn(Chart("Share", "of answers", share=True), points, hourly=False)
    assert html.count("<circle") == 3 and html.count("<polyline") == 2 and "<b>" not in html
    assert "25.0%" in html and "50.0%" in html and "25 Nov" in html, "a day without data keeps its room"
    bars = drawn(Chart("Thumbs", "number", bars=True), [Point(DAY, "up", 3.0)], hourly=False)
    assert bars.count("<rect") == 1 and ">3<" in bars
    assert "No data in this time." in drawn(Chart("Share", ""), [], hourly=True)
    assert "script" not in html and "http" not in html
