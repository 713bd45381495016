"""How the chat looks and is reached: axe-core finds nothing serious, light and dark, on a desk and on a phone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_house import PHONE, WIDE, Chat, browser, chat, contract_file, house
from tests.browser.chromium import faults

__all__ = ["browser", "chat", "contract_file", "house"]  # fixtures
pytestmark = pytest.mark.browser
QUOTED = "The yearly fee is fixed.\n\n> The Client pays Acme Robotics Inc. a yearly fee of $120,000."


def shot(page: Page, name: str) -> None:
    """A picture for people, where they asked for pictures."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_everybody_can_use_it(chat: Chat, contract_file: Path, colours: str) -> None:
    page = chat.page
    page.emulate_media(color_scheme="dark" if colours == "dark" else "light", reduced_motion="reduce")
    chat.come()
    expect(page.locator(".card").first).to_be_visible()
    assert faults(page) == []
    shot(page, f"start-{colours}")
    chat.give(contract_file)
    chat.ask("What is the yearly fee?", QUOTED)
    page.locator(".message.answer .chip").first.click()
    expect(page.locator("#viewer mark").first).to_be_visible()
    page.get_by_label("Good answer").click()
    expect(page.locator(".reason")).to_be_visible()
    assert faults(page) == []
    shot(page, f"answer-{colours}")
    page.click("#header [popovertarget=help]")
    expect(page.locator("#help")).to_contain_text("New conversation")
    assert faults(page) == []
    page.keyboard.press("Escape")

    page.set_viewport_size(PHONE)
    expect(page.locator("#sidebar")).not_to_be_visible()
    expect(chat.question).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#send")).to_be_in_viewport(ratio=0.9)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert faults(page) == []
    shot(page, f"phone-{colours}")
    page.locator(".message.answer .chip").first.click()
    expect(page.locator("#viewer mark").first).to_be_in_viewport()
    assert faults(page) == []
    shot(page, f"phone-sources-{colours}")
    page.click("#header .proof-open")
    page.click("#header .sidebar-open")
    expect(page.locator("#conversations button.conversation")).to_be_in_viewport()
    assert faults(page) == []
    shot(page, f"phone-list-{colours}")
    page.click("#conversations button.conversation")
    expect(page.locator("#sidebar")).not_to_be_visible()
    page.set_viewport_size(WIDE)


def test_the_keyboard_reaches_everything_in_order(chat: Chat, contract_file: Path) -> None:
    page = chat.page
    chat.come()
    chat.give(contract_file)
    chat.ask("What is the yearly fee?", QUOTED)
    chat.question.focus()
    chat.question.fill("first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("second line")
    expect(chat.question).to_have_value("first line\nsecond line")
    names = []
    page.locator("#header .sidebar-open").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "() => { const at = document.activeElement; const ring = getComputedStyle(at).outlineStyle;"
                "return `${at.getAttribute('aria-label') || at.innerText || at.placeholder || ''}|${ring}`; }"
            )
        )
    told = [name.split("|")[0].strip() for name in names]
    order = ["Light or dark", "New conversation", "Copy", "Edit this question", "Answer again", "Add a document", "Ask"]
    places = [told.index(name) for name in order]
    assert places == sorted(places), told
    assert {name.split("|")[1] for name in names if name.split("|")[0].strip() in order} == {"solid"}
