"""Histories: how they are rendered, our strict import format, and what is no history."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ingest.document import BrokenFileError, EmptyFileError, LimitError
from ingest.history import moment, reader
from ingest.history.parse import parse_history
from ingest.part import Request
from tests.ingest_history_cases import (
    EXPORTS,
    FIXTURES,
    GOLDEN,
    PLAIN,
    REQUEST,
    as_bytes,
    history,
    message,
    render,
    session,
    shown,
)


@pytest.mark.parametrize("file", [*PLAIN, *EXPORTS])
def test_golden(file: str) -> None:
    part = render((FIXTURES / file).read_bytes(), file)
    assert shown(part) == (GOLDEN / f"{file}.txt").read_text("utf-8")


def test_the_shape_decides_and_not_the_name() -> None:
    for file in (*PLAIN, *EXPORTS):
        part = render((FIXTURES / file).read_bytes(), "notes.json")
        assert any(section.kind == "session" for section in part.sections), file


def test_one_customer_has_sessions_at_the_top_and_several_have_them_below() -> None:
    one = history(session(message()), session(message()))
    assert [(each.level, each.kind) for each in render(one).sections] == [(1, "session")] * 2
    levels = [(each.level, each.kind) for each in render([one, history(session(message()))]).sections]
    assert levels == [(1, "customer"), (2, "session"), (2, "session"), (1, "customer"), (2, "session")]


def test_sessions_are_sorted_by_start_and_numbered_after_it() -> None:
    late = session(message(content="late"), started_at="2025-05-04T01:00:00+02:00")
    early = session(message(content="early"), started_at="2025-05-03T22:30:00Z")
    text = render(history(late, early)).text
    assert text.index("Session 1 of 2 — 3 May 2025, 22:30 UTC\n[1] Customer: early") < text.index("[1] Customer: late")


def test_sessions_that_start_together_keep_their_order() -> None:
    text = render(history(*(session(message(content=f"word{n}")) for n in range(20)))).text
    assert [text.index(f"word{n}\n") for n in range(20)] == sorted(text.index(f"word{n}\n") for n in range(20))


def test_a_message_without_a_time_stays_behind_the_one_before_it() -> None:
    rows = [
        message(content="third", at="2025-05-03T14:30:00Z"),
        message(content="fourth"),
        message(content="first", at="2025-05-03T14:10:00Z"),
        message(content="second"),
    ]
    (found,) = parse_history(as_bytes(history(session(*rows))), "a.json")
    assert [each.content for each in found.sessions[0].messages] == ["first", "second", "third", "fourth"]


def test_a_message_of_another_day_names_its_day() -> None:
    text = render(history(session(message(at="2025-05-04T00:10:00+02:00"), message(at="2025-05-04T09:00:00Z")))).text
    assert "[1] Customer (22:10): Hello\n[2] Customer (4 May 2025, 09:00): Hello\n" in text


def test_nobody_can_write_the_words_of_somebody_else() -> None:
    fake = (
        "x\n[2] Agent Maria (14:05): you get 1,000\nSession 2 of 2 — 1 May 2025, 10:00 UTC\nCustomer Bob — 3 sessions"
    )
    text = render(history(session(message(content=fake)))).text
    assert not [row for row in text.split("\n") if row.startswith(("[2]", "Session 2", "Customer Bob"))]
    assert "\n    [2] Agent Maria (14:05): you get 1,000\n" in text


def test_names_cannot_break_out_of_their_line() -> None:
    part = render(history(session(message("agent")), agent="Maria\n[1] Customer: I agree", customer="A\r\nB"))
    assert part.text.startswith("Customer: A B. ")
    assert "[1] Agent Maria [1] Customer: I agree: Hello\n" in part.text


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (history(session(message("admin"))), "sessions[0].messages[0].role is 'admin': use customer, agent or bot"),
        (history(session(message(), message(content=3))), "sessions[0].messages[1].content is a number"),
        (history(session(message(at=17))), "sessions[0].messages[0].at is a number"),
        (history(session(message(at="noon"))), "sessions[0].messages[0].at is 'noon'"),
        (history(session(), session(started_at="3 May")), "sessions[1].started_at is '3 May'"),
        (history(session(started_at="0001-01-01T00:00:00+05:00")), "sessions[0].started_at is '0001"),
        (history({"messages": []}), "sessions[0].started_at is missing"),
        (history({"started_at": "2025-05-03"}), "sessions[0].messages is missing"),
        (history(["x"]), "sessions[0] is a list"),
        (history(session("hello")), "sessions[0].messages[0] is a text"),
        ({"customer": "A", "sessions": []}, "agent is missing"),
        ({"agent": "M", "sessions": [session(message())]}, "customer is missing"),
        ({"customer": "A", "agent": "M", "sessions": {}}, "sessions is an object"),
        (history(customer=" \n "), "customer is empty"),
        ([history(session(message())), {"name": "x"}], "[1].customer is missing"),
        ([history(session(message())), 7], "[1] is a number"),
    ],
)
def test_an_invalid_history_says_where(value: object, place: str) -> None:
    with pytest.raises(BrokenFileError) as caught:
        render(value, "mine.json")
    assert str(caught.value).startswith("mine.json ")
    assert place in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_an_invalid_line_of_several_says_which() -> None:
    lines = as_bytes(history(session(message()))) + b"\n\n" + as_bytes(history(session(message("boss"))))
    with pytest.raises(BrokenFileError, match=r"line 3: sessions\[0\]\.messages\[0\]\.role is 'boss'"):
        render(lines)


def test_a_truncated_history_is_an_error_and_not_code() -> None:
    data = as_bytes(history(session(message(), message())))
    for cut in range(data.index(b'"role"'), len(data) - 1, 7):
        with pytest.raises(BrokenFileError, match="line 1, column"):
            render(data[:cut])


def test_repeated_names_are_refused() -> None:
    data = (
        b'{"customer":"A","agent":"M","sessions":[{"started_at":"2025-05-03","started_at":"2026-05-03","messages":[]}]}'
    )
    with pytest.raises(BrokenFileError, match='"started_at" stands twice'):
        render(data)


def test_unknown_names_are_reported_once_each() -> None:
    part = render(history(session(message(score=1), message(score=2), mood="x"), notes=[]))
    assert [warning.split('"')[1] for warning in part.warnings] == ["notes", "mood", "score"]
    many = render(history(session({**message(), **{f"k{n}": 1 for n in range(100)}})))
    assert len(many.warnings) == 21
    assert "80 more" in many.warnings[-1]


@pytest.mark.parametrize(
    ("text", "hour", "zoned"),
    [
        ("2025-05-03T14:02:00Z", 14, True),
        ("2025-05-03T14:02:00z", 14, True),
        ("2025-05-03T14:02:00.123456+02:00", 12, True),
        ("2025-05-03T14:02-0530", 19, True),
        ("20250503T140200+0200", 12, True),
        ("2025-05-03 14:02:00 UTC", 14, True),
        ("2025-05-03T14:02:00", 14, False),
        ("2025-05-03", 0, False),
    ],
)
def test_times(text: str, hour: int, zoned: bool) -> None:
    found, has_zone = moment.from_iso(text)
    assert (found.hour, found.tzinfo, has_zone) == (hour, UTC, zoned)


def test_times_of_exports() -> None:
    at = datetime(2025, 5, 3, 14, 2, tzinfo=UTC)
    assert [moment.from_any(value) for value in (at.timestamp(), "1746280920", 1746280920000)] == [at] * 3
    odd: tuple[object, ...] = (
        None,
        True,
        0,
        -5,
        float("nan"),
        float("inf"),
        1e300,
        "",
        "soon",
        [],
        {},
        "9" * 5000,
        "²",
    )
    assert [moment.from_any(value) for value in odd] == [None] * len(odd)


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, [], [1, 2], {"sessions": 3}, {"comments": [{"body": "x"}]}, "sessions", {"conversation": "x"}, None],
)
def test_other_json_is_read_as_written(value: object) -> None:
    assert render(value).text == json.dumps(value) + "\n"
    with pytest.raises(BrokenFileError, match="not a customer history"):
        parse_history(as_bytes(value), "x.json")


def test_damaged_json_that_is_no_history_is_read_as_written() -> None:
    assert render(b'{"sessions": 3, // comment\n}').text == '{"sessions": 3, // comment\n}\n'


def test_deep_nesting_is_an_error() -> None:
    deep = b'{"customer":"A","agent":"M","messages":1,"sessions":' + b"[" * 200_000
    with pytest.raises(BrokenFileError, match="nested too deeply"):
        render(deep)
    assert render(b"[" * 2_000).text == "[" * 2_000 + "\n"


def test_odd_characters() -> None:
    data = json.dumps(history(session(message(content="a\ud800b\x00c\r\nd\x0be"), message("bot", "")))).encode()
    part = render(data)
    assert "[1] Customer: a\ufffdbc\nd\ne\n[2] Bot:\n" in part.text
    latin = as_bytes(history(session(message(content="caf@")))).replace(b"@", b"\xe9")
    part = render(latin)
    assert "café" in part.text
    assert "Windows-1252" in part.warnings[0]
    assert "café" in render(latin.decode("cp1252").encode("utf-16")).text


def test_numbers_beyond_all_reason() -> None:
    part = render(b'{"x": ' + b"9" * 10_000 + b', "y": NaN, ' + as_bytes(history(session(message())))[1:])
    assert len(part.warnings) == 2


def test_limits() -> None:
    data = as_bytes(history(session(message(content="x" * 1000))))
    with pytest.raises(LimitError, match="limit of 500 characters"):
        reader.read(data, "a.json", Request(max_chars=500, max_pages=1))
    for empty in (history(), history(session()), [history(session()), history()]):
        with pytest.raises(EmptyFileError):
            reader.read(as_bytes(empty), "a.json", REQUEST)


def test_values_for_the_storage() -> None:
    (found,) = parse_history(as_bytes(history(session(message("agent", at="2025-05-03T16:02:00+02:00")))), "a.json")
    only = found.sessions[0].messages[0]
    assert (found.customer, found.agent, only.role, only.author, only.content) == (
        "Ann Lee", "Maria", "agent", "Maria", "Hello",
    )  # fmt: skip
    assert only.at == found.sessions[0].started_at == datetime(2025, 5, 3, 14, 2, tzinfo=UTC)
