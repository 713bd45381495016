"""Who may come in, and that nobody reaches what belongs to somebody else: on every route there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.keys import issue_key, key_hash
from assistant.web.api.origins import is_loopback
from tests.api_house import House, Person, ann, bob, house, house_in, question_body

__all__ = ["ann", "bob", "house"]  # fixtures

BODIES = {
    ("POST", "/v1/chat/completions"): question_body("What?", "f" * 64),
    ("PATCH", "/v1/conversations/{conversation_id}"): {"title": "mine"},
    ("PUT", "/v1/conversations/{conversation_id}/messages/{message_id}/feedback"): {"thumb": 1},
}


def routes(house: House) -> Iterator[tuple[str, str]]:
    """Every method and path template of the API."""
    for path, methods in house.client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            yield method.upper(), path


def test_every_route_but_those_of_health_needs_a_key(house: House) -> None:
    open_ = {"/healthz", "/readyz"}
    for method, path in routes(house):
        response = house.client.request(method, path)
        assert response.status_code == (200 if path in open_ else 401), path
        if path not in open_:
            assert response.headers["www-authenticate"] == "Bearer"
    chat = house.client.post("/v1/chat/completions").json()
    assert chat["error"]["type"] == "authentication_error" and chat["error"]["code"] == "invalid_api_key"


def test_what_belongs_to_others_does_not_exist_on_any_route(ann: Person, bob: Person, house: House) -> None:
    talk = ann.ask("What is the fee?", ann.upload()).json()["unabridged"]
    things = {"conversation_id": talk["conversation"], "file_id": talk["file_id"], "message_id": "1", "name": "legal"}
    own = 0
    for method, template in routes(house):
        path = re.sub(r"\{(\w+)\}", lambda match: things[match.group(1)], template)
        if template.startswith("/v1/models") or path == template:
            continue
        response = bob.call(method, path, json=BODIES.get((method, template)))
        assert response.status_code == 404, (method, path, response.text)
        own += 1
    assert own >= 10
    for path in ("/v1/files", "/v1/conversations", "/v1/conversations/search?q=fee"):
        assert bob.call("GET", path).json()["data"] == []
    assert bob.ask("What is the fee?", talk["file_id"]).status_code == 404
    body = question_body("What?", "") | {
        "conversation": talk["conversation"],
        "messages": [{"role": "user", "content": "?"}],
    }
    assert bob.call("POST", "/v1/chat/completions", json=body).status_code == 404
    assert ann.call("GET", f"/v1/conversations/{talk['conversation']}").json()["title"] == "deal.txt"  # untouched


def test_keys_are_hashed_expire_and_can_be_revoked(ann: Person, house: House) -> None:
    accounts = house.service.store.accounts
    raw = b"".join(path.read_bytes() for path in house.service.options.data_dir.glob("unabridged.db*"))
    assert ann.key.encode() not in raw and key_hash(ann.key).encode() in raw
    old, _ = issue_key(house.service.store, ann.user, "old", days=-1)
    assert Person(ann.user, old, house.client).call("GET", "/v1/files").status_code == 401
    assert ann.call("GET", "/v1/files").status_code == 200
    accounts.revoke_key(ann.user, accounts.keys(ann.user)[0].id)
    assert ann.call("GET", "/v1/files").status_code == 401


def test_guessing_keys_is_slowed_down(tmp_path: Path) -> None:
    with house_in(tmp_path, wrong_keys_per_minute=3) as strict:
        ann = strict.person()
        wrong = [Person("", f"un-{n}", strict.client).call("GET", "/v1/files") for n in range(5)]
        assert [response.status_code for response in wrong] == [401, 401, 401, 429, 429]
        assert 1 <= int(wrong[-1].headers["retry-after"]) <= 60
        assert ann.call("GET", "/v1/files").status_code == 200  # a good key is not kept out by another's wrong ones


def test_each_user_has_limits_of_their_own(tmp_path: Path) -> None:
    with house_in(tmp_path, requests_per_minute=4, answers_per_minute=1) as strict:
        ann, bob = strict.person(), strict.person()
        file_id = "f" * 64
        assert ann.ask("What?", file_id).status_code == 404
        limited = ann.ask("What?", file_id)
        assert limited.status_code == 429 and limited.json()["error"]["type"] == "rate_limit_error"
        assert "retry-after" in limited.headers
        assert [ann.call("GET", "/v1/models").status_code for _ in range(4)] == [200, 200, 429, 429]
        assert ann.call("GET", "/v1/models").headers["content-type"] == "application/problem+json"
        assert bob.call("GET", "/v1/models").status_code == 200


def test_answers_at_once_are_limited(ann: Person, house: House) -> None:
    file_id = ann.upload()
    leaves = [house.state.answering.enter(ann.user) for _ in range(house.state.options.answers_at_once)]
    refused = ann.ask("What is the fee?", file_id)
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "too_many_at_once"
    for leave in (*leaves, leaves[0]):  # leaving twice frees one place only
        leave()
    assert house.state.answering.total == 0
    assert ann.ask("What is the fee?", file_id).status_code == 200
    assert house.state.answering.total == 0


def test_one_person_on_this_machine_needs_no_key(tmp_path: Path) -> None:
    with house_in(tmp_path, open_user="me") as alone:
        me = Person("me", "whatever the client sends", alone.client)
        assert me.ask("What is the fee?", me.upload()).status_code == 200
        assert alone.client.get("/v1/files").json()["data"][0]["filename"] == "deal.txt"
        assert alone.client.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_foreign_web_pages_cannot_use_a_server_without_keys(tmp_path: Path, headers: dict[str, str]) -> None:
    with house_in(tmp_path, open_user="me") as alone:
        response = alone.client.post("/v1/files", files=[("file", ("a.txt", b"x"))], headers=headers)
        assert response.status_code == 403
        assert alone.client.get("/v1/files", headers={"Origin": "http://127.0.0.1"}).status_code == 200


def test_loopback_names() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "10.0.0.1", "localhost.evil.example", "localhost.")))
