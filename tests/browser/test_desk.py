"""Customer and agent in two browsers: called, taken over, answered, handed back, live on both; and the signals."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.chromium import FLAGS
from tests.browser.desk_house import AGENT, CUSTOMER, Served, served
from tests.conftest import CHROMIUM

pytestmark = pytest.mark.browser
SLOW = 30_000  # milliseconds on a loaded machine


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("desk")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


class Watched:
    """What a browser asked of the outside, and what its console complained of."""

    def __init__(self, browser: Browser, house: Served, user: str) -> None:
        self.outside: list[str] = []
        self.complaints: list[str] = []
        size = {"width": 1400, "height": 860}
        self.context: BrowserContext = browser.new_context(viewport=size)
        self.context.add_cookies(house.login(user))
        self.page: Page = self.context.new_page()
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", self._told)

    def _asked(self, url: str) -> None:
        if "//127.0.0.1" not in url and not url.startswith(("data:", "blob:")):
            self.outside.append(url)

    def _told(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)


def shot(page: Page, name: str) -> None:
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{shots}/{name}.png")


def test_a_person_takes_over_answers_and_hands_back(house: Served, browser: Browser) -> None:
    customer, agent = Watched(browser, house, CUSTOMER), Watched(browser, house, AGENT)
    customer.page.goto(house.address)
    expect(customer.page.locator("#chat")).to_contain_text("I want to talk to a human <b>now</b>.", timeout=SLOW)
    agent.page.goto(f"{house.address}/inbox/")
    case = agent.page.locator("button.case")
    expect(case).to_contain_text("Asked for a person: “talk to a human”.", timeout=SLOW)
    expect(agent.page.locator("#draft textarea")).to_have_count(0)
    case.click()
    expect(agent.page.locator("#packet")).to_contain_text("What was tried", timeout=SLOW)
    expect(agent.page.locator("#packet")).to_contain_text("contract.txt, line 10")
    expect(agent.page.locator(".log")).to_contain_text("I want to talk to a human <b>now</b>.")

    agent.page.click("#take")
    expect(agent.page.locator("#head")).to_contain_text("you answer here", timeout=SLOW)
    expect(customer.page.locator("body")).to_contain_text("A person answers in this conversation", timeout=SLOW)

    agent.page.fill("#draft textarea", "Hello, this is Kim. I read all of it.")
    agent.page.press("#draft textarea", "Enter")
    expect(agent.page.locator(".said.agent")).to_contain_text("this is Kim", timeout=SLOW)
    expect(agent.page.locator("#draft textarea")).to_have_value("")
    expect(customer.page.locator("#chat")).to_contain_text("this is Kim", timeout=SLOW)  # without a reload

    house.store.append(CUSTOMER, house.talk, "user", "Good, then I wait.")  # as the customer's page does
    expect(agent.page.locator(".log")).to_contain_text("Good, then I wait.", timeout=SLOW)
    shot(agent.page, "inbox")

    agent.page.fill("#note textarea", "Explained the notice period.")
    agent.page.click("#hand-back")
    expect(agent.page.locator("#status")).to_contain_text("The bot goes on", timeout=SLOW)
    expect(agent.page.locator("#queue")).to_contain_text("Nobody waits for a person.")
    expect(customer.page.locator("body")).not_to_contain_text("A person answers in this conversation", timeout=SLOW)
    (closed,) = house.store.hand_offs.of(CUSTOMER, house.talk)
    assert (closed.state, closed.note) == ("closed", "Explained the notice period.")
    assert not customer.outside + agent.outside + agent.complaints

    customer.page.goto(f"{house.address}/inbox/")  # the customer is nobody's agent
    expect(customer.page.locator("#status")).to_contain_text("for agents and admins", timeout=SLOW)
    expect(customer.page.locator("button.case")).to_have_count(0)
    customer.context.close()
    agent.context.close()


def test_signals_are_drawn_without_anything_from_outside(house: Served, browser: Browser) -> None:
    seen = Watched(browser, house, AGENT)
    seen.page.goto(f"{house.address}/signals/")
    expect(seen.page.locator("figure.chart")).to_have_count(8, timeout=SLOW)
    expect(seen.page.locator("figure.chart", has_text="Asked for a person").locator("rect")).to_have_count(1)
    expect(seen.page.locator("#warnings")).to_contain_text("1 hand-off")
    shot(seen.page, "signals")
    assert not seen.outside + seen.complaints
    seen.context.close()
