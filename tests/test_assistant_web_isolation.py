"""Nothing is there for strangers, and nothing of one user for another: every route, every file, every session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from starlette.routing import Mount

from assistant.web.api.gate import CLOSED, OPEN, PUBLIC, under
from assistant.web.api.page_guard import Owners
from tests.accounts_house import OURS, AccountHouse, Browser, account_house_in, house

__all__ = ["house"]


@pytest.fixture
def ann(house: AccountHouse) -> Browser:
    return house.person(f"ann-{uuid4().hex[:6]}")


@pytest.fixture
def eve(house: AccountHouse) -> Browser:
    return house.person(f"eve-{uuid4().hex[:6]}", "admin")


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every (method, path) of the application and of Gradio's within it."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        if isinstance(route, Mount):
            yield from routes(route.app)
        elif inner is not None:
            yield from routes(inner)
        else:
            for method in getattr(route, "methods", None) or ():
                yield method, re.sub(r"\{[^}]*\}", "x", route.path)


def test_strangers_get_the_login_and_nothing_else(house: AccountHouse) -> None:
    stranger, seen = house.browser(), 0
    for method, path in sorted(set(routes(house.app))):
        if path in OPEN or under(path, PUBLIC):
            continue
        response = stranger.client.request(method, path, follow_redirects=False, headers=OURS)
        assert response.status_code in (401, 404), (method, path, response.status_code)
        assert "config" not in response.text
        seen += 1
    assert seen > 90  # Gradio's own ones are among them


def test_what_is_open_to_strangers_tells_nothing(house: AccountHouse, ann: Browser) -> None:
    stranger = house.browser()
    for path in (*OPEN, "/login", "/accounts.css", "/favicon.ico", "/robots.txt"):
        response = stranger.get(path)
        assert response.status_code == 200, path
        assert ann.user not in response.text and str(house.service.options.data_dir) not in response.text


def test_gradios_own_doors_that_nobody_needs_are_closed(ann: Browser) -> None:
    for name in CLOSED:
        for room in ("", "/inbox", "/signals"):
            assert ann.get(f"{room}/gradio_api/{name}x").status_code == 404
    for path in (
        "/gradio_api/proxy=http://169.254.169.254/latest/meta-data",
        "/gradio_api/runs",
        "/monitoring/summary",
    ):
        assert ann.get(path).status_code == 404
    config = ann.get("/config").json()
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
    assert {each["api_visibility"] for each in config["dependencies"]} == {"private"}


def test_a_file_is_there_for_whoever_uploaded_it_alone(ann: Browser, eve: Browser) -> None:
    sent = ann.client.post("/gradio_api/upload", files={"files": ("deal.txt", b"Ann's secret")}, headers=OURS)
    (path,) = sent.json()
    names = (f"={path}", f"/{path}", f"={path.replace('/', '%2F')}", f"={path}/", f"=/{path}", f"={path}/../deal.txt")
    assert [ann.get(f"/gradio_api/file{name}").status_code for name in names[:3]] == [200, 200, 200]
    for name in names:
        response = eve.get(f"/gradio_api/file{name}")
        assert response.status_code == 404 and "secret" not in response.text
    body = {"data": [[{"path": path, "meta": {"_type": "gradio.FileData"}}]], "fn_index": 2, "session_hash": "eves"}
    for altered in (body, body | {"data": [{"deep": [{"path": path}]}]}):
        assert eve.client.post("/gradio_api/queue/join", json=altered, headers=OURS).status_code == 404
    again = eve.client.post("/gradio_api/upload", files={"files": ("deal.txt", b"Ann's secret")}, headers=OURS)
    assert again.json() == [path]  # she has it herself
    assert eve.get(f"/gradio_api/file={path}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/environ",
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "app.py",
        "/tmp",
        "\\etc\\passwd",
    ],
)
def test_no_path_leads_to_the_servers_files(house: AccountHouse, ann: Browser, path: str) -> None:
    database = house.service.options.data_dir / "unabridged.db"
    for root in ("/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/svelte/"):
        for wanted in (path, str(database)):
            response = ann.get(root + wanted)
            assert response.status_code in (403, 404), (root, wanted)
            assert "root:" not in response.text and "SQLite" not in response.text
    body = {"data": [[{"path": path, "meta": {"_type": "gradio.FileData"}}]], "fn_index": 2, "session_hash": "anns"}
    if path != "app.py":  # a name within documents, which Gradio refuses itself
        assert ann.client.post("/gradio_api/queue/join", json=body, headers=OURS).status_code == 404


def test_a_session_belongs_to_whom_began_it(ann: Browser, eve: Browser) -> None:
    session = uuid4().hex
    body = {"data": [], "fn_index": 6, "session_hash": session}
    joined = ann.client.post("/gradio_api/queue/join", json=body, headers=OURS)
    assert joined.status_code == 200
    event = joined.json()["event_id"]
    for path in ("queue/data?session_hash={}", "heartbeat/{}", "stream/{}/0/0/playlist.m3u8"):
        assert eve.get("/gradio_api/" + path.format(session)).status_code == 404
    for path, sent in (
        ("queue/join", body),
        ("run/x", body),
        ("reset", {"event_id": event}),
        ("cancel", {"session_hash": session, "fn_index": 6, "event_id": event}),
        ("cancel", {"session_hash": "eves-own", "fn_index": 6, "event_id": event}),
    ):
        assert eve.client.post(f"/gradio_api/{path}", json=sent, headers=OURS).status_code == 404, path
    assert eve.get(f"/gradio_api/call/x/{event}").status_code == 404


def test_what_another_uploads_is_not_watched(ann: Browser, eve: Browser) -> None:
    progress = "/gradio_api/upload?upload_id=anns"
    assert ann.client.post(progress, files={"files": ("a.txt", b"x")}, headers=OURS).status_code == 200
    assert eve.get("/gradio_api/upload_progress?upload_id=anns").status_code == 404


def test_owners_that_are_not_seen_again_are_forgotten() -> None:
    owners = Owners(most=2)
    assert owners.claim("session", "a", "ann") and not owners.claim("session", "a", "eve")
    owners.add("file", "f", "ann")
    owners.add("file", "f", "bob")
    assert owners.has("file", "f", "ann") and owners.has("file", "f", "bob") and not owners.has("file", "f", "eve")
    assert owners.claim("session", "b", "ann")
    assert not owners.has("session", "a", "ann")


def test_nothing_goes_out_without_the_headers_that_keep_it_safe(ann: Browser) -> None:
    for path in ("/", "/config", "/account", "/v1/files", "/login", "/gradio_api/file=/etc/passwd"):
        headers = ann.get(path).headers
        policy = headers["content-security-policy"]
        assert (
            "frame-ancestors 'none'" in policy
            and "http:" not in policy
            and "https:" not in policy
            and "*" not in policy
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert headers["x-frame-options"] == "DENY"


def test_too_much_is_refused_whatever_it_says_of_itself(ann: Browser) -> None:
    def endless(megabytes: int) -> Iterator[bytes]:
        yield from (b"x" * 1_000_000 for _ in range(megabytes))

    multipart = {**OURS, "Content-Type": "multipart/form-data; boundary=x"}
    form = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    for path, megabytes, headers in (
        ("/gradio_api/upload", 250, multipart),
        ("/gradio_api/queue/join", 9, OURS),
        ("/account/keys", 1, form),
        ("/login", 1, form),
    ):
        chunked = ann.client.post(path, content=endless(megabytes), headers=headers)
        assert chunked.status_code == 413, path
        declared = ann.client.post(path, content=b"x", headers={**headers, "Content-Length": "999999999"})
        assert declared.status_code == 413, path
    assert ann.client.post("/login", content="&".join(f"a{n}=1" for n in range(99)), headers=form).status_code == 400


def test_without_accounts_only_this_machine_is_answered(tmp_path: Path) -> None:
    with account_house_in(tmp_path, open_user="me") as house:
        here = {"Host": "127.0.0.1:7860"}
        browser = house.browser()
        assert browser.get("/", **here).status_code == 200
        assert browser.get("/config", **here, Authorization="Bearer anything").status_code == 200
        for host in (
            "evil.example",
            "evil.example:7860",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "",
            "[::1",
            "localhost.",
        ):
            for path in ("/", "/config", "/gradio_api/info", "/v1/files", "/inbox/"):
                assert browser.get(path, Host=host).status_code == 403, (host, path)
        foreign = here | {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/v1/files", "/inbox/gradio_api/queue/join"):
            assert browser.post(path, foreign).status_code == 403, path
        assert browser.get("/config", **foreign).status_code == 403
        followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert browser.get("/", **here, **followed).status_code == 200
        for path in ("/login", "/account", "/people", "/accounts.css"):  # there are no accounts
            assert browser.get(path, **here).status_code in (404, 405), path
