"""What a user does around the chat: conversations, search, several ways to give documents, keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from assistant.web import reading_desk
from tests.browser.chat_house import Chat, browser, chat, contract_file, house

__all__ = ["browser", "chat", "contract_file", "house"]  # fixtures
pytestmark = pytest.mark.browser


def test_conversations_are_found_renamed_exported_deleted_and_brought_back(chat: Chat, contract_file: Path) -> None:
    page = chat.page
    chat.come()
    chat.give(contract_file)
    chat.ask("What is the yearly fee of Acme?")
    page.keyboard.press("Control+Shift+o")
    expect(page.locator(".cards")).to_be_visible()
    expect(chat.question).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("acm")
    page.locator("#conversations .hit", has_text="yearly fee of Acme").first.click()
    expect(page.locator(".message.found")).to_contain_text("What is the yearly fee of Acme?")
    page.fill("#search textarea, #search input", "")

    chat.menu("rename").locator("input").fill("Fees")
    page.keyboard.press("Enter")
    expect(page.locator(".heading h1")).to_have_text("Fees")
    with page.expect_download() as saved:
        chat.menu("export").last.click()
    assert json.loads(saved.value.path().read_text("utf-8"))["title"] == "Fees"
    with page.expect_download() as saved:
        chat.menu("export").first.click()
    assert saved.value.suggested_filename.endswith(".md") and "# Fees" in saved.value.path().read_text("utf-8")
    chat.menu("pin").click()
    expect(page.locator("#conversations h2")).to_have_text("Pinned")
    chat.menu("delete").click()
    expect(page.locator("#status")).to_contain_text("“Fees” is deleted.")
    expect(page.locator("#conversations")).to_contain_text("No conversations")
    page.locator("#status").get_by_text("Undo").click()
    expect(page.locator(".heading h1")).to_have_text("Fees")


def test_documents_come_as_folders_text_and_drops(chat: Chat, tmp_path: Path) -> None:
    page, folder = chat.page, tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "README.md").write_text("# App\n\nIt pays the fee.\n", "utf-8")
    (folder / "src" / "main.py").write_text("def pay():\n    return 5\n", "utf-8")
    chat.come()
    page.click(".card:has-text('Code reader')")
    page.locator("#upload input[type=file]").last.set_input_files(str(folder))
    expect(page.locator("#status")).to_contain_text("app is read.")
    expect(page.locator(".heading .badge")).to_contain_text("Code reader")

    page.click("#new")
    page.click(".step button:has-text('Paste text')")
    page.fill("#paste-text textarea", "The fee is $5 a day.")
    page.click("#paste-text .primary")
    expect(page.locator(".heading h1")).to_have_text("Pasted text.txt")

    page.click("#new")
    expect(page.locator(".cards")).to_be_visible()
    drop = """async () => {
      const data = new DataTransfer();
      data.items.add(new File(['A dropped note says so.'], 'dropped.txt', {type: 'text/plain'}));
      for (const name of ['dragenter', 'dragover']) window.dispatchEvent(new DragEvent(name, {dataTransfer: data}));
      const seen = document.getElementById('columns').classList.contains('dropping');
      window.dispatchEvent(new DragEvent('drop', {dataTransfer: data}));
      return seen;
    }"""
    assert page.evaluate(drop) is True
    expect(page.locator(".heading h1")).to_have_text("dropped.txt")
    assert not page.evaluate("document.getElementById('columns').classList.contains('dropping')")
    assert not list((chat.service.options.data_dir / "uploads-of-page").iterdir())


def test_costly_readings_are_asked_for_one_by_one(
    chat: Chat, contract_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_desk, "ASK_ABOVE_S", 0.0)
    contract_file.write_text(contract_file.read_text("utf-8") + "Not read before.\n", "utf-8")
    page, other = chat.page, tmp_path / "other.txt"
    other.write_text("Another contract.\n", "utf-8")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog")
    chat.come()
    files = page.locator("#upload input[type=file]").first
    for path in (contract_file, other, broken):
        files.set_input_files(str(path))
        expect(page.locator(".reading", has_text=path.name)).to_be_visible()
    line = page.locator(".reading", has_text="other.txt")
    expect(line).to_contain_text("reading it takes about")
    line.get_by_text("Not now").click()
    expect(line).to_have_count(0)
    expect(page.locator(".reading [role=alert]")).to_contain_text("broken.pdf")  # the lines are drawn for the last time
    page.locator(".reading", has_text="contract.txt").get_by_text("Read it").click()
    expect(page.locator(".heading h1")).to_have_text("contract.txt")
    page.locator(".reading").get_by_label("Close").click()
    expect(page.locator(".reading")).to_have_count(0)
    assert [each.name for each in chat.service.store.documents(chat.user)] == ["contract.txt"]
