"""What a user does in the chat: choose a bot, read, ask, cite, ask anew, rate, and come back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_house import Chat, browser, chat, contract_file, house

__all__ = ["browser", "chat", "contract_file", "house"]  # fixtures
pytestmark = pytest.mark.browser
QUOTED = "The yearly fee is fixed.\n\n> The Client pays Acme Robotics Inc. a yearly fee of $120,000."


def test_a_question_is_asked_and_its_proof_opened(chat: Chat, contract_file: Path) -> None:
    page = chat.page
    chat.come()
    expect(page.locator(".card")).to_have_count(3)
    page.click(".card:has-text('Customer support')")
    expect(page.locator(".card[aria-pressed=true]")).to_contain_text("Customer support")
    page.click(".card:has-text('Contract reader')")
    page.click(".example:has-text('What law governs')")
    expect(chat.question).to_have_value("What law governs this agreement?")

    chat.give(contract_file)
    expect(page.locator("#status")).to_contain_text("contract.txt is read. Read ")
    expect(page.locator("#meter")).to_contain_text("Documents")
    chat.ask("What is the yearly fee?", QUOTED)
    answer = page.locator(".message.answer")
    expect(answer.locator("blockquote")).to_contain_text("a yearly fee of $120,000.")
    answer.locator("blockquote .chip").click()
    expect(page.locator("#viewer")).to_contain_text("a yearly fee of $120,000")
    expect(page.locator(".heading h1")).to_have_text("What is the yearly fee?")
    assert "History" in page.locator("#meter .bar").get_attribute("aria-label")  # type: ignore[operator]

    answer.get_by_label("Bad answer").click()
    page.fill(".reason input", "the section is missing")
    page.press(".reason input", "Enter")
    expect(page.locator("#status")).to_contain_text("Thank you")
    conversation = chat.service.store.conversations(chat.user)[0].id
    given = chat.service.store.feedback(chat.user, conversation)
    assert [(each.thumb, each.reason) for each in given] == [(-1, "the section is missing")]
    expect(answer.get_by_label("Bad answer")).to_have_attribute("aria-pressed", "true")


def test_a_question_is_edited_and_answered_again(chat: Chat, contract_file: Path) -> None:
    page = chat.page
    chat.come()
    chat.give(contract_file)
    chat.ask("What is the fee?", "It is $120,000.")
    page.hover(".message.question")
    page.get_by_label("Edit this question").click()
    chat.engine.says = "It is ninety days."
    page.fill(".message.question textarea", "What is the notice period?")
    page.click(".message.question form .primary")
    expect(page.locator(".message.answer .body")).to_contain_text("It is ninety days.")
    expect(page.locator(".versions")).to_contain_text("2/2")
    page.get_by_label("Previous version").click()
    expect(page.locator(".message.question .body")).to_have_text("What is the fee?")
    expect(page.locator(".message.answer .body")).to_contain_text("It is $120,000.")

    chat.engine.says = "The fee is $120,000 a year."
    page.get_by_label("Answer again").click()
    expect(page.locator(".message.answer .body")).to_contain_text("The fee is $120,000 a year.")
    expect(page.locator(".versions")).to_contain_text("3/3")


def test_an_answer_outlives_the_tab_and_can_be_stopped(chat: Chat, contract_file: Path) -> None:
    page, hold = chat.page, threading.Event()
    chat.come()
    chat.give(contract_file)
    chat.engine.says, chat.engine.hold = "The fee is $120,000 a year.", hold
    chat.question.fill("What is the fee?")
    chat.question.press("Enter")
    expect(page.locator("#growing .body")).to_contain_text("The")
    chat.reload()
    expect(page.locator("#growing .body")).to_contain_text("The")
    expect(page.locator("#stop")).to_be_visible()
    page.keyboard.press("Alt+n")  # elsewhere meanwhile: the answer must not come after the user
    expect(page.locator(".cards")).to_be_visible()
    hold.set()
    expect(page.locator("#conversations button.conversation")).to_have_count(1)
    page.click("#conversations button.conversation")
    expect(page.locator(".message.answer .body")).to_contain_text("The fee is $120,000 a year.")

    hold.clear()
    chat.question.fill("And the term?")
    chat.question.press("Enter")
    expect(page.locator("#stop")).to_be_visible()
    expect(page.locator("#growing .body")).to_contain_text("The")
    page.keyboard.press("Escape")
    chat.stopped()
    hold.set()
    expect(page.locator(".message.answer").last).to_contain_text("Stopped.")
    expect(page.locator(".message.answer").last.get_by_text("Retry")).to_be_visible()


def test_a_customer_who_comes_back_is_known(chat: Chat) -> None:
    from datetime import UTC, datetime

    from storage.records import PastMessage, PastSession

    page, store = chat.page, chat.service.store
    then = datetime(2025, 5, 3, 9, tzinfo=UTC)
    said = (PastMessage("user", "My router X200 is broken.", then), PastMessage("agent", "We send a new one.", then))
    store.import_history(chat.user, "support", "Broken router", [PastSession(then, said)])
    chat.come()
    page.keyboard.press("Alt+n")
    page.click(".card:has-text('Customer support')")
    chat.ask("What was promised to me?", "A new router was promised.")
    expect(page.locator("#chat .receipt")).to_contain_text("Read all 1 session with 2 messages")
    expect(page.locator(".heading .badge")).to_contain_text("Customer support")

    chat.question.fill("I want to talk to a person")
    chat.question.press("Enter")
    expect(page.locator("#status")).to_contain_text("A person was asked to take over")
    accounts = store.accounts
    accounts.add_user("local", "kim", role="agent")
    (hand_off,) = (each for each in store.hand_offs.inbox("kim") if each.user == chat.user)
    store.hand_offs.take("kim", hand_off.id)
    store.hand_offs.reply("kim", hand_off.id, "Hello, Kim here. It was sent today.")
    expect(page.locator(".message.answer").last).to_contain_text("Kim here")
    chat.question.fill("Thank you!")
    chat.question.press("Enter")
    expect(page.locator(".message.question").last).to_contain_text("Thank you!")
    assert len(chat.engine.asked) == 1, "the bot is silent"
    store.hand_offs.close("kim", hand_off.id)
    expect(page.locator("#status")).not_to_contain_text("person")
