"""A citation opens on its page with its box on the ink of the quote; two versions stand side by side."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect
from reportlab.pdfgen.canvas import Canvas

from tests.browser.chat_house import PHONE, Chat, browser, chat, house
from tests.browser.chromium import faults
from tests.fakes import CONTRACT, contract
from tests.ingest_pdf_cases import drawn, write

__all__ = ["browser", "chat", "house"]  # fixtures
pytestmark = pytest.mark.browser
QUOTE = "The Client pays a yearly fee of $120,000."
ANSWER = f"The fee is yearly.\n\n> {QUOTE}"
SIZE = 14


def deed(canvas: Canvas) -> None:
    write(canvas, 80, 100, "1. Term", "This Agreement runs for five years.", size=SIZE)
    canvas.showPage()
    write(canvas, 80, 400, "2. Fee", "Nothing is due at once.", QUOTE, "Late sums bear interest.", size=SIZE)
    canvas.showPage()
    write(canvas, 80, 100, "3. Law", "Delaware.", size=SIZE)


@pytest.fixture
def pdf(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A deed of this test alone: the house is shared."""
    path = tmp_path / f"deed-{request.node.name[5:20]}.pdf"
    path.write_bytes(drawn(deed))
    return path


def ink_inside(image: Locator, box: Locator) -> tuple[float, float]:
    """The shares of dark pixels inside the box, and in a band as high right below it, as the user sees them."""
    source = image.get_attribute("src") or ""
    picture = Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))).convert("L")
    paper, mark = image.bounding_box(), box.bounding_box()
    assert paper
    assert mark
    scale = picture.width / paper["width"]
    left, top = (mark["x"] - paper["x"]) * scale, (mark["y"] - paper["y"]) * scale
    width, height = mark["width"] * scale, mark["height"] * scale

    def dark(at: float) -> float:
        cut = picture.crop((round(left), round(at), round(left + width), round(at + height)))
        return sum(cut.histogram()[:128]) / (cut.width * cut.height)

    return dark(top), dark(top + 2.4 * height)


def test_a_citation_opens_on_its_page_with_the_quote_boxed(chat: Chat, pdf: Path) -> None:
    page = chat.page
    chat.come()
    expect(page.get_by_role("link", name="Compare")).to_have_attribute("href", re.compile("/compare"))
    chat.give(pdf)
    chat.ask("What is the yearly fee?", ANSWER)
    page.locator(".message .chip").focus()
    page.keyboard.press("Enter")
    box, image = page.locator("#viewer .box"), page.locator("#viewer img")
    expect(box).to_have_count(1)
    expect(box).to_be_in_viewport()
    expect(page.locator("#viewer .folio")).to_have_text("p. 2 of 3")
    inside, below = ink_inside(image, box)
    assert inside > 0.05
    assert below < inside / 2, "the next row is not what is boxed"
    where, paper = box.bounding_box(), image.bounding_box()
    assert where
    assert paper
    points = paper["width"] / 595.27
    baseline = paper["y"] + (400 + 2 * 1.3 * SIZE) * points  # the third row
    assert where["y"] < baseline - 0.4 * SIZE * points
    assert baseline < where["y"] + where["height"] + 1
    assert where["height"] < 2 * SIZE * points

    page.get_by_label("Larger").click()
    page.wait_for_function(f"document.querySelector('#viewer img').clientWidth > {paper['width'] + 1}")
    assert ink_inside(image, box)[0] > 0.05, "the box grows with the page"
    page.get_by_label("Next page").click()
    expect(page.locator("#viewer .folio")).to_have_text("p. 3 of 3")
    expect(box).to_have_count(0)
    expect(page.get_by_label("Next page")).to_be_disabled()
    page.get_by_label("Previous page").click()
    expect(box).to_have_count(1)
    page.get_by_label("Show the page as text").click()
    expect(page.locator("#viewer mark")).to_have_text(QUOTE)

    page.get_by_role("tab", name="Where it looked").click()
    page.locator("#outline button.section", has_text="1. Term").click()
    expect(page.locator("#viewer .folio")).to_have_text("p. 1 of 3")
    page.locator("details.receipt summary").click()
    expect(page.locator("details.receipt table")).to_contain_text("3 of 3 read")
    assert faults(page) == []
    expect(page.locator("#viewer .folio")).to_have_text("p. 1 of 3")


def test_on_a_phone_the_source_opens_over_the_chat(chat: Chat, pdf: Path) -> None:
    page = chat.page
    page.set_viewport_size(PHONE)
    chat.come()
    chat.give(pdf)
    chat.ask("What is the yearly fee?", ANSWER)
    expect(page.locator("#proof")).to_be_hidden()
    page.locator(".message .chip").click()
    expect(page.locator("#viewer .box")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_two_versions_stand_side_by_side(chat: Chat, tmp_path: Path) -> None:
    page = chat.page
    old = contract(tmp_path / "old")
    new = contract(tmp_path / "new", CONTRACT.replace("ninety (90)", "sixty (60)"), "contract-2.txt")
    page.goto(f"{chat.address.rstrip('/')}/compare/")  # not by the link: leaving the chat cuts its streams off
    page.locator("#version-files").wait_for()
    page.locator("input[type=file]").first.set_input_files([str(old), str(new)])
    expect(page.locator("#new-version input")).to_have_value("contract-2.txt (uploaded)")
    page.click("#compare-versions")
    expect(page.locator(".versions .told")).to_contain_text("1 edited")
    expect(page.locator(".versions del").first).to_have_text("ninety")
    expect(page.locator("article.same").first).to_be_visible()
    page.get_by_label("Only changes").check()
    expect(page.locator("article.same").first).to_be_hidden()
    page.get_by_label("Next change").click()
    expect(page.locator("article.chosen ins").first).to_be_in_viewport()
    assert faults(page) == []
