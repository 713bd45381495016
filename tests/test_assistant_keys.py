"""Keys of the API, from the command line to the door."""

from __future__ import annotations

from pathlib import Path

import pytest

import app
from assistant.keys import PREFIX, ensure_user, issue_key
from assistant.web.api.people import Caller, People
from storage import NotFoundError, Store


def test_a_key_from_the_command_line_opens_the_door_until_it_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["key", "--user", "ann", "--data-dir", str(tmp_path)]
    assert app.main([*command, "--role", "admin", "--name", "laptop"]) == 0
    shown = capsys.readouterr()
    secret = shown.out.strip()
    assert secret.startswith(PREFIX) and len(secret) > 40
    store = Store.open(tmp_path)
    people = People(store, None)
    assert people.caller(secret) == Caller("ann", "admin")
    assert people.caller(secret + "x") is None and people.caller(None) is None
    assert app.main([*command, "--revoke", shown.err.split()[-1]]) == 0
    assert people.caller(secret) is None
    assert app.main([*command, "--revoke", "nope"]) == 2
    assert "no such key" in capsys.readouterr().err
    store.close()


def test_only_users_have_keys_and_nobody_changes_by_being_known(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(NotFoundError):
        issue_key(store, "ann", "")
    ensure_user(store, "ann")
    ensure_user(store, "ann", "admin")
    assert store.accounts.user("ann").role == "member"
    ensure_user(store, "bob")
    assert People(store, None).caller(issue_key(store, "bob", "", days=1)[0]) == Caller("bob", "member")
    assert People(store, None).caller(issue_key(store, "bob", "", days=-1)[0]) is None
    store.close()
