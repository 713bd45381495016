"""The profile's checks at the end of an answer: what is shown beside it, marked in it, and said by rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.bot import Bot, Finished
from assistant.citations import says_not_stated
from assistant.profile_folder import find_profile
from assistant.profiles import Profile
from ingest import Document, load
from tests.fakes import CONTRACT, PROFILE, ScriptedEngine, contract, lines, read_document, tokenizer


def answered(folder: Path, source: Document, says: str, question: str, profile: Profile) -> Finished:
    engine = ScriptedEngine(folder, says)
    bot = Bot(engine, tokenizer(), profile)
    *_, finished = bot.answer(read_document(source, engine), [], question)
    assert isinstance(finished, Finished)
    return finished


def checking(*checks: str) -> Profile:
    return replace(PROFILE, checks=checks)


@pytest.fixture(scope="module")
def deed(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return load([contract(tmp_path_factory.mktemp("deed"))])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("tree")
    (folder / "cart.py").write_text("def load(path):\n    return path\n")
    (folder / "run.py").write_text("from cart import load\n\n\ndef main():\n    load('x')\n")
    return load([folder])


def test_a_profile_without_checks_adds_nothing(tmp_path: Path, deed: Document) -> None:
    found = answered(tmp_path, deed, "The Fee is $120,000. You should sue.", "What is the Fee?", PROFILE)
    assert (found.see_also, found.facts, found.unverified) == ((), (), ())
    assert found.text == "The Fee is $120,000. You should sue."


def test_definitions_stand_beside_the_answer_numbered_on(tmp_path: Path, deed: Document) -> None:
    says = 'No: "Either party may terminate this Agreement" but an Affiliate may not.'
    found = answered(tmp_path, deed, says, "May an Affiliate terminate?", checking("references"))
    assert [citation.number for citation in (*found.citations, *found.see_also)] == [1, 2]
    (beside,) = found.see_also
    assert (beside.kind, beside.verified) == ("definition", True)
    assert deed.text[beside.start : beside.end] in CONTRACT and "Affiliate" in beside.quote


def test_advice_beyond_the_text_is_marked(tmp_path: Path, deed: Document) -> None:
    found = answered(tmp_path, deed, "Delaware. You should sue.", "Which law?", checking("advice"))
    assert found.unverified == ("You should sue.",)


def test_an_invented_quote_makes_an_answer_unsupported_where_quotes_are_checked(tmp_path: Path, deed: Document) -> None:
    says = 'It says "governed by the laws of the State of Delaware" and "the moon is made of cheese".'
    kept = answered(tmp_path / "a", deed, says, "Which law?", PROFILE)
    strict = answered(tmp_path / "b", deed, says, "Which law?", checking("quotes"))
    assert kept.supported and not strict.supported
    assert strict.citations == kept.citations and strict.unverified == ("the moon is made of cheese",)


def test_findings_are_part_of_the_answer_when_asked_for(tmp_path: Path) -> None:
    source = load([contract(tmp_path, "1. Fees\n\nThe sum of Section 9 is due.\n\n2. Law\n\nNone.\n", "short.txt")])
    found = answered(tmp_path, source, "See below.", "Are there errors in this contract?", checking("lint"))
    assert found.facts and found.text == "See below.\n\n" + "\n".join(f"- {fact}" for fact in found.facts)
    assert "Section 9" in found.text and {citation.kind for citation in found.see_also} == {"lint"}
    plain = answered(tmp_path / "b", source, "None.", "Which law governs?", checking("lint"))
    assert plain.facts == () and plain.text == "None."


def test_names_of_code_are_checked_and_a_right_place_is_proof(tmp_path: Path, tree: Document) -> None:
    profile = replace(find_profile("code"), system=PROFILE.system, max_new_tokens=60)
    found = answered(tmp_path, tree, "`load` is at cart.py:1, `lode` at none.py.", "Who calls load?", profile)
    assert not found.supported and found.unverified == ("lode", "none.py")
    assert answered(tmp_path / "b", tree, "`load` is at cart.py:1.", "Who calls load?", profile).supported
    assert (found.citations[0].path, found.citations[0].line, found.citations[0].quote) == (
        "cart.py",
        1,
        "def load(path):",
    )
    assert found.text == (
        "`load` is at cart.py:1, `lode` at none.py.\n\n"
        "- `load` is defined at cart.py:1. `load` is called at run.py:5 (in main)."
    )


def test_a_wrong_place_proves_nothing(tmp_path: Path, tree: Document) -> None:
    found = answered(tmp_path, tree, "`main` is at cart.py:1.", "?", checking("paths", "symbols"))
    assert not found.supported and found.unverified == ("main at cart.py:1",)


def test_only_the_kinds_of_names_a_profile_asks_for_are_checked(tmp_path: Path, tree: Document) -> None:
    says = "`lode` is in none.py."
    assert answered(tmp_path / "a", tree, says, "?", checking("paths")).unverified == ("none.py",)
    assert answered(tmp_path / "b", tree, says, "?", checking("symbols")).unverified == ("lode",)


def test_a_history_is_cited_by_session_and_promises_are_told(tmp_path: Path) -> None:
    messages = [
        {"role": "customer", "content": "My router is broken."},
        {"role": "agent", "content": "I will send you a new router by Friday."},
    ]
    told = {
        "customer": "Jane",
        "agent": "Sam",
        "sessions": [{"started_at": "2025-05-03T14:02:00Z", "messages": messages}],
    }
    (tmp_path / "jane.json").write_text(json.dumps(told))
    source = load([tmp_path / "jane.json"])
    says = 'He said "I will send you a new router by Friday".'
    found = answered(tmp_path, source, says, "What was promised?", checking("promises"))
    assert [citation.section for citation in found.citations] == ["session of 3 May 2025, message 2"]
    assert found.facts[0].startswith("Session of 3 May 2025, message 2:")


def test_the_profiles_own_sentence_is_silence(tmp_path: Path) -> None:
    assert says_not_stated("Steht nicht im Dokument.", "Steht nicht im Dokument.")
    assert not says_not_stated("Steht nicht im Dokument.") and not says_not_stated("Yes.", "Steht nicht im Dokument.")
    own = replace(PROFILE, not_stated="Steht nicht im Dokument.")
    found = answered(tmp_path, lines(CONTRACT), "steht nicht im Dokument", "Which colour?", own)
    assert found.supported and found.citations == ()


def test_checks_are_prepared_once_for_a_document(tmp_path: Path, deed: Document) -> None:
    engine = ScriptedEngine(tmp_path, "The Fee.")
    bot = Bot(engine, tokenizer(), checking("references"))
    read = read_document(deed, engine)
    list(bot.answer(read, [], "a"))
    first = bot._checks_of(read)
    list(bot.answer(read, [], "b"))
    assert bot._checks_of(read) is first
