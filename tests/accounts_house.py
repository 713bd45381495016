"""The whole application with accounts, page included, and people who are logged in, for its tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient

from assistant.entrance import Entrance
from assistant.passwords import Passwords
from assistant.service import Service
from assistant.web.api.options import ApiOptions
from assistant.web.api.state import ApiState
from assistant.web.server import application
from storage.records import LOCAL
from storage.records_people import OPERATOR
from tests.api_house import service_in

PASSWORD = "correct horse battery"
BASE = "http://docs.test"
OURS = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}  # what a browser adds to a form of our own page
_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


@dataclass
class Browser:
    """Somebody's browser: cookies, and the headers that browsers send."""

    client: TestClient
    user: str = ""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._send("GET", path, headers={"Accept": "text/html", **headers})

    def post(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> httpx.Response:
        """A form, sent as from our own page, but without the token of forms."""
        return self._send("POST", path, data=fields, headers=OURS if headers is None else headers)

    def fill(self, page: str, path: str, **fields: str) -> httpx.Response:
        """A form with its token, as it stands on `page`."""
        found = _TOKEN.search(self.get(page).text)
        assert found, f"{page} has no form of somebody logged in"
        return self.post(path, token=found[1], **fields)

    def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/login", name=name, password=password)

    def plant(self, token: str) -> None:
        """Puts a cookie there, as somebody may who once had this browser."""
        self.client.cookies.set("unabridged_login", token, domain="docs.test", path="/")

    @property
    def token(self) -> str:
        """The login in the cookie."""
        return str(self.client.cookies.get("unabridged_login") or "")

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        response: httpx.Response = self.client.request(method, path, follow_redirects=False, **options)  # type: ignore[assignment]
        return response


@dataclass
class AccountHouse:
    """A running application with accounts. `ann` is its admin; the first client keeps its lifespan going."""

    app: Any
    service: Service

    @property
    def state(self) -> ApiState:
        state: ApiState = self.app.state.api
        return state

    @property
    def entrance(self) -> Entrance:
        return self.state.entrance

    def browser(self, address: str = "192.0.2.7") -> Browser:
        """A browser that nobody is logged in with."""
        return Browser(TestClient(self.app, base_url=BASE, client=(address, 5000)))

    def person(self, name: str, role: str = "member", organisation: str = LOCAL) -> Browser:
        """Somebody new, logged in."""
        link = self.entrance.invite(OPERATOR, organisation=organisation, role=role)
        self.entrance.join(link, name, PASSWORD, address="192.0.2.1")
        browser = self.browser()
        assert browser.log_in(name).status_code == 303
        browser.user = name
        return browser


@contextmanager
def account_house_in(data: Path, **options: Any) -> Iterator[AccountHouse]:
    service = service_in(data)
    try:

        async def built() -> FastAPI:
            return application(service, ApiOptions(**options))

        app = asyncio.run(built())  # outside of any loop Gradio makes loops of its own and never closes them
        app.state.api.entrance.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        with TestClient(app, base_url=BASE):
            house = AccountHouse(app, service)
            house.entrance.first_admin()
            yield house
    finally:
        service.store.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountHouse]:
    with account_house_in(tmp_path_factory.mktemp("accounts")) as made:
        yield made
