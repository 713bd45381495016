"""What a user asks on the page, and what another user cannot do with it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from assistant.service import Service
from assistant.web.desk import Desk
from assistant.web.view import View
from sparse_backend.shelf import Shelf
from storage import NotFoundError
from tests.chat_cases import ANSWER, CONTRACT, alerts, ann, asked, desk, engine, house, read, talk
from tests.fakes import ScriptedEngine, contract
from tests.waiting import until

__all__ = ["ann", "desk", "engine", "house", "talk"]  # fixtures

# -- questions ---------------------------------------------------------------------------


def test_a_question_is_answered_with_its_proof_beside_it(desk: Desk, ann: str, talk: str) -> None:
    views = asked(desk, ann, talk)
    first, last = views[0], views[-1]
    assert first.busy == "answering" and first.transcript and "What is the yearly fee?" in first.transcript
    assert first.growing and 'aria-busy="true"' in first.growing and first.question == ""
    assert not alerts(views) and last.busy == "" and last.growing == ""
    assert last.transcript and "$120,000" in last.transcript and 'class="chip" data-do="cite"' in last.transcript
    assert last.sources and 'data-number="1"' in last.sources
    assert last.viewer and "$120,000" in last.viewer.split("<mark")[1].split("</mark>")[0]


def test_a_conversation_is_called_after_its_first_question(desk: Desk, house: Service, ann: str, talk: str) -> None:
    assert house.store.conversation(ann, talk).title == "contract.txt"
    asked(desk, ann, talk, "What  is\nthe fee, and " + "very " * 20 + "much more?")
    title = house.store.conversation(ann, talk).title
    assert title.startswith("What is the fee, and very") and title.endswith(" …") and len(title) <= 62
    asked(desk, ann, talk, "And the term?")
    assert house.store.conversation(ann, talk).title == title


def test_the_meter_counts_what_fills_the_context(desk: Desk, ann: str, talk: str) -> None:
    before = desk.open(ann, talk).meter or ""
    assert "Documents 180 tokens" in before and "History" not in before
    after = asked(desk, ann, talk)[-1].meter or ""
    assert "History" in after
    assert "Question 1 tokens" not in after and after != desk.weigh(ann, talk, "And the term of it?").meter
    with pytest.raises(NotFoundError):
        desk.weigh("eve", talk, "And?")


def test_markup_in_question_and_answer_stays_text(desk: Desk, ann: str, talk: str, engine: ScriptedEngine) -> None:
    engine.says = "<script>x</script> ![a](http://evil.example) $5"
    for view in asked(desk, ann, talk, "<b onclick=x>?"):
        for html in (view.transcript or "", view.growing or "", view.heading or "", view.conversations or ""):
            assert "<script" not in html and "<b onclick" not in html and "<img" not in html and "href" not in html


@pytest.mark.parametrize(("chosen", "question", "words"), [(False, "Hello?", "Add a document"), (True, "  ", "empty")])
def test_a_question_that_cannot_be_asked_is_one_error(
    desk: Desk, house: Service, ann: str, talk: str, chosen: bool, question: str, words: str
) -> None:
    views = asked(desk, ann, talk if chosen else "", question)
    assert len(alerts(views)) == 1 and words in alerts(views)[0] and views[-1].busy == ""
    assert house.store.messages(ann, talk) == []


def test_stop_keeps_the_words_and_a_new_page_follows_the_answer(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    engine.hold = threading.Event()
    views = desk.ask(ann, talk, "What is the fee?")
    while "The" not in (next(views).growing or ""):
        pass
    follower = desk.follow(ann, talk)
    assert next(follower) == View()
    followed = next(follower)
    assert followed.busy == "answering" and "The" in (followed.growing or "")
    assert list(desk.follow("eve", talk)) == [View()]
    with pytest.raises(NotFoundError):
        desk.stop("eve", talk)
    for busy in (asked(desk, ann, talk, "Another?"), list(desk.anew(ann, talk, 0))):
        assert "still being answered" in alerts(busy)[0]
        assert busy[-1].busy is None and busy[-1].growing is None, "the answer that grows goes on being shown"
    assert asked(desk, ann, talk, "Another?")[-1].question == "Another?", "what was typed is not lost"
    assert len(house.store.branches(ann, talk)) == 1, "what was refused left no branch"
    desk.stop(ann, talk)
    engine.hold.set()
    last = list(views)[-1]
    assert last.transcript and "Stopped." in last.transcript and ">Retry<" in last.transcript
    assert list(follower)[-1].transcript == last.transcript
    assert [item.status for item in house.store.messages(ann, talk)] == ["complete", "stopped"]


def test_a_page_closed_while_answering_loses_nothing(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    engine.hold = threading.Event()
    views = desk.ask(ann, talk, "What is the fee?")
    next(views), next(views)
    views.close()  # type: ignore[attr-defined]
    engine.hold.set()
    until(lambda: house.chat.job(talk) is None)
    assert house.store.messages(ann, talk)[1].content == ANSWER
    home = desk.home(ann)
    assert home.conversation == talk and home.transcript and "120" in home.transcript


def test_a_question_asked_anew_is_a_version_beside_the_old_one(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    asked(desk, ann, talk)
    engine.says = "It ends after five years."
    edited = list(desk.anew(ann, talk, 0, "When does it end?"))[-1]
    assert "Version 2 of 2" in (edited.transcript or "") and "five years" in (edited.transcript or "")
    again = list(desk.anew(ann, talk, house.store.messages(ann, talk)[0].seq))[-1]
    assert "Version 3 of 3" in (again.transcript or "")
    first = desk.switch(ann, talk, 0)
    assert "Version 1 of 3" in (first.transcript or "") and "$120,000" in (first.transcript or "")
    assert alerts(list(desk.anew(ann, talk, 1, "Mine?"))), "an answer is not edited"
    assert alerts(list(desk.anew(ann, talk, 0, " ")))
    assert alerts(list(desk.anew("eve", talk, 0)))


def test_a_thumb_is_kept_with_its_reason(desk: Desk, house: Service, ann: str, talk: str) -> None:
    asked(desk, ann, talk)
    view = desk.rate(ann, talk, 1, -1)
    assert "What was wrong?" in (view.transcript or "") and view.viewer is None
    assert "What was wrong?" not in (desk.reason(ann, talk, 1, -1, "wrong  page").transcript or "")
    (given,) = house.store.feedback(ann, talk)
    assert (given.seq, given.thumb, given.reason) == (1, -1, "wrong page")
    with pytest.raises(NotFoundError):
        desk.rate("eve", talk, 1, 1)


def test_while_a_person_has_the_chat_messages_are_kept_and_the_bot_is_silent(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    store = house.store
    asked(desk, ann, talk)
    count = len(engine.asked)
    waiting = asked(desk, ann, talk, "I want to talk to a person")[-1]
    assert waiting.live and "asked to take over" in (waiting.status or "")
    assert "Edit this question" not in (waiting.transcript or "")
    store.accounts.add_user("local", f"kim of {ann}", role="agent")
    (hand_off,) = (each for each in store.hand_offs.inbox(f"kim of {ann}") if each.user == ann)
    store.hand_offs.take(f"kim of {ann}", hand_off.id)
    told = asked(desk, ann, talk, "Are you there?")[-1]
    assert "Are you there?" in (told.transcript or "") and told.question == "" and len(engine.asked) == count
    assert desk.news(ann, talk, told.seen or "") == View()
    store.hand_offs.reply(f"kim of {ann}", hand_off.id, "Kim is here.")
    news = desk.news(ann, talk, told.seen or "")
    assert "Kim is here." in (news.transcript or "") and news.viewer is None
    assert alerts(list(desk.anew(ann, talk, 0)))
    store.hand_offs.close(f"kim of {ann}", hand_off.id)
    assert desk.news(ann, talk, news.seen or "").live is False


def test_a_bot_that_reads_histories_begins_without_a_document(desk: Desk, house: Service, ann: str) -> None:
    page = desk.fresh(ann, "support")
    assert page.bot == "support" and "Just write." in (page.transcript or "")
    last = list(desk.ask(ann, "", "What did you promise me?", "support"))[-1]
    conversation = house.store.conversation(ann, last.conversation or "")
    assert (conversation.bot, conversation.document_ids) == ("support", ())
    assert conversation.title == "What did you promise me?"
    assert "$120,000" in (last.transcript or "") and "Customer support" in (last.heading or "")


def test_after_a_restart_the_document_is_opened_from_disk(
    desk: Desk, house: Service, ann: str, talk: str, engine: ScriptedEngine
) -> None:
    house.bot(house.profile.name)._open.clear()
    engine.shelf = Shelf(engine.store, "cpu", 4)
    views = asked(desk, ann, talk)
    assert not alerts(views)
    answer = house.store.messages(ann, talk)[1].answer
    assert answer and answer.supported and answer.cached_tokens


def test_a_document_that_is_gone_is_told(desk: Desk, house: Service, ann: str, tmp_path: Path) -> None:
    talk = read(desk, ann, contract(tmp_path / "up", CONTRACT + "Soon gone.\n"))
    asked(desk, ann, talk)
    (record,) = house.store.documents(ann)
    house.bot(house.profile.name)._open.clear()
    house.reader.library.delete(record.id)
    assert "no longer in the library" in alerts(asked(desk, ann, talk))[0]
    opened = desk.open(ann, talk)
    assert opened.transcript and "$120,000" in opened.transcript


def test_long_conversations_show_their_end_first(desk: Desk, house: Service, ann: str, talk: str) -> None:
    for number in range(60):
        house.store.append(ann, talk, "user", f"message {number}.")
    shown = desk.open(ann, talk).transcript or ""
    assert "message 59." in shown and "message 9." not in shown and 'data-limit="100"' in shown
    assert "message 0." in (desk.open(ann, talk, limit=100).transcript or "")
    found = desk.open(ann, talk, find=2).transcript or ""
    assert "message 2." in found and 'data-find="2"' in found


def test_a_new_user_finds_an_empty_page(desk: Desk, ann: str) -> None:
    home = desk.home(ann)
    assert home.conversation == "" and "No conversations" in (home.conversations or "")
    assert (home.transcript or "").count('data-do="bot"') == 3 and 'aria-pressed="true"' in (home.transcript or "")


# -- other users -----------------------------------------------------------------------------


def test_another_user_gets_nothing_out_of_a_conversation(desk: Desk, house: Service, ann: str, talk: str) -> None:
    asked(desk, ann, talk)
    number = house.store.messages(ann, talk)[1].id or 0
    eve = "eve"
    for act in (
        lambda: desk.open(eve, talk),
        lambda: desk.stop(eve, talk),
        lambda: desk.news(eve, talk, ""),
        lambda: desk.switch(eve, talk, 0),
        lambda: desk.message(eve, talk, number),
        lambda: desk.document(eve, house.store.documents(ann)[0].id, "legal", new=True),
    ):
        with pytest.raises(NotFoundError):
            act()
    views = [*asked(desk, eve, talk), desk.proof.cite(eve, talk, number, 1), *desk.follow(eve, talk)]
    assert len(alerts(views)) == 2
    for view in views:
        assert not view.transcript and not view.viewer and not view.sources and not view.conversation
    assert desk.home(eve).conversation == ""
    assert len(house.store.messages(ann, talk)) == 2


def test_another_users_message_is_not_cited_through_ones_own_conversation(
    desk: Desk, house: Service, ann: str, talk: str, tmp_path: Path
) -> None:
    asked(desk, ann, talk)
    number = house.store.messages(ann, talk)[1].id or 0
    own = read(desk, "eve", contract(tmp_path / "eve", "Nothing of value.\n", "eve.txt"))
    assert not desk.proof.cite("eve", own, number, 1).viewer
