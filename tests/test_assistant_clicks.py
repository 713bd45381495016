"""Buttons of the page: the list of conversations, and clicks that nobody could make by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from assistant.service import Service
from assistant.web.clicks import Clicks, Place
from assistant.web.desk import Desk
from assistant.web.list_view import Listed, conversation_list, found_list
from assistant.web.view import View
from storage import Conversation
from storage.records import Hit
from tests.chat_cases import ann, asked, desk, engine, house, read, talk
from tests.fakes import contract

__all__ = ["ann", "desk", "engine", "house", "talk"]  # fixtures
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def click(desk: Desk, ann: str, talk: str) -> Any:
    """Clicks as Ann in her conversation, unless another place is said; the last view."""
    clicks = Clicks(desk)

    def act(do: str, place: Place | None = None, **data: Any) -> View:
        return list(clicks.do(place or Place(ann, talk, "legal"), {"do": do, **data}))[-1]

    return act


def test_a_conversation_is_renamed_pinned_and_exported(
    house: Service, ann: str, talk: str, desk: Desk, click: Any
) -> None:
    asked(desk, ann, talk)
    assert ">My  lease<" not in (click("rename", id=talk, title=" My  lease ").heading or "")
    assert house.store.conversation(ann, talk).title == "My lease"
    assert "at least one letter" in (click("rename", id=talk, title="  ").status or "")
    assert "Pinned" in (click("pin", id=talk, pinned="1").conversations or "")
    file = json.loads(click("export", id=talk, format="markdown").download)
    assert file["name"].endswith(".md") and "# My lease" in file["text"] and "120,000" in file["text"]
    data = json.loads(json.loads(click("export", id=talk, format="json").download)["text"])
    assert [each["role"] for each in data["messages"]] == ["user", "assistant"]


def test_a_deleted_conversation_comes_back(house: Service, ann: str, talk: str, click: Any) -> None:
    gone = click("delete", id=talk)
    assert (
        gone.conversation == ""
        and "is deleted." in gone.status
        and f'data-do="restore" data-id="{talk}"' in gone.status
    )
    assert "No conversations" in gone.conversations
    assert "deleted" in click("open", id=talk).status
    back = click("restore", id=talk)
    assert back.conversation == talk and not house.store.conversation(ann, talk).deleted


def test_search_finds_words_and_leads_to_their_message(
    house: Service, desk: Desk, ann: str, talk: str, click: Any
) -> None:
    asked(desk, ann, talk, "Zebra crossing <b>fee?")
    found = desk.list.search(ann, "zebr", talk)
    assert "<mark>Zebra</mark>" in found and f'data-id="{talk}" data-seq="0"' in found and "<b>fee" not in found
    assert "<mark>" in desk.list.search(ann, '"Acme Robotics"', talk), "documents too"
    assert "Nothing holds" in desk.list.search(ann, "giraffe", talk) and "Nothing holds" in desk.list.search(
        ann, "?", talk
    )
    assert "Nothing holds" in desk.list.search("eve", "zebra", "")
    assert desk.list.search(ann, "  ", talk) == desk.list.html(ann, talk)
    opened = next(Clicks(desk).do(Place(ann, "", "legal"), {"do": "open", "id": talk, "seq": "0"}))
    assert 'data-find="0"' in (opened.transcript or "")
    (record,) = house.store.documents(ann)
    assert click("document", document=record.id).conversation is None, "the last view is the meter"
    fresh = next(Clicks(desk).do(Place(ann, "", "code"), {"do": "document", "document": record.id, "new": "1"}))
    assert fresh.conversation not in ("", talk) and fresh.bot == "code"


def test_the_list_shows_more_only_when_asked(house: Service, desk: Desk, ann: str) -> None:
    for number in range(52):
        house.store.create_conversation(ann, "legal", f"talk {number}")
    first = desk.list.html(ann, "")
    assert first.count('data-do="open"') == 50 and 'data-limit="100"' in first
    assert desk.list.html(ann, "", 100).count('data-do="open"') == 52
    assert desk.list.html(ann, "").count('data-do="open"') == 52, "it stays so"
    desk.list.arrive(ann, "../../etc/passwd")
    assert desk.list.html(ann, "") == first and desk.list.zone(ann) == UTC
    desk.list.arrive(ann, "Europe/Berlin")
    assert desk.list.zone(ann) == ZoneInfo("Europe/Berlin")


def test_conversations_stand_under_their_day() -> None:
    def at(hours: float, **changes: Any) -> Conversation:
        when = NOW - timedelta(hours=hours)
        return Conversation(f"c{hours}", "ann", "legal", f"{hours} h ago", when, when, (), 1, False, **changes)

    listed = Listed([at(0), at(11), at(13), at(80), at(24 * 9), at(24 * 40), at(24 * 41, pinned=True)], "c13")
    html = conversation_list(listed, NOW)
    heads = [part.split("<")[0] for part in html.split("<h2>")[1:]]
    assert heads == ["Pinned", "Today", "Yesterday", "Previous 7 days", "March 2026", "January 2026"]
    assert html.count('aria-current="true"') == 1
    late = Listed([at(13)], "", zone=ZoneInfo("America/New_York"))
    assert "Yesterday" in conversation_list(late, NOW) and "Today" in conversation_list(
        Listed([at(13)], "", zone=ZoneInfo("Asia/Tokyo")), NOW - timedelta(hours=12)
    )


def test_found_places_are_told() -> None:
    hits = [Hit("document", "Deed", "the <fee>", NOW, document_id="d", page=3), Hit("document", "x", "y", NOW, line=7)]
    html = found_list("fee", hits, UTC, more=True)
    assert "Deed, p. 3" in html and "x, line 7" in html and "&lt;<mark>fee</mark>&gt;" in html and "2+ found" in html


# -- clicks that nobody could make by hand -----------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"do": "nothing"},
        {"do": "open"},
        {"do": "rate", "seq": "x", "thumb": "1"},
        {"do": "rate", "seq": "1", "thumb": "7"},
        {"do": "version", "branch": "99"},
        {"do": "retry", "seq": "99"},
        {"do": "reason", "seq": "0", "thumb": "1", "text": "a question is not rated"},
        {"do": "files", "files": [{"path": "/etc/passwd", "name": "x"}]},
        {"do": "files", "files": [1, None]},
        {"do": "more", "limit": "0"},
        {"do": "document", "document": "0" * 64},
        {"do": "cite", "message": "1", "number": "1"},
        {"do": "restore", "id": "nowhere"},
    ],
    ids=str,
)
def test_a_forged_click_is_one_sentence(desk: Desk, ann: str, talk: str, data: dict[str, Any]) -> None:
    found = list(Clicks(desk).do(Place(ann, talk, "legal"), data))
    assert ['role="alert"' in each.status for each in found if each.status] == [True]
    assert not any(each.transcript or each.download for each in found)


@pytest.mark.parametrize("do", ["open", "rename", "pin", "export", "delete", "restore"])
def test_nobody_reaches_another_users_conversation(house: Service, ann: str, talk: str, click: Any, do: str) -> None:
    before = house.store.conversation(ann, talk)
    view = click(do, Place("eve", "", "legal"), id=talk, title="Eve's", pinned="1", format="json")
    assert "no such conversation" in (view.status or "") and view.download is None
    assert house.store.conversation(ann, talk) == before


def test_another_users_answers_are_not_asked_or_rated_anew(
    house: Service, desk: Desk, ann: str, talk: str, click: Any, tmp_path: Path
) -> None:
    asked(desk, ann, talk)
    eve = Place("eve", talk, "legal")
    for do in ("retry", "ask-anew", "version", "rate", "reason", "earlier", "cite"):
        view = click(do, eve, seq="0", text="x", branch="0", thumb="1", limit="100", message="1", number="1")
        assert view.status and 'role="alert"' in view.status
    assert len(house.store.branches(ann, talk)) == 1 and house.store.feedback(ann, talk) == []
    assert read(desk, "eve", contract(tmp_path / "eve", "Nothing.\n", "eve.txt"))


# -- several tabs ------------------------------------------------------------------------------


def test_each_tab_opens_what_was_given_to_it(house: Service, ann: str, desk: Desk) -> None:
    clicks = Clicks(desk)
    here = Place(ann, "", "legal")
    older = clicks.do(here, {"do": "paste", "title": "Older", "text": "1. Fee. The older fee is $1.\n" * 9})
    next(older)
    newer = list(clicks.do(here, {"do": "paste", "title": "Newer", "text": "1. Fee. The newer fee is $2.\n" * 9}))
    for views, name in ((list(older), "Older.txt"), (newer, "Newer.txt")):
        assert house.store.conversation(ann, views[-1].conversation or "").title == name


def test_a_tab_that_went_elsewhere_is_not_called_back(ann: str, desk: Desk) -> None:
    away = Place(ann, "", "legal", here=lambda: False)
    views = list(Clicks(desk).do(away, {"do": "paste", "title": "Note", "text": "1. Fee. It is $3.\n" * 9}))
    assert not any(view.conversation for view in views) and ">Open<" in desk.readings.html(ann)


def test_an_error_opens_nothing_that_was_read_before(ann: str, desk: Desk, tmp_path: Path) -> None:
    path = contract(tmp_path / "up")
    desk.readings.start(ann, "legal", [path], path.name, path.parent)
    list(desk.watch(ann))
    views = list(Clicks(desk).do(Place(ann, "", "legal"), {"do": "paste", "title": "", "text": " "}))
    assert 'role="alert"' in (views[-1].status or "") and not any(view.conversation for view in views)


def test_a_thumb_leaves_a_growing_answer_and_the_open_proof_alone(ann: str, talk: str, desk: Desk, click: Any) -> None:
    asked(desk, ann, talk)
    for view in (click("rate", seq="1", thumb="1"), click("reason", seq="1", thumb="1", text="Correct")):
        assert view.transcript and view.busy is None and view.growing is None
        assert view.sources is None and view.viewer is None and view.outline is None


def test_a_question_that_is_too_long_is_refused_not_cut(house: Service, ann: str, talk: str, click: Any) -> None:
    click_view = click("ask-anew", seq="0", text="a" * 8001)
    assert "8,000 characters" in (click_view.status or "") and house.store.messages(ann, talk) == []
