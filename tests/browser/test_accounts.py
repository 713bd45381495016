"""Accounts in a real browser: the printed link, the login, people, and a page that strangers' markup cannot move."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright

from assistant.entrance import Entrance
from assistant.web.api.options import ApiOptions
from assistant.web.server import Server, application, running
from tests.api_house import ANSWER, LOCAL, service_in
from tests.browser.chromium import FLAGS, faults
from tests.conftest import CHROMIUM
from tests.fakes import CONTRACT, scripted
from tests.ports import free_port

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"


@dataclass
class Site:
    address: str
    entrance: Entrance
    browser: Browser
    told: list[str] = field(default_factory=list)  # by the console, and requests that leave

    def window(self, scheme: str = "light", width: int = 1100) -> Page:
        """A new browser profile."""
        context = self.browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        page = context.new_page()
        page.on("console", lambda each: self.told.append(each.text) if each.type == "error" else None)
        page.on("request", lambda each: self.told.append(each.url) if "//127.0.0.1" not in each.url else None)
        return page

    def join(self, page: Page, link: str, name: str) -> None:
        page.goto(link)
        page.fill("input[name=name]", name)
        for entry in ("password", "again"):
            page.fill(f"input[name={entry}]", PASSWORD)
        page.click("main button")
        expect(page.locator("#question textarea")).to_be_visible(timeout=60_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    service = service_in(tmp_path)
    scripted(service.engine).says = ANSWER

    async def built() -> FastAPI:
        return application(service, ApiOptions())

    app = asyncio.run(built())
    port = free_port()
    with running(Server(app, "127.0.0.1", port)), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Site(f"{LOCAL}:{port}", app.state.api.entrance, browser)
        browser.close()
    service.store.close()


def shot(page: Page, name: str) -> None:
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{shots}/{name}.png", full_page=True)


def test_from_the_printed_link_to_a_second_person(site: Site, tmp_path: Path) -> None:
    deal = tmp_path / "deal.txt"
    deal.write_text(CONTRACT)
    ann = site.window("dark")
    ann.goto(site.address)
    expect(ann).to_have_url(f"{site.address}/login")
    assert faults(ann) == []
    shot(ann, "login-dark")
    site.join(ann, f"{site.address}/join/{site.entrance.first_admin()}", "ann")
    ann.set_input_files("#upload input[type=file]", str(deal))
    expect(ann.locator("#status")).to_contain_text("is read", timeout=60_000)
    ann.fill("#question textarea", "What is the yearly fee?")
    ann.press("#question textarea", "Enter")
    expect(ann.locator("#chat .receipt")).to_have_count(1, timeout=60_000)

    ann.click("#header >> text=Account")
    ann.click("nav >> text=People")
    ann.click("text=Make a link")
    link = re.search(rf"{re.escape(site.address)}/join/[\w-]+", ann.content())
    assert link
    assert faults(ann) == []
    shot(ann, "people-dark")
    bob = site.window(width=390)
    site.join(bob, link[0], "bob")
    expect(bob.locator("#conversations button")).to_have_count(0)  # nothing of Ann's
    bob.goto(f"{site.address}/account")
    assert bob.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults(bob) == []
    shot(bob, "account-phone")
    bob.goto(f"{site.address}/people")
    assert "Only admins" in bob.content()

    ann.reload()
    ann.click("nav button")
    expect(ann).to_have_url(f"{site.address}/login")
    ann.fill("input[name=name]", "ann")
    ann.fill("input[name=password]", PASSWORD)
    ann.press("input[name=password]", "Enter")
    expect(ann.locator("#chat")).to_contain_text("What is the yearly fee?", timeout=60_000)
    # Gradio tells of streams that end because their page is left, and browsers of a 403; neither is a fault.
    assert [each for each in site.told if not any(word in each for word in ("errored out", "AbortError", "403"))] == []


def test_markup_that_got_into_the_page_could_neither_run_nor_call_home(site: Site) -> None:
    page = site.window()
    site.join(page, f"{site.address}/join/{site.entrance.first_admin()}", "ann")
    page.evaluate("""() => {
        window.ran = 0;
        const put = html => document.body.insertAdjacentHTML('beforeend', html);
        put('<img src="/nothing.png" onerror="window.ran++">');
        put('<a id="lure" href="javascript:window.ran++">here</a>');
        put('<iframe srcdoc="<script>parent.ran++</script>"></iframe>');
        put('<img src="https://evil.example/leak.png">');
        const script = document.createElement('script');
        script.textContent = 'window.ran++';
        document.body.append(script);
    }""")
    page.evaluate("document.querySelector('#lure').click()")
    assert page.evaluate("fetch('https://evil.example/').then(() => 'out', () => 'kept in')") == "kept in"
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") == 0
    assert any("Content Security Policy" in each for each in site.told)
