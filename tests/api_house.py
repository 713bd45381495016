"""A whole service on the tiny model behind the HTTP API, for tests: clients with keys, documents that are read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.testclient import TestClient

from assistant import service as module
from assistant.keys import issue_key
from assistant.service import Service
from assistant.service_options import ServiceOptions
from assistant.web.api.app import build_api
from assistant.web.api.options import ApiOptions
from assistant.web.api.state import ApiState
from tests.fakes import CONTRACT, ScriptedEngine, decoder, model_folder, scripted

ANSWER = "The yearly fee is $120,000."
LOCAL = "http://127.0.0.1"
CHAT = "/v1/chat/completions"


def service_in(data: Path, *, real: bool = False) -> Service:
    """A service whose engine says what it is told, or, when `real`, what the tiny model says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_decoder", lambda *_: decoder())
        if not real:
            patch.setattr(module, "Engine", lambda *_: ScriptedEngine(data))
        return Service(ServiceOptions(data, model_folder(), dtype="float32"))


@dataclass
class House:
    """A running application and its people. `engine` is scripted."""

    service: Service
    client: TestClient
    users: dict[str, str] = field(default_factory=dict)  # by key

    @property
    def engine(self) -> ScriptedEngine:
        return scripted(self.service.engine)

    @property
    def state(self) -> ApiState:
        state: ApiState = self.client.app.state.api  # type: ignore[attr-defined]
        return state

    def person(self, role: str = "member") -> Person:
        """Somebody new, with a key."""
        accounts = self.service.store.accounts
        name = f"user-{uuid4().hex[:10]}"
        organisation = accounts.create_organisation(name)
        accounts.add_user(organisation.id, name, role=role)
        key, _ = issue_key(self.service.store, name, "test")
        return Person(name, key, self.client)


@dataclass
class Person:
    """A user as a client of the API."""

    user: str
    key: str
    client: TestClient

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        response: httpx.Response = self.client.request(method, path, headers=headers, **options)  # type: ignore[assignment]
        return response

    def upload(self, text: str = CONTRACT, name: str = "deal.txt", **form: str) -> str:
        """The id of a document that is read."""
        response = self.call("POST", "/v1/files", files=[("file", (name, text.encode()))], data=form)
        assert response.status_code == 200, response.text
        file_id = str(response.json()["id"])
        assert self.read(file_id)["status"] == "processed"
        return file_id

    def read(self, file_id: str) -> Any:
        """The file once its reading has ended."""
        for _ in range(400):
            state = self.call("GET", f"/v1/files/{file_id}").json()
            if state["status"] != "uploaded":
                return state
            time.sleep(0.02)
        raise AssertionError("the file is still not read")

    def ask(self, question: str, file_id: str, **body: Any) -> httpx.Response:
        """The response to a question on a document."""
        headers = body.pop("headers", {})
        return self.call("POST", "/v1/chat/completions", json=question_body(question, file_id, **body), headers=headers)


def question_body(question: str, file_id: str, **body: Any) -> dict[str, Any]:
    """A question on a document, as JSON."""
    parts = [{"type": "file", "file": {"file_id": file_id}}, {"type": "text", "text": question}]
    return {"model": "legal", "messages": [{"role": "user", "content": parts}]} | body


def events(text: str) -> list[Any]:
    """The objects of a stream, which must end with [DONE]."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(each) for each in data[:-1]]


@contextmanager
def house_in(data: Path, **options: Any) -> Iterator[House]:
    """The application over a service in `data`, everybody needing a key unless `open_user` is given."""
    service = service_in(data)
    try:
        with TestClient(build_api(service, ApiOptions(**options)), base_url=LOCAL) as client:
            yield House(service, client)
    finally:
        service.store.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One application for the tests of a file; every test makes its own people."""
    with house_in(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture
def ann(house: House) -> Person:
    house.engine.says, house.engine.hold = ANSWER, None
    return house.person()


@pytest.fixture
def bob(house: House) -> Person:
    return house.person()
