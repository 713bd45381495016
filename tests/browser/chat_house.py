"""The page of a whole service on the tiny model, in a real browser: what the tests of the chat share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from assistant.service import Service
from assistant.web.api.options import ApiOptions
from assistant.web.api.people import People
from assistant.web.server import Server, application, running
from tests.api_house import ANSWER, service_in
from tests.browser.chromium import FLAGS
from tests.conftest import CHROMIUM
from tests.fakes import CONTRACT, ScriptedEngine, scripted
from tests.ports import free_port

WIDE: ViewportSize
PHONE: ViewportSize
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
TORN = ("Unexpected error Connection errored out", "AbortError")  # Gradio, of a stream that a reload cuts off
SLOW = 10_000  # milliseconds
expect.set_options(timeout=SLOW)


@dataclass
class Chat:
    """A user before the page. `engine` says what it is told; `complaints` are what the browser said."""

    page: Page
    service: Service
    address: str
    user: str
    complaints: list[str]
    torn: bool = False  # whether a stream was cut off, of which Gradio complains

    @property
    def engine(self) -> ScriptedEngine:
        return scripted(self.service.engine)

    @property
    def question(self) -> Locator:
        return self.page.locator("#question textarea")

    def come(self) -> None:
        """Loads the page, until it is there."""
        self.page.goto(self.address)
        expect(self.page.locator(".start, .messages").first).to_be_visible()

    def reload(self) -> None:
        """Loads the page anew, in the middle of whatever goes on."""
        self.torn = True
        self.page.reload()
        expect(self.page.locator(".start, .messages").first).to_be_visible()

    def stopped(self) -> None:
        """Waits until the growing answer was told to stop."""
        (job,) = self.service.answering
        assert job._stop.wait(SLOW / 1000)

    def give(self, *files: Path) -> None:
        """Adds files, and waits until their conversation is open."""
        self.page.locator("#upload input[type=file]").first.set_input_files([str(file) for file in files])
        expect(self.page.locator(".heading .about")).to_contain_text(files[0].name)

    def ask(self, question: str, says: str = ANSWER) -> None:
        """Asks, and waits for the answer with its receipt."""
        self.engine.says = says
        before = self.page.locator("#chat .receipt").count()
        self.question.fill(question)
        self.question.press("Enter")
        expect(self.page.locator("#chat .receipt")).to_have_count(before + 1)
        expect(self.page.locator("#send")).to_be_visible()

    def menu(self, do: str) -> Locator:
        """A deed of the open conversation's menu, which opens."""
        self.page.click(".heading button.dots")
        return self.page.locator(f".heading [data-do={do}]")


@contextmanager
def served(service: Service) -> Iterator[tuple[str, People]]:
    """The page of a service: its address, and who comes to it."""
    port = free_port()

    async def built() -> FastAPI:
        return application(service, ApiOptions(open_user="me"))

    # outside of any loop Gradio makes loops of its own and never closes them, and this thread has Playwright's
    with ThreadPoolExecutor(1) as thread:
        app = thread.submit(lambda: asyncio.run(built())).result()
    with running(Server(app, "127.0.0.1", port)):
        yield f"http://127.0.0.1:{port}", app.state.api.people
    service.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str, People]]:
    """A service, and the address of its page."""
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        service = service_in(folder / "data")
        with served(service) as (address, people):
            yield service, address, people


@pytest.fixture
def chat(browser: Browser, house: tuple[Service, str, People], monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """The first visit of a new user. At the end the console must be clean, and no request may have left the machine."""
    service, address, people = house
    user = f"user {uuid4().hex[:8]}"
    monkeypatch.setattr(people, "open_user", user)
    complaints: list[str] = []
    context = browser.new_context(viewport=WIDE, accept_downloads=True)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if outside(asked.url) else None)
    chat = Chat(page, service, address, user, complaints)
    chat.engine.hold, chat.engine.asked = None, []
    yield chat
    context.close()
    said = [each for each in complaints if not (chat.torn and each.startswith(TORN))]
    assert not said, said


def outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


@pytest.fixture
def contract_file(tmp_path: Path) -> Path:
    path = tmp_path / "contract.txt"
    path.write_text(CONTRACT, "utf-8")
    return path
