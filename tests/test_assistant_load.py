"""The load tells when an answer was lost, changed, or came where nobody heard of it; else it finds nothing wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from assistant.service import Service
from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from assistant.web.load import agreement, main
from assistant.web.load_client import Client, Plan, Tally
from assistant.web.server import Server, running
from tests.api_house import ANSWER, service_in
from tests.fakes import scripted
from tests.ports import free_port

PLAN = Plan("legal", ("What is paid?",), "a.txt", agreement(4).encode(), turns=2, max_tokens=16, pause_s=1)


def nothing(_: Service) -> None:
    """The server did as it should."""


def another_message(service: Service) -> None:
    (talk, *_) = service.store.conversations("me")
    service.store.append("me", talk.id, "assistant", "Somebody else's answer.")


def another_conversation(service: Service) -> None:
    service.store.create_conversation("me", "legal", "Whose?")


@pytest.mark.parametrize(
    ("tamper", "wrong"),
    [
        (nothing, {}),
        (another_message, {"not heard in a conversation": 1}),
        (another_conversation, {"conversations that nobody heard of": 1}),
    ],
)
def test_what_was_heard_is_compared_with_what_is_stored(
    tmp_path: Path, tamper: Callable[[Service], None], wrong: dict[str, int]
) -> None:
    service, port, tally = service_in(tmp_path), free_port(), Tally()
    scripted(service.engine).says = ANSWER

    async def load() -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            client = Client(0, http, PLAN, tally, alone=True)
            await client.prepare()
            while len(tally.whole) < 3 and not tally.wrong:
                await client.ask_until(time.monotonic() + 0.05)
            tamper(service)
            await client.check()

    with running(Server(build_api(service, ApiOptions(open_user="me")), "127.0.0.1", port)):
        asyncio.run(load())
    service.store.close()
    assert dict(tally.wrong) == wrong
    assert tally.checked == len(tally.whole) == len(tally.first_token) >= 3


def test_a_server_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", f"http://127.0.0.1:{free_port()}", "--seconds", "1", "--clients", "1"]) == 2
    assert "running?" in capsys.readouterr().err
