"""A real MCP client drives a conversation with a document over HTTP; nobody reaches what is another's."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from assistant.keys import issue_key
from assistant.service import Service
from assistant.web.api.app import build_api
from assistant.web.api.mcp_mount import mount_mcp
from assistant.web.api.options import ApiOptions
from assistant.web.server import Server, running
from storage import Store
from tests.api_house import ANSWER, service_in
from tests.fakes import CONTRACT, scripted
from tests.ports import free_port

TOOLS = {"read", "ask", "search", "list_documents", "list_conversations"}


@dataclass(frozen=True)
class Place:
    """A running server with its people, each with a key."""

    url: str
    service: Service
    keys: dict[str, str]

    @property
    def store(self) -> Store:
        return self.service.store


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    service = service_in(tmp_path_factory.mktemp("mcp"))
    scripted(service.engine).says = ANSWER
    keys = {}
    for name in ("ann", "bob"):
        organisation = service.store.accounts.create_organisation(name)
        service.store.accounts.add_user(organisation.id, name)
        keys[name], _ = issue_key(service.store, name, "mcp")
    app = build_api(service, ApiOptions(answers_per_minute=6))
    mount_mcp(app)
    port = free_port()
    with running(Server(app, "127.0.0.1", port)):
        yield Place(f"http://127.0.0.1:{port}/mcp", service, keys)
    service.close()


@asynccontextmanager
async def client_of(place: Place, user: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {place.keys[user]}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(place.url, http_client=http)) as client,
    ):
        yield client


def as_user(place: Place, user: str, act: Callable[[Client], Awaitable[Any]]) -> Any:
    async def session() -> Any:
        async with client_of(place, user) as client:
            return await act(client)

    return asyncio.run(session())


def call(place: Place, user: str, tool: str, **arguments: Any) -> Any:
    """What a tool gives, or the sentence with which it refuses."""

    async def act(client: Client) -> Any:
        result = await client.call_tool(tool, arguments)
        told = result.content[0].text if result.is_error else ""  # type: ignore[union-attr]
        return told.removeprefix(f"Error executing tool {tool}: ") if told else result.structured_content

    return as_user(place, user, act)


def test_a_conversation_with_a_document_from_reading_to_the_second_question(place: Place) -> None:
    told: list[tuple[float, str]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message or ""))

    async def act(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        read = (await client.call_tool("read", {"filename": "deal.txt", "text": CONTRACT})).structured_content
        assert read and read["tokens"] > 100 and "3. Fee" in read["sections"]
        assert read["files_unread"] == [] and read["coverage"].startswith("Read ")
        asked = {"question": "What is the yearly fee?", "document": read["document"]}
        first = (await client.call_tool("ask", asked, progress_callback=heard)).structured_content
        assert first and first["answer"] == ANSWER and first["supported"]
        assert first["citations"][0]["path"] == "deal.txt" and "$120,000" in first["citations"][0]["quote"]
        again = {"question": "And when does it end?", "conversation": first["conversation"]}
        second = (await client.call_tool("ask", again)).structured_content
        assert second and second["conversation"] == first["conversation"] and second["message"] == 3
        listed = (await client.call_tool("list_documents", {})).structured_content
        assert listed and [each["document"] for each in listed["documents"]] == [read["document"]]
        talks = (await client.call_tool("list_conversations", {})).structured_content
        assert talks and [each["id"] for each in talks["conversations"]] == [first["conversation"]]
        found = (await client.call_tool("search", {"query": "yearly fee"})).structured_content
        assert found and {each["kind"] for each in found["hits"]} == {"message", "document"} and not found["more"]

    as_user(place, "ann", act)
    assert told and ANSWER.startswith(told[-1][1]) and [count for count, _ in told] == sorted(c for c, _ in told)
    assert [message.role for message in place.store.messages("ann", place.store.conversations("ann")[0].id)] == [
        "user", "assistant", "user", "assistant",
    ]  # fmt: skip


def test_nobody_reaches_what_is_anothers(place: Place) -> None:
    read = call(place, "ann", "read", filename="secret.txt", text="The secret fee is $5.\n")
    talk = call(place, "ann", "ask", question="What is the fee?", document=read["document"])["conversation"]
    assert "no such document" in call(place, "bob", "ask", question="What?", document=read["document"])
    assert "no such conversation" in call(place, "bob", "ask", question="What?", conversation=talk)
    assert call(place, "bob", "list_documents") == {"documents": [], "more": False}
    assert call(place, "bob", "list_conversations") == {"conversations": [], "more": False}
    assert call(place, "bob", "search", query="secret") == {"hits": [], "more": False}


def test_without_a_valid_key_the_door_stays_shut(place: Place) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({}, {"Authorization": "Bearer un-wrong"}):
        response = httpx.post(
            place.url, json=body, headers={"Accept": "application/json, text/event-stream", **headers}
        )
        assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer"
    key = issue_key(place.store, "bob", "short")
    place.store.accounts.revoke_key("bob", key[1].id)
    refused = httpx.post(place.url, json=body, headers={"Authorization": f"Bearer {key[0]}"})
    assert refused.status_code == 401


def test_wrong_input_is_one_sentence_and_an_accident_says_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask = {"question": "What?"}
    assert call(place, "bob", "ask", **ask) == "Name either a document or a conversation to go on in."
    assert "There is no bot “nobody”" in call(place, "bob", "ask", **ask, document="x", bot="nobody")
    assert call(place, "bob", "read", filename="a.txt") == "Give either text or content_base64."
    assert call(place, "bob", "read", filename="a.pdf", content_base64="%") == "content_base64 is not base64."
    broken = base64.b64encode(b"%PDF-1.7\n1 0 obj <<").decode()
    assert "broken.pdf" in call(place, "bob", "read", filename="broken.pdf", content_base64=broken)

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("secretword")

    monkeypatch.setattr(place.store, "conversations", fail)
    with caplog.at_level(logging.ERROR):
        told = call(place, "bob", "list_conversations")
    assert told == "Something failed inside; the server's log tells more." and "secretword" not in caplog.text


def test_questions_count_against_the_same_limit_as_over_http(place: Place) -> None:
    read = call(place, "bob", "read", filename="deal.txt", text=CONTRACT)["document"]

    async def many(client: Client) -> list[str]:
        said = []
        for _ in range(7):  # the limit is 6 a minute
            result = await client.call_tool("ask", {"question": "What is the fee?", "document": read})
            said.append(result.content[0].text if result.is_error else "")  # type: ignore[union-attr]
        return said

    refused = [each for each in as_user(place, "bob", many) if each]
    assert refused and all("questions" in each for each in refused)
