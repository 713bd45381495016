"""What a bot's answer is made of: proof from the document, what it was asked with, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.bot import Bot, Delta, Finished
from assistant.prompt import Prompt, Turn
from assistant.reading import ReadDocument
from sparse_backend import ContextTooLongError
from tests.fakes import CONTRACT, PROFILE, ScriptedEngine, engine, lines, read_document, tokenizer
from tests.talk_cases import deed, scripted

__all__ = ["deed", "scripted"]  # fixtures


def finished(bot: Bot, deed: ReadDocument, question: str = "What is the fee?") -> Finished:
    *deltas, last = bot.answer(deed, [], question)
    assert isinstance(last, Finished)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return last


def bot_on(scripted: ScriptedEngine, says: str) -> Bot:
    scripted.says = says
    return Bot(scripted, tokenizer(), PROFILE)


def test_an_answer_comes_with_proof_from_the_document(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, " The yearly fee is $120,000. "), deed)
    assert last.text == "The yearly fee is $120,000."
    assert last.supported and "$120,000" in last.citations[0].quote
    assert (last.coverage.tokens, last.coverage.tokens_read) == (len(deed.encoded.token_ids),) * 2


def test_the_engine_is_told_which_tokens_are_the_question(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    """Behind what of an open session was not read yet, and behind earlier turns."""
    bot = bot_on(scripted, "Delaware.")
    for live in ((), tuple(tokenizer().text("The tenant wrote again today."))):
        for turns in ([], [Turn("Which law?", "Delaware law.")]):
            list(bot.answer(replace(deed, live=live), turns, "How long?"))
            tail, words = scripted.asked[-1], scripted.words[-1]
            assert tokenizer().decode(tail[words.start : words.stop]).strip() == "How long?"


def test_a_wrong_figure_is_not_proven(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, "The yearly fee is $130,000."), deed)
    assert not last.supported and last.citations == ()


def test_an_invented_quote_is_named(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    assert finished(bot_on(scripted, 'It says "the moon is the limit".'), deed).unverified == ("the moon is the limit",)


def test_silence_needs_no_proof_and_has_no_citation(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    last = finished(bot_on(scripted, "Not stated in this document."), deed)
    assert last.supported and last.citations == ()


def test_attention_is_taken_from_the_documents_own_tokens(scripted: ScriptedEngine) -> None:
    source = lines("Rent of room one: $900.\n\nfill fill fill.\n\nRent of room two: $900.\n")
    deed = read_document(source, scripted)
    for line, words in ((1, "room one"), (5, "room two")):
        start = deed.prefix.start + deed.encoded.token_at(source.text.index(words))
        scripted.looks_at = (start, start + 3)
        assert finished(bot_on(scripted, "It is $900."), deed, "What is it?").citations[0].line == line


def test_half_a_character_is_not_shown(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    bot = bot_on(scripted, "5 € → 日本")
    texts = [event.text for event in bot.answer(deed, [], "q")]
    assert texts[-1] == "5 € → 日本" and not [text for text in texts if "\ufffd" in text]


def test_leaving_closes_the_engine(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    events = bot_on(scripted, "one two three").answer(deed, [], "q")
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert scripted.closed == 1


def test_the_engine_is_asked_with_the_prompts_tail(scripted: ScriptedEngine, deed: ReadDocument) -> None:
    turns = [Turn("q", "a")]
    list(bot_on(scripted, "x").answer(deed, turns, "next"))
    assert scripted.asked == [Prompt(tokenizer(), PROFILE).tail(turns, "next")]


def test_on_the_real_engine_a_follow_up_computes_its_own_tokens_only(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    bot = Bot(real, tokenizer(), PROFILE)
    first = finished(bot, deed).answer
    assert first.cached_tokens == len(deed.read.segment)
    assert 0 < len(first.token_ids) <= PROFILE.max_new_tokens
    assert first.evidence.shape == (len(first.token_ids), len(deed.read.segment))
    *_, last = bot.answer(deed, [Turn("What is the fee?", "some answer")], "And the law?")
    assert isinstance(last, Finished)
    assert last.answer.cached_tokens >= first.context_tokens - 1 > first.cached_tokens
    assert finished(bot, deed).answer.token_ids == first.token_ids


def test_a_conversation_that_outgrew_the_model_is_told_and_nothing_is_computed(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    with pytest.raises(ContextTooLongError):
        list(Bot(real, tokenizer(), PROFILE).answer(deed, [Turn("word " * 900, "a")], "q"))


def test_cancel_ends_the_real_engine_early(tmp_path: Path) -> None:
    real = engine(tmp_path)
    deed = read_document(lines(CONTRACT), real)
    profile = replace(PROFILE, max_new_tokens=100)
    *_, last = Bot(real, tokenizer(), profile).answer(deed, [], "q", cancel=lambda: True)
    assert isinstance(last, Finished)
    assert last.answer.finish == "cancelled" and last.answer.token_ids == ()
