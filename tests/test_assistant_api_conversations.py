"""/v1/conversations: every talk can be found, gone through page by page, changed, rated, exported and brought back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.web.api import cursors
from assistant.web.api.problems import Problem
from tests.api_house import ANSWER, House, Person, ann, bob, house

__all__ = ["ann", "bob", "house"]  # fixtures

TALKS = "/v1/conversations"


@pytest.fixture
def talk(ann: Person) -> str:
    """A conversation of Ann's with one answer."""
    return str(ann.ask("What is the fee?", ann.upload()).json()["unabridged"]["conversation"])


def pages(person: Person, path: str, **query: Any) -> list[list[Any]]:
    """All pages of a list."""
    found, cursor = [], None
    while True:
        answer = person.call("GET", path, params=query | ({"cursor": cursor} if cursor else {})).json()
        found.append(answer["data"])
        cursor = answer["next_cursor"]
        assert (cursor is not None) == answer["has_more"]
        if cursor is None:
            return found


def test_conversations_are_listed_page_by_page(ann: Person, house: House) -> None:
    made = [house.service.store.create_conversation(ann.user, "legal", f"talk {n}").id for n in range(5)]
    found = pages(ann, TALKS, limit=2)
    assert [len(page) for page in found] == [2, 2, 1]
    assert [each["id"] for page in found for each in page] == made[::-1]
    assert ann.call("GET", TALKS, params={"cursor": "nonsense"}).json()["code"] == "invalid_cursor"


@given(times=st.lists(st.integers(0, 4), max_size=24), limit=st.integers(1, 7))
def test_no_page_loses_or_repeats_what_happened_at_the_same_time(times: list[int], limit: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = count()
    things = sorted(((start + timedelta(seconds=t), str(next(numbers))) for t in times), reverse=True)

    def find(most: int, before: datetime | None) -> list[tuple[datetime, str]]:
        return [each for each in things if before is None or each[0] < before][:most]

    shown: list[tuple[datetime, str]] = []
    cursor = None
    for _ in range(len(things) + 1):
        got = cursors.page(find, lambda each: each, cursor, limit)
        shown += got.items
        if got.after is None:
            break
        cursor = cursors.parse(str(got.after))
    assert shown == things


@pytest.mark.parametrize("text", ["", "x", "e30=", "WyIyMDI2LTAxLTAxIl0=", "bnVsbA==", "ÿ"])
def test_a_cursor_of_somebody_elses_making_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="no cursor of ours"):
        cursors.parse(text)


def test_messages_come_with_their_proof(ann: Person, talk: str) -> None:
    last = ann.call("GET", f"{TALKS}/{talk}/messages?limit=1").json()
    assert last["has_more"] is True and last["data"][0]["content"] == ANSWER
    assert last["data"][0]["unabridged"]["citations"][0]["verified"] is True
    first = ann.call("GET", f"{TALKS}/{talk}/messages?before={last['data'][0]['id']}").json()
    assert first["has_more"] is False and [each["role"] for each in first["data"]] == ["user"]


def test_a_change_is_refused_when_somebody_else_changed_it(ann: Person, talk: str) -> None:
    seen = ann.call("GET", f"{TALKS}/{talk}").json()
    body = {"title": "The fee", "pinned": True, "expected": seen["version"]}
    changed = ann.call("PATCH", f"{TALKS}/{talk}", json=body).json()
    assert (changed["title"], changed["pinned"]) == ("The fee", True)
    assert ann.call("PATCH", f"{TALKS}/{talk}", json=body).status_code == 409
    assert ann.call("PATCH", f"{TALKS}/{talk}", json={"archived": True}).json()["archived"] is True
    assert ann.call("GET", TALKS).json()["data"] == []
    assert len(ann.call("GET", f"{TALKS}?archived=true").json()["data"]) == 1
    assert ann.call("PATCH", f"{TALKS}/{talk}", json={"colour": "red"}).status_code == 422
    headers = {"Content-Type": "application/json"}
    for no_text in (rb'{"title": "half \ud800"}', rb'{"title": "nothing \u0000"}'):
        assert ann.call("PATCH", f"{TALKS}/{talk}", content=no_text, headers=headers).status_code == 422


def test_what_is_deleted_is_gone_until_it_is_restored(ann: Person, talk: str) -> None:
    assert ann.call("DELETE", f"{TALKS}/{talk}").json()["deleted"] is True
    for method, path in (("GET", ""), ("GET", "/messages"), ("GET", "/export"), ("POST", "/stop"), ("DELETE", "")):
        assert ann.call(method, f"{TALKS}/{talk}{path}").status_code == 404
    assert ann.call("GET", TALKS).json()["data"] == []
    assert ann.call("POST", f"{TALKS}/{talk}/restore").json()["id"] == talk
    assert ann.call("GET", f"{TALKS}/{talk}").status_code == 200


def test_search_finds_own_messages_and_documents(ann: Person, bob: Person, talk: str) -> None:
    found = [hit for page in pages(ann, f"{TALKS}/search", q="fee", kind="message", limit=1) for hit in page]
    assert [(hit["conversation_id"], hit["message_id"]) for hit in found] == [(talk, 1), (talk, 0)]
    assert ann.call("GET", f"{TALKS}/search", params={"q": "deal"}).json()["data"][0]["kind"] == "document"
    assert ann.call("GET", f"{TALKS}/search", params={"q": "fee", "model": "code"}).json()["data"] == []
    assert bob.call("GET", f"{TALKS}/search", params={"q": "fee"}).json()["data"] == []
    assert ann.call("GET", f"{TALKS}/search", params={"q": "?!"}).status_code == 400


def test_feedback_is_for_answers_and_the_last_word_stands(ann: Person, house: House, talk: str) -> None:
    path = f"{TALKS}/{talk}/messages/1/feedback"
    assert ann.call("PUT", path, json={"thumb": -1, "reason": "Too short."}).json()["reason"] == "Too short."
    ann.call("PUT", path, json={"thumb": 1})
    (given_,) = house.service.store.feedback(ann.user, talk)
    assert (given_.thumb, given_.reason) == (1, "")
    assert ann.call("PUT", f"{TALKS}/{talk}/messages/0/feedback", json={"thumb": 1}).status_code == 409
    assert ann.call("PUT", f"{TALKS}/{talk}/messages/9/feedback", json={"thumb": 1}).status_code == 404
    assert ann.call("PUT", path, json={"thumb": 2}).status_code == 422


def test_exports_hold_everything_and_nothing_in_them_is_live(ann: Person, house: House) -> None:
    house.engine.says = "See [this](javascript:alert(1)) <img src=x> at www.example.org."
    talk = ann.ask("What *is* the fee?", ann.upload()).json()["unabridged"]["conversation"]
    as_json = ann.call("GET", f"{TALKS}/{talk}/export")
    assert [each["content"] for each in as_json.json()["messages"]] == ["What *is* the fee?", house.engine.says]
    text = ann.call("GET", f"{TALKS}/{talk}/export?format=markdown")
    assert text.headers["content-disposition"] == f'attachment; filename="conversation-{talk[:8]}.md"'
    assert "\\[this\\]\\(javascript" in text.text and "<img" not in text.text.replace("\\<img", "")
    assert "Read 180 of 180 tokens." in text.text
