"""What operators see: health, metrics that follow the truth, logs and headers that give nothing away."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from typing import Any

import pytest

from assistant.web.api import operations
from assistant.web.api.journal import log_as_json
from storage import StorageError
from tests.api_house import House, Person, ann, bob, house
from tests.signal_cases import LOOK, today

__all__ = ["ann", "bob", "house"]  # fixtures


def value(text: str, line: str) -> float:
    """The figure behind a metric's name and labels."""
    found = [row.rsplit(" ", 1)[1] for row in text.splitlines() if row.startswith(line + " ")]
    return float(found[0]) if found else 0.0


def test_metrics_follow_what_happens_and_hold_no_content(ann: Person, house: House) -> None:
    admin = house.person("admin")
    assert ann.call("GET", "/metrics").status_code == 403
    before = admin.call("GET", "/metrics").text
    file_id = ann.upload("The rent of Miller Lane 4 is due. The yearly fee is $120,000.\n", name="millerlane.txt")
    talk = ann.ask("What is the fee?", file_id).json()
    ann.call("PUT", f"/v1/conversations/{talk['unabridged']['conversation']}/messages/1/feedback", json={"thumb": -1})
    after = admin.call("GET", "/metrics").text

    def grown(line: str) -> float:
        return value(after, line) - value(before, line)

    assert grown('unabridged_answers_total{bot="legal",finish="stop",supported="yes"}') == 1
    assert grown('unabridged_generated_tokens_total{bot="legal"}') == talk["usage"]["completion_tokens"]
    assert grown('unabridged_context_tokens_total{bot="legal"}') == talk["usage"]["prompt_tokens"]
    assert grown('unabridged_readings_total{bot="legal",cache="miss"}') == 1
    assert grown('unabridged_read_tokens_total{bot="legal"}') >= talk["unabridged"]["coverage"]["tokens"]
    assert grown('unabridged_feedback_total{bot="legal",thumb="down"}') == 1
    phases = ("parse", "read", "first_token", "decode", "total")
    counts = [grown(f'unabridged_answer_seconds_count{{bot="legal",phase="{each}"}}') for each in phases]
    assert counts == [1, 1, 1, 1, 1]
    assert grown('unabridged_looked_at_tokens_total{bot="legal"}') == talk["unabridged"]["looked_at"]
    assert grown('unabridged_refusals_total{bot="legal"}') == 0
    assert grown('unabridged_http_requests_total{method="POST",route="/v1/chat/completions",status="200"}') == 1
    assert value(after, "unabridged_answers_in_flight") == value(after, "unabridged_queue_length") == 0
    for secret in (ann.user, file_id, talk["unabridged"]["conversation"], "millerlane", "Miller", "120,000"):
        assert secret not in after


def test_metrics_and_signals_come_from_the_same_answers(house: House, ann: Person) -> None:
    admin = house.person("admin")
    before = admin.call("GET", "/metrics").text
    house.engine.says = "Not stated in this document."
    talk = ann.ask("Who is the king?", ann.upload()).json()["unabridged"]
    store = house.service.store
    store.hand_offs.request(ann.user, talk["conversation"], "person", "{}")
    house.service.observers.looked_again("legal", LOOK)
    after = admin.call("GET", "/metrics").text
    grown = {
        line: value(after, line) - value(before, line)
        for line in (
            'unabridged_refusals_total{bot="legal"}',
            'unabridged_hand_offs{state="waiting"}',
            'unabridged_second_looks_total{bot="legal",same="yes"}',
            'unabridged_second_look_overlap_count{bot="legal"}',
        )
    }
    assert set(grown.values()) == {1}, grown
    assert value(after, 'unabridged_second_look_evidence_count{bot="legal"}') == 0  # this look had none
    store.accounts.appoint(ann.user, "agent")
    (row,) = store.signals.answers(ann.user, *today())
    assert row.refused and row.looked_at == talk["looked_at"]


def test_health_and_readiness(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert house.client.get("/healthz").json() == {"status": "ok"}
    assert house.client.get("/readyz").json()["status"] == "ready"

    def broken(*_: Any) -> None:
        raise StorageError("The database is away.")

    monkeypatch.setattr(house.service.store.accounts, "password_hash", broken)
    monkeypatch.setattr(operations, "MIN_FREE", shutil.disk_usage("/").total * 1000)
    monkeypatch.setattr(house.state, "closing", True)
    response = house.client.get("/readyz")
    assert response.status_code == 503
    checks = {"model": "ok", "database": "unavailable", "disk": "nearly full", "server": "ending"}
    assert response.json()["checks"] == checks
    assert house.client.get("/healthz").status_code == 200


def test_logs_are_json_with_request_ids_and_without_content(
    ann: Person, house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = logging.getLogger("unabridged")
    kept = ours.handlers, ours.propagate, ours.level
    try:
        log_as_json()
        file_id = ann.upload(name="secretname.txt")
        ann.ask("What about the secretword?", file_id, headers={"X-Request-ID": "my-id.1"})
        ann.call("GET", "/v1/conversations/search", params={"q": "secretword"}, headers={"X-Request-ID": "bad id\t"})

        def fail(*_: Any, **__: Any) -> None:
            raise ValueError("secretword in an error")

        monkeypatch.setattr(house.service.store, "conversations", fail)
        response = ann.call("GET", "/v1/conversations")
    finally:
        ours.handlers, ours.propagate, ours.level = kept
    assert response.status_code == 500 and "secretword" not in response.text
    text = capsys.readouterr().err
    lines = [json.loads(line) for line in text.splitlines()]
    chat = next(line for line in lines if line["route"] == "/v1/chat/completions")
    assert (chat["request_id"], chat["status"], chat["method"]) == ("my-id.1", 200, "POST") and chat["seconds"] > 0
    search = next(line for line in lines if line["route"] == "/v1/conversations/search")
    assert search["request_id"] not in ("", "bad id\t")
    failed = lines[-1]
    assert failed["error"] == "ValueError" and failed["request_id"] == response.json()["request_id"]
    assert any("conversations.py" in place for place in failed["places"])
    for secret in ("secretword", "secretname", ann.user, ann.key, file_id):
        assert secret not in text


def test_responses_carry_security_headers(house: House) -> None:
    headers = house.client.get("/v1/models", headers={"X-Request-ID": "abc"}).headers
    assert headers["x-request-id"] == "abc"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_bots_of_a_team_are_listed_like_the_shipped_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(house.service.profiles["legal"], name="leases", title="Lease reader")
    monkeypatch.setitem(house.service.profiles, "leases", own)
    person = house.person()
    listed = {each["id"]: each["title"] for each in person.call("GET", "/v1/models").json()["data"]}
    assert listed["leases"] == "Lease reader" and {"legal", "code", "support"} <= set(listed)
    assert person.call("GET", "/v1/models/leases").json()["title"] == "Lease reader"
    assert person.call("GET", "/v1/models/nobody").status_code == 404


def test_the_openapi_document_describes_every_route(house: House) -> None:
    document = house.client.get("/openapi.json").json()
    assert {"/v1/chat/completions", "/v1/files", "/v1/conversations", "/metrics"} <= set(document["paths"])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary") and operation.get("description"), (method, path)
    for name in ("/docs", "/redoc"):
        assert house.person().call("GET", name).status_code == 404  # their pages load scripts from elsewhere
