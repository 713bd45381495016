"""The real page in a real browser with the real embedded model: upload, ask, cite, reload, restart, ask again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.chromium import FLAGS
from tests.conftest import CHROMIUM, HOUSE
from tests.ports import free_port
from tests.whole import contract, data

__all__ = ["contract", "data"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.model]
SLOW = 120_000  # milliseconds: reading and answering on a loaded machine


@contextmanager
def served(data: Path) -> Iterator[str]:
    """The app on a free port of this machine, stopped afterwards."""
    port = free_port()
    command = [sys.executable, str(HOUSE / "app.py"), "serve", "--port", str(port), "--data-dir", str(data)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert server.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(address, timeout=2).read()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1500, "height": 950})
        browser.close()


def ask(page: Page, question: str) -> None:
    """Types a question and waits until its answer is complete, receipt included."""
    before = page.locator("#chat .receipt").count()
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    expect(page.locator("#chat .receipt")).to_have_count(before + 1, timeout=SLOW)
    expect(page.locator("#send")).to_be_visible()


def test_a_lawyers_first_visit(page: Page, contract: Path, data: Path) -> None:
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url) if "//127.0.0.1" not in request.url else None)
    with served(data) as address:
        page.goto(address)
        page.locator("#upload input[type=file]").first.set_input_files(str(contract))
        expect(page.locator("#status")).to_contain_text("nda.md is read", timeout=SLOW)
        expect(page.locator("#conversations button.conversation")).to_have_count(1)

        ask(page, "How long must information be kept secret?")
        expect(page.locator("#chat")).to_contain_text(re.compile("five|5"))
        expect(page.locator("#chat .receipt")).to_contain_text(re.compile(r"Read (\d+) of \1 tokens"))
        page.click("#sources button.citation")
        marked = page.locator("#viewer mark")
        expect(marked).to_be_in_viewport()
        expect(marked).to_contain_text("secret for five (5) years after disclosure")
        if shots := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{shots}/answer.png")

        page.reload()
        expect(page.locator("#chat")).to_contain_text("How long must information be kept secret?", timeout=SLOW)
        ask(page, "How can the agreement be terminated?")

    with served(data) as address:  # restarted: the conversation and what was read are still there
        page.goto(address)
        expect(page.locator("#chat")).to_contain_text("How can the agreement be terminated?", timeout=SLOW)
        ask(page, "Where must notices be sent?")
        cached = re.search(r"([\d,]+) tokens came from the cache", page.locator("#chat .receipt").last.inner_text())
        assert cached and int(cached.group(1).replace(",", "")) > 150
        expect(page.locator("#chat .receipt")).to_have_count(3)
    assert outside == []


def test_wrong_files_are_told_on_the_page(page: Page, tmp_path: Path, data: Path) -> None:
    wrong = tmp_path / "broken.pdf"
    wrong.write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog")
    with served(data) as address:
        page.goto(address)
        expect(page.get_by_text("What shall I read?")).to_be_visible(timeout=SLOW)  # the page answers from now on
        page.fill("#question textarea", "What law governs?")
        page.press("#question textarea", "Enter")
        expect(page.locator("#status [role=alert]")).to_contain_text("Add a document first", timeout=SLOW)
        page.locator("#upload input[type=file]").first.set_input_files(str(wrong))
        expect(page.locator("#readings [role=alert]")).to_contain_text("broken.pdf", timeout=SLOW)
        expect(page.locator("#conversations button.conversation")).to_have_count(0)
