"""Histories come in whole or not at all, go out as they came in, and masked where they leave the house."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import app
from assistant.errors import AssistantError
from assistant.history_file import export_history, import_history, mask_all
from assistant.holdings import HISTORY, Holdings
from ingest import IngestError
from storage import Store
from tests.history_house import SESSIONS, history_file, imported


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "data")
    yield store
    store.close()


def test_an_import_keeps_times_roles_and_promises_once(store: Store) -> None:
    done = imported(store)
    assert (done.sessions, done.messages, done.conversation.bot) == (4, 8, "support")
    messages = store.messages("ann", done.conversation.id)
    assert [message.role for message in messages] == ["user", "agent"] * 2 + ["user", "assistant"] + ["user", "agent"]
    assert messages[0].created_at.isoformat() == "2025-05-03T14:02:00+00:00"
    (promise,) = store.promises.all("ann")
    assert (promise.seq, promise.by, promise.state) == (1, "agent", "kept")
    assert promise.due_at is not None and promise.due_at.date().isoformat() == "2025-05-09"
    again = imported(store)
    assert again.conversation.id == done.conversation.id and again.promises == 0
    assert len(store.conversations("ann")) == 1


def test_a_deleted_import_comes_back(store: Store) -> None:
    talk = imported(store).conversation.id
    store.delete_conversation("ann", talk)
    assert imported(store).conversation.id == talk
    assert not store.conversation("ann", talk).deleted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[1, 2]", "not a customer history"),
        (json.dumps({"customer": "A", "agent": "", "sessions": []}).encode(), "no messages"),
        (history_file("A") + b"\n" + history_file("B"), "2 customers (A, B)"),
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(store: Store, data: bytes, words: str) -> None:
    with pytest.raises((AssistantError, IngestError)) as caught:
        import_history(store, data.replace(b"\n ", b" "), "x.json", user="ann", bot="support")
    assert words in str(caught.value)
    assert not store.conversations("ann")


def test_notes_meant_for_agents_do_not_reach_the_customer(store: Store) -> None:
    ticket = {
        "id": 1,
        "subject": "Refund",
        "created_at": "2025-05-03T14:02:00Z",
        "requester_id": 7,
        "comments": [
            {"author_id": 7, "body": "Where is it?", "created_at": "2025-05-03T14:02:00Z", "public": True},
            {"author_id": 9, "body": "She is difficult.", "created_at": "2025-05-03T14:05:00Z", "public": False},
        ],
    }
    done = import_history(store, json.dumps({"tickets": [ticket]}).encode(), "z.json", user="ann", bot="support")
    words = [message.content for message in store.messages("ann", done.conversation.id)]
    assert words == ["Subject: Refund\nWhere is it?"]
    assert any("1 internal notes were not imported" in warning for warning in done.warnings)


def test_an_export_can_be_imported_again(store: Store) -> None:
    imported(store)
    text, count = export_history(store, "ann", "json")
    assert count == 8
    import_history(store, text.encode(), "again.json", user="bob", bot="support")
    assert export_history(store, "bob", "json")[0] == text.replace('"customer": "ann"', '"customer": "bob"')
    rows = json.loads(text)["sessions"]
    assert [[each["content"] for each in row["messages"]] for row in rows] == [
        [message["content"] for message in session["messages"]] for session in SESSIONS
    ]


def test_markdown_is_for_people_and_runs_nothing(store: Store) -> None:
    sessions: Any = [
        {"started_at": "2025-05-03T14:02:00Z", "messages": [{"role": "customer", "content": "![x](http://e) <b>"}]}
    ]
    imported(store, sessions=sessions)
    text, _ = export_history(store, "ann", "md")
    assert "## Session of 3 May 2025, 14:02 UTC" in text and "**1. Customer**" in text
    assert "![x]" not in text and "<b>" not in text


def test_a_masked_export_names_nobody(store: Store) -> None:
    sessions: Any = [
        {
            "started_at": "2025-05-03T14:02:00Z",
            "messages": [
                {"role": "customer", "content": "I am Ann Lee, ann.lee@example.org, +49 30 901820."},
                {"role": "agent", "content": "Mail goes to ann.lee@example.org, Mrs Lee."},
            ],
        }
    ]
    imported(store, sessions=sessions)
    for form in ("json", "md"):
        text, _ = export_history(store, "ann", form, masked=["Ann Lee"])
        plain = text.replace("\\", "")
        for word in ("Lee", "example.org", "901820"):
            assert word not in plain
        assert plain.count("[e-mail 1]") == 2, "one value has one placeholder in all messages"
    with pytest.raises(AssistantError, match="NUL"):
        mask_all(["a\0b"], [])


# -- the command ---------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, *words: str) -> tuple[int, Any, str]:
    status = app.main(["history", *words, "--data-dir", str(tmp_path / "data"), "--json"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out.count("\n") == 1 and status == 0 else out, err


def test_the_command_imports_lists_exports_deletes_and_erases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ann.json"
    path.write_bytes(history_file())
    status, found, _ = run(capsys, tmp_path, "import", str(path), "--user", "ann")
    assert status == 0 and (found["sessions"], found["messages"], found["promises"]) == (4, 8, 2)
    talk = found["conversation"]
    _, found, _ = run(capsys, tmp_path, "list", "--user", "ann")
    assert [row["messages"] for row in found["sessions"]] == [2, 2, 2, 2]
    assert run(capsys, tmp_path, "list", "--user", "bob")[1]["sessions"] == []
    out = tmp_path / "out.md"
    _, found, _ = run(capsys, tmp_path, "export", "--user", "ann", "--format", "md", "--out", str(out))
    assert found == {"file": str(out), "rows": 8} and "Amber Forty" in out.read_text()
    _, text, _ = run(capsys, tmp_path, "export", "--user", "ann", "--format", "everything")
    assert "PX-4417" in str(text)
    holdings = Holdings(tmp_path / "data" / "holdings")
    holdings.note(HISTORY, talk, ["ab" * 32])
    status, _, err = run(capsys, tmp_path, "delete", "--user", "ann")
    assert status == 2 and "--yes" in err
    _, found, _ = run(capsys, tmp_path, "delete", "--user", "ann", "--yes")
    assert found == {"deleted": 1, "segments": 1, "conversations": [talk]} and holdings.keys(HISTORY, talk) == []
    assert run(capsys, tmp_path, "list", "--user", "ann")[1]["sessions"] == []
    assert run(capsys, tmp_path, "erase", "--user", "ann")[0] == 2
    _, found, _ = run(capsys, tmp_path, "erase", "--user", "ann", "--yes")
    assert (found["conversations"], found["messages"]) == (1, 8)
    assert run(capsys, tmp_path, "erase", "--user", "ann", "--yes")[0] == 2, "nobody is left"


def test_one_conversation_is_deleted_when_meant_once_and_comes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ann.json"
    path.write_bytes(history_file())
    talk = run(capsys, tmp_path, "import", str(path), "--user", "ann")[1]["conversation"]
    one = ("--user", "ann", "--conversation", talk)
    status, _, err = run(capsys, tmp_path, "delete", *one)
    assert status == 2 and "This deletes the conversation “History of Ann Lee” of “ann”; say so with --yes." in err
    assert len(run(capsys, tmp_path, "list", "--user", "ann")[1]["sessions"]) == 4
    assert run(capsys, tmp_path, "delete", *one, "--yes")[1]["deleted"] == 1
    for words in (one, ("--user", "ann")):  # nothing is left to delete
        found = run(capsys, tmp_path, "delete", *words, "--yes")[1]
        assert (found["deleted"], found["conversations"]) == (0, [])
    assert run(capsys, tmp_path, "restore", "--user", "bob", "--conversation", talk)[0] == 2
    assert run(capsys, tmp_path, "restore", *one)[1]["restored"] == 1
    assert run(capsys, tmp_path, "restore", *one)[1]["restored"] == 0
    assert len(run(capsys, tmp_path, "list", "--user", "ann")[1]["sessions"]) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "--user", "ann"], "no file to import"),
        (["import", "nowhere.json"], "nowhere.json"),
        (["export", "--format", "everything", "--mask"], "--mask"),
        (["delete", "--conversation", "0" * 32], "no such conversation"),
        (["restore"], "--conversation ID"),
        (["restore", "--conversation", "0" * 32], "no such conversation"),
        (["import", "x", "--bot", "poet"], "x"),
    ],
)
def test_wrong_commands_are_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    status, out, err = run(capsys, tmp_path, *words)
    assert status == 2 and not out and told in err and err.count("\n") == 1
