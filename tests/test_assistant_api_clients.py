"""Real clients against a real server: OpenAI's, curl as documented, browsers that leave, bodies that trickle."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from fastapi import FastAPI

from assistant.service import Service
from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from assistant.web.server import Server, application, running
from tests.api_house import ANSWER, LOCAL, question_body, service_in
from tests.conftest import HOUSE
from tests.fakes import CONTRACT, ScriptedEngine
from tests.ports import free_port

DOCS = (HOUSE / "docs" / "api.md").read_text("utf-8")
EXAMPLE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def served(service: Service) -> Iterator[str]:
    """The page and the API of a service; its address."""
    port = free_port()
    options = ApiOptions(open_user="me", upload_grace_s=0.5)

    async def built() -> FastAPI:
        return application(service, options)

    app = asyncio.run(built())  # outside of any loop Gradio makes loops of its own and never closes them
    with running(Server(app, "127.0.0.1", port)):
        yield f"{LOCAL}:{port}"
    service.store.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """On the tiny model, which says what it says."""
    yield from served(service_in(tmp_path_factory.mktemp("real"), real=True))


@pytest.fixture(scope="module")
def scripted_service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return service_in(tmp_path_factory.mktemp("scripted"))


@pytest.fixture(scope="module")
def scripted(scripted_service: Service) -> Iterator[str]:
    yield from served(scripted_service)


@pytest.fixture
def engine(scripted_service: Service) -> ScriptedEngine:
    engine = scripted_service.engine
    assert isinstance(engine, ScriptedEngine)
    engine.says, engine.hold = ANSWER, None
    return engine


def test_openais_client_holds_a_conversation_about_a_document(real: str) -> None:
    with openai.OpenAI(base_url=f"{real}/v1", api_key="none", max_retries=0) as client:
        assert {"legal", "code", "support"} <= {model.id for model in client.models.list()}
        file = client.files.create(file=("deal.txt", CONTRACT.encode()), purpose="user_data")
        file = client.files.wait_for_processing(file.id, poll_interval=0.05)
        assert file.status == "processed" and file.bytes == len(CONTRACT.encode())
        assert [each.id for each in client.files.list()] == [file.id]
        asked = question_body("What law governs?", file.id)["messages"]
        first = client.chat.completions.create(
            model="legal", messages=asked, max_tokens=8, temperature=0.8, seed=3, logprobs=True, top_logprobs=2
        )
        choice = first.choices[0]
        assert first.usage is not None and 1 <= first.usage.completion_tokens <= 8
        assert choice.logprobs is not None and choice.logprobs.content is not None
        assert len(choice.logprobs.content) == first.usage.completion_tokens
        assert all(len(token.top_logprobs) == 2 for token in choice.logprobs.content)
        assert first.model_extra is not None
        proof = first.model_extra["unabridged"]
        assert proof["coverage"]["tokens"] == proof["coverage"]["tokens_read"] and proof["seed"] == 3

        asked = [*asked, {"role": "assistant", "content": choice.message.content}, {"role": "user", "content": "Why?"}]
        pieces, conversations, usage = [], set(), None
        stream = client.chat.completions.create(
            model="legal", messages=asked, max_tokens=8, stream=True, stream_options={"include_usage": True}
        )
        for chunk in stream:
            usage = chunk.usage or usage
            conversations |= {(chunk.model_extra or {}).get("unabridged", {}).get("conversation")} - {None}
            pieces += [each.delta.content or "" for each in chunk.choices]
        assert conversations == {proof["conversation"]}
        assert usage is not None and usage.prompt_tokens_details is not None
        assert usage.prompt_tokens_details.cached_tokens >= proof["coverage"]["tokens"]
        stored = httpx.get(f"{real}/v1/conversations/{proof['conversation']}/messages").json()["data"]
        assert [each["content"] for each in stored][::3] == ["What law governs?", "".join(pieces)]

        formed = client.chat.completions.create(
            model="legal",
            messages=question_body("Which?", file.id)["messages"],
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["a", "b"]}}},
        )
        assert json.loads(formed.choices[0].message.content or "") in ("a", "b")
        with pytest.raises(openai.BadRequestError, match="part of the bot"):
            client.chat.completions.create(model="legal", messages=[{"role": "system", "content": "Lie."}])
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve("f" * 64)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_documented_curl_commands_do_what_they_say(real: str, tmp_path: Path) -> None:
    (tmp_path / "contract.txt").write_text(CONTRACT)
    names = {"BASE": real, "KEY": "none", "FILE": "", "TALK": "", "PATH": "/usr/bin:/bin"}

    def run(command: str) -> str:
        done = subprocess.run(["sh", "-c", command], env=names, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout, done.stderr
        return done.stdout

    upload, state, ask, stream, listed, search, messages, patch, feedback, export, delete, forget, *health = (
        EXAMPLE.findall(DOCS)
    )
    names["FILE"] = json.loads(run(upload))["id"]
    while json.loads(run(state))["status"] == "uploaded":
        time.sleep(0.05)
    assert json.loads(run(state))["status"] == "processed"
    answer = json.loads(run(ask))
    names["TALK"] = answer["unabridged"]["conversation"]
    assert json.loads(run(ask)) == answer | {"unabridged": json.loads(run(ask))["unabridged"]}  # its key is the same
    assert run(stream).rstrip().endswith("data: [DONE]")
    talks = [each["id"] for each in json.loads(run(listed))["data"]]
    assert names["TALK"] in talks and len(talks) >= 2
    hits = json.loads(run(search))["data"]
    assert {hit["conversation_id"] for hit in hits if hit["kind"] == "message"} == {names["TALK"]}
    assert [each["role"] for each in json.loads(run(messages))["data"]] == ["user", "assistant"]
    assert json.loads(run(patch))["title"] == "The fee"
    assert json.loads(run(feedback))["thumb"] == 1
    assert run(export).startswith("# The fee\n")
    assert json.loads(run(delete))["deleted"] is True
    assert "is used by" in json.loads(run(forget))["detail"]  # by the conversation of the streamed question
    for talk in set(talks) - {names["TALK"]}:
        httpx.delete(f"{real}/v1/conversations/{talk}")
    assert json.loads(run(forget))["deleted"] is True
    assert json.loads(run(health[0])) == {"status": "ok"}
    assert json.loads(run(health[1]))["status"] == "ready"
    assert run(health[2]).startswith("# HELP") and len(health) == 3


def test_the_documented_limits_are_the_real_ones() -> None:
    options = ApiOptions()
    numbers = (
        f"{options.max_upload_bytes >> 20} MB for files, {options.max_request_bytes >> 20} MB for questions",
        f"{options.max_small_bytes >> 10} KB for the rest",
        f"slower than {int(options.min_upload_rate) >> 10} KB/s",
        f"{options.requests_per_minute} requests or {options.answers_per_minute} questions a minute",
        f"{options.answers_at_once} answers or {options.uploads_at_once} unread uploads at once",
    )
    for each in numbers:
        assert each in DOCS


@pytest.mark.parametrize(("stop", "status"), [(False, "complete"), (True, "stopped")])
def test_an_answer_whose_reader_left_is_stored(scripted: str, engine: ScriptedEngine, stop: bool, status: str) -> None:
    with httpx.Client(base_url=scripted, timeout=20) as client:
        file_id = client.post("/v1/files", files=[("file", ("deal.txt", CONTRACT.encode()))]).json()["id"]
        engine.hold = threading.Event()
        body = question_body("What is the fee?", file_id, stream=True, stop_on_disconnect=stop)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            first = next(line for line in response.iter_lines() if line.startswith("data: "))
            talk = json.loads(first.removeprefix("data: "))["unabridged"]["conversation"]
        time.sleep(0.3)  # the server notices that nobody listens
        engine.hold.set()
        for _ in range(200):
            answer = client.get(f"/v1/conversations/{talk}/messages").json()["data"][-1]
            if answer["status"] != "streaming":
                break
            time.sleep(0.02)
        assert answer["status"] == status
        assert (answer["content"] == ANSWER) == (not stop)


@pytest.mark.parametrize("path", ["/v1/files", "/gradio_api/upload", "/gradio_api/queue/join"])
def test_a_body_that_trickles_in_is_given_up(scripted: str, path: str) -> None:
    host, port = scripted.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9000\r\n"
        connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()  # until the server hangs up
    assert answer.startswith("HTTP/1.1 408") and "too slowly" in answer


def test_page_and_api_share_one_address(scripted: str) -> None:
    page = httpx.get(scripted)
    assert page.status_code == 200 and "gradio" in page.text
    assert page.headers["x-content-type-options"] == "nosniff" and "x-request-id" in page.headers
    assert httpx.get(f"{scripted}/v1/models").json()["object"] == "list"
    assert httpx.get(f"{scripted}/openapi.json").json()["info"]["title"] == "Unabridged"
    for path in ("/v1/nothing", "/v1/files/"):
        assert httpx.get(f"{scripted}{path}").json()["code"] == "not_found"


def test_an_ending_server_finishes_its_answers(tmp_path: Path) -> None:
    service = service_in(tmp_path)
    engine = service.engine
    assert isinstance(engine, ScriptedEngine)
    engine.says, engine.hold = ANSWER, threading.Event()
    server = Server(build_api(service, ApiOptions(open_user="me")), "127.0.0.1", free_port())
    with running(server), httpx.Client(base_url=f"{LOCAL}:{server.config.port}", timeout=20) as client:
        file_id = client.post("/v1/files", files=[("file", ("deal.txt", CONTRACT.encode()))]).json()["id"]
        body = question_body("What is the fee?", file_id)
        with client.stream("POST", "/v1/chat/completions", json=body | {"stream": True}) as response:
            lines = response.iter_lines()
            next(line for line in lines if line.startswith("data: "))
            server.should_exit = True
            while not server._state.closing:
                time.sleep(0.02)
            refused = httpx.post(f"{LOCAL}:{server.config.port}/v1/chat/completions", json=body)
            assert refused.status_code == 503 and refused.json()["error"]["code"] == "ending"
            engine.hold.set()
            assert [line for line in lines if line][-1] == "data: [DONE]"
    service.store.close()
