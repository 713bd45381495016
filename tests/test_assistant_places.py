"""The pages beside the chat lead where a person's role may go, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assistant.web.directory import Directory
from assistant.web.places import places
from storage import Store

_HREF = re.compile(r'href="([^"]+)"')


@pytest.mark.parametrize(
    ("role", "accounts", "wanted"),
    [
        ("member", True, ["/", "/compare/", "/account"]),
        ("agent", True, ["/", "/compare/", "/inbox/", "/signals/", "/account"]),
        ("admin", True, ["/", "/compare/", "/inbox/", "/signals/", "/people", "/account"]),
        ("agent", False, ["/", "/compare/", "/inbox/", "/signals/"]),
    ],
)
def test_links_follow_the_role(role: str, accounts: bool, wanted: list[str], tmp_path: Path) -> None:
    store = Store.open(tmp_path / "house.db")
    organisation = store.accounts.create_organisation("A")
    store.accounts.add_user(organisation.id, "kim", role=role)
    html = places("/compare", Directory(store, accounts=accounts).links("kim"))
    assert _HREF.findall(html) == wanted
    assert re.findall(r'href="([^"]+)" aria-current=page', html) == ["/compare/"]
    store.close()
