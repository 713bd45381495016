"""Zendesk and Intercom exports: shapes, roles, grouping, and that nothing goes missing silently; property tests."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.document import IngestError
from ingest.history import reader
from ingest.history.parse import parse_history
from tests.ingest_history_cases import (
    EXPORTS,
    FIXTURES,
    PLAIN,
    REQUEST,
    as_bytes,
    comment,
    conversation,
    history,
    message,
    part,
    render,
    session,
    ticket,
)

USERS = [{"id": 7, "name": "Ann Lee", "role": "end-user"}, {"id": 9, "name": "Maria", "role": "agent"}]


def lines(*values: object) -> bytes:
    return b"\n".join(as_bytes(value) for value in values)


@pytest.mark.parametrize(
    "value",
    [
        ticket(comment(), comment(9)),
        [ticket(comment(), comment(9))],
        {"tickets": [ticket(comment(), comment(9))], "users": USERS},
        {"ticket": {"id": 1, "requester_id": 7}, "comments": [comment(), comment(9)], "users": USERS},
        {"comments": [comment(), comment(9)], "users": USERS},
        lines(ticket(comment(), comment(9)), {"users": USERS}),
    ],
)
def test_zendesk_shapes(value: object) -> None:
    (found,) = parse_history(value if isinstance(value, bytes) else as_bytes(value), "x")
    assert [[each.role for each in one.messages] for one in found.sessions] == [["customer", "agent"]]


@pytest.mark.parametrize(
    "value",
    [
        conversation(part()),
        [conversation(part())],
        {"conversations": [conversation(part())]},
        {"type": "conversation.list", "conversations": [conversation(part())], "pages": None},
        {"type": "list", "data": [conversation(part())]},
        lines(conversation(part()), conversation(part())),
        {**conversation(), "conversation_parts": [part()]},
    ],
)
def test_intercom_shapes(value: object) -> None:
    (found,) = parse_history(value if isinstance(value, bytes) else as_bytes(value), "x")
    assert all([each.role for each in one.messages] == ["customer", "agent"] for one in found.sessions)
    assert found.customer == "Ann Lee <ann@example.com>"


def test_zendesk_roles() -> None:
    people = [*USERS, {"id": 8, "name": "Bo", "role": "end-user"}, {"id": 5, "name": "Al", "role": "admin"}]
    rows = [comment(7), comment(8), comment(5), comment(-1), comment(3), comment(4, public=False), comment(6)]
    (found,) = parse_history(as_bytes({"tickets": [ticket(*rows, assignee_id=6)], "users": people}), "x")
    roles = [(each.role, each.internal) for each in found.sessions[0].messages]
    customer, agent, bot = ("customer", False), ("agent", False), ("bot", False)
    assert roles == [customer, customer, agent, bot, agent, ("agent", True), agent]


def test_intercom_roles_and_notes() -> None:
    rows = [part(author=who) for who in ("user", "lead", "contact", "admin", "bot")]
    rows += [part(kind="note"), part(author="admin")]
    rows[-1]["author"] = {"type": "admin", "id": "3", "name": "Fin", "from_ai_agent": True}
    (found,) = parse_history(as_bytes(conversation(*rows)), "x")
    written = [(each.role, each.internal) for each in found.sessions[0].messages[1:]]
    expected = ["customer", "customer", "customer", "agent", "bot", "agent", "bot"]
    assert written == [(role, index == 5) for index, role in enumerate(expected)]


def test_a_contact_and_an_admin_may_share_a_number() -> None:
    rows = [part(author="admin"), part(author="user")]
    rows[0]["author"] = {"type": "admin", "id": "c1", "name": "Maria"}
    (found,) = parse_history(as_bytes(conversation(*rows)), "x")
    assert found.customer.startswith("Ann Lee")


def test_sessions_of_one_customer_are_grouped() -> None:
    value = {"tickets": [ticket(comment(), number=n, requester=n % 3 + 20) for n in range(9)]}
    found = parse_history(as_bytes(value), "x")
    assert [len(each.sessions) for each in found] == [3, 3, 3]
    assert [each.id for each in found[0].sessions] == ["0", "3", "6"]


def test_what_an_export_lacks_is_said() -> None:
    zendesk = {"tickets": [ticket(comment(score=3), "broken", comment_count=5), {"id": 3}], "users": USERS, "next": "u"}
    said = "\n".join(render(zendesk).warnings)
    for words in ("4 comments are counted", "1 entries among the comments", "1 entries are no tickets",
                  "comment score", "export next"):  # fmt: skip
        assert words in said
    value = conversation(part(None, "close"), part("", redacted=True), 7)
    value["conversation_parts"]["total_count"] = 9  # type: ignore[index]
    said = "\n".join(render(value).warnings)
    for words in (
        "7 parts are counted",
        "kind “close”",
        "deleted in Intercom",
        "1 entries among the conversation parts",
    ):
        assert words in said


def test_hidden_text_and_pictures_are_reported() -> None:
    page = render(conversation(part('<p>seen</p><p style="display:none">secret</p><img src="a.png">')))
    assert "secret" not in page.text
    assert any("hides" in warning for warning in page.warnings)
    assert [each.path for each in page.unread] == ["history.json/picture a.png"]


def test_attachments_are_named_up_to_a_number() -> None:
    page = render(ticket(comment(attachments=[{"file_name": f"f{n}.pdf"} for n in range(600)])))
    assert len(page.unread) == 500
    assert "100 more attachments" in page.warnings[-1]
    assert "(attached, not read: f599.pdf)" in page.text


@pytest.mark.parametrize("odd", [None, 0, True, "x", [], {}, [None], [[]], {"x": None}, float("nan"), -1, "\ud800"])
def test_any_field_may_hold_anything(odd: object) -> None:
    """No field of an export is trusted to have its type: each is replaced once."""
    for value in (ticket(comment(), comment(9)), conversation(part(), part(kind="note"))):
        for path in paths(value):
            copy = json.loads(json.dumps(value))
            inner: Any = copy
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = odd
            outcome(json.dumps(copy).encode())


def paths(value: Any) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in pairs for path in ((key,), *((key, *rest) for rest in paths(item)))]


def outcome(data: bytes) -> None:
    """A checked part or one of our errors, in one line; anything else fails the test."""
    try:
        reader.read(data, "x.json", REQUEST).check()
    except IngestError as error:
        assert str(error).startswith("x.json")
        assert "\n" not in str(error)


@pytest.mark.parametrize("file", [*PLAIN, *EXPORTS])
def test_mutated_files_give_a_part_or_an_error(file: str) -> None:
    data, chance = (FIXTURES / file).read_bytes(), random.Random(17)
    for _ in range(150):
        mutated = bytearray(data)
        for _ in range(chance.choice((1, 3, 30))):
            place = chance.randrange(len(mutated))
            match chance.randrange(4):
                case 0:
                    mutated[place] = chance.randrange(256)
                case 1:
                    del mutated[place : place + chance.randrange(40)]
                case 2:
                    mutated[place:place] = mutated[(start := chance.randrange(len(mutated))) : start + 60]
                case _:
                    mutated[place:place] = chance.choice((b'"', b"{", b"]", b"null", b"\\ud800", b"1e999", b"\xff"))
            mutated = mutated or bytearray(b"{")
        outcome(bytes(mutated))


TEXT = st.text(max_size=60)
MESSAGE = st.builds(
    message, st.sampled_from(["customer", "agent", "bot"]), TEXT,
    at=st.one_of(st.none(), st.datetimes().map(lambda each: each.isoformat() + "+00:00")),
)  # fmt: skip
SESSION = st.builds(
    lambda rows, at: session(*rows, started_at=at),
    st.lists(MESSAGE, max_size=5),
    st.datetimes().map(lambda each: each.isoformat() + "Z"),
)
HISTORY = st.builds(
    lambda sessions, customer, agent: history(*sessions, customer="c" + customer, agent=agent),
    st.lists(SESSION, max_size=4), TEXT, TEXT,
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.lists(HISTORY, min_size=1, max_size=3))
def test_every_message_stands_in_the_text_in_order(values: list[dict[str, Any]]) -> None:
    data = as_bytes(values)
    found = parse_history(data, "x.json")
    sessions = [one for each in found for one in each.sessions]
    if not any(one.messages for one in sessions):
        return
    rendered = render(data)
    assert rendered.text == render(data).text
    written = [each for each in rendered.sections if each.kind == "session"]
    assert len(written) == len(sessions)
    assert sum(len(one.messages) for one in sessions) == sum(
        len(row["messages"]) for value in values for row in value["sessions"]
    )
    for one, section in zip(sessions, written, strict=True):
        at = section.header_end
        for number, each in enumerate(one.messages, start=1):
            at = rendered.text.index(f"\n[{number}] ", at, section.end)
            for row in each.content.split("\n"):
                at = rendered.text.index(row, at, section.end)
