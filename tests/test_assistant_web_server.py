"""The address is tried before a model is loaded; answers under way when a server ends, or is killed, are marked so."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from assistant.errors import AssistantError
from assistant.web import server as module
from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from assistant.web.server import Server, ServerOptions, refuse_taken, running
from storage import Store
from tests.api_house import ANSWER, LOCAL, house_in, question_body, service_in
from tests.conftest import HOUSE
from tests.fakes import CONTRACT, scripted
from tests.ports import free_port

KILLED = """
import sys, threading
from pathlib import Path
from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from assistant.web.server import Server
from tests.api_house import ANSWER, service_in
service = service_in(Path(sys.argv[1]))
service.engine.says, service.engine.hold = ANSWER, threading.Event()
Server(build_api(service, ApiOptions(open_user="me")), "127.0.0.1", int(sys.argv[2])).run()
"""


def test_a_taken_port_is_refused_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AssistantError, match=rf"127\.0\.0\.1:{port} cannot be served \(.*in use\); choose another"):
            refuse_taken("127.0.0.1", port)
    refuse_taken("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(AssistantError, match="cannot be served"):
        refuse_taken("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "docs.example.org"])
def test_nobody_else_is_served_without_accounts(host: str) -> None:
    with pytest.raises(
        AssistantError, match=r"^Others could read your documents on .*: add --accounts .*127\.0\.0\.1\.$"
    ):
        ServerOptions(host=host)
    assert ServerOptions(host=host, accounts=True).accounts
    assert not ServerOptions(host="127.0.0.1").accounts


def test_the_address_is_one_that_can_be_opened() -> None:
    assert ServerOptions(host="0.0.0.0", port=80, accounts=True).address == "http://127.0.0.1:80/"
    assert ServerOptions(host="::1", port=80).address == "http://[::1]:80/"
    assert ServerOptions(public_url="https://docs.example.org/").address == "https://docs.example.org/"


def ask(base: str, client: httpx.Client) -> tuple[httpx.Response, str]:
    """An answer that has begun and its conversation. The caller closes the response."""
    file_id = client.post("/v1/files", files=[("file", ("deal.txt", CONTRACT.encode()))]).json()["id"]
    body = question_body("What is the fee?", file_id, stream=True)
    response = client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True)
    for line in response.iter_lines():
        if line.startswith("data: {") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
            break
    (talk,) = client.get("/v1/conversations").json()["data"]
    return response, str(talk["id"])


def test_an_answer_that_takes_too_long_is_stopped_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.1)
    service = service_in(tmp_path)
    engine = scripted(service.engine)
    engine.says, engine.hold = ANSWER, threading.Event()
    server = Server(build_api(service, ApiOptions(open_user="me")), "127.0.0.1", free_port())
    with running(server), httpx.Client(base_url=f"{LOCAL}:{server.config.port}", timeout=20) as client:
        response, talk = ask("", client)
        job = service.answering[0]
        server.should_exit = True
        assert job._stop.wait(10)
        engine.hold.set()
        assert job.wait(10)
        response.close()
    answer = service.store.messages("me", talk)[-1]
    assert answer.status == "stopped" and ANSWER.startswith(answer.content) and answer.content != ANSWER
    service.store.close()


def test_an_answer_of_a_killed_server_is_marked_broken_and_can_be_asked_again(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(port)]
    child = subprocess.Popen(command, cwd=HOUSE, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"{LOCAL}:{port}", timeout=20) as client:
            for _ in range(600):
                try:
                    client.get("/healthz")
                    break
                except httpx.HTTPError:
                    assert child.poll() is None
                    time.sleep(0.1)
            response, talk = ask("", client)
            child.send_signal(signal.SIGKILL)
            child.wait(20)
            response.close()
    finally:
        child.kill()
        child.wait(20)
    with house_in(tmp_path, open_user="me") as house:
        shown = house.client.get(f"/v1/conversations/{talk}/messages").json()["data"]
        assert [each["status"] for each in shown] == ["complete", "broken"]
        house.engine.says = ANSWER
        again = house.client.post(
            "/v1/chat/completions",
            json={
                "model": "legal",
                "conversation": talk,
                "messages": [{"role": "user", "content": "What is the fee?"}],
            },
        )
        assert again.status_code == 200, again.text
    assert Store.open(tmp_path).messages("me", talk)[-1].status == "complete"
