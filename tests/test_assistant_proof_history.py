"""Proof of an answer over a history: the cited message stands within its session, and heat is told by session."""

from __future__ import annotations

from pathlib import Path

from assistant.web.proof_desk import ProofDesk
from sparse_backend import Engine
from tests.fakes import ScriptedEngine
from tests.history_house import imported, service

QUOTE = "I will send you a new rotor by 9 May 2025."


def test_a_cited_message_opens_within_its_session(tmp_path: Path) -> None:
    house = service(tmp_path / "data", scripted=True)
    imported(house.store)
    talk = house.store.create_conversation("ann", "support", "Rotor")
    document = house.reading(talk).result()
    engine = house.engine
    assert isinstance(engine, Engine)
    assert isinstance(engine, ScriptedEngine)
    engine.says = f'They wrote "{QUOTE}"'
    first = document.held.document.sections[0]
    start, end = (document.prefix.start + document.encoded.token_at(at) for at in (first.start, first.end - 1))
    engine.looks_at = (start, end)
    job = house.chat_of(talk).start("ann", talk.id, "What were we promised?", document)
    assert job.wait(60)
    assert not job.error
    answer = house.store.messages("ann", talk.id)[-1]
    assert answer.answer
    (heat,) = answer.answer.evidence
    assert (heat.section, heat.weight) == (0, 1.0)

    desk = ProofDesk(house)
    view = desk.proof("ann", talk.id, answer)
    assert view.viewer
    assert f'<mark tabindex="-1">{QUOTE[:-1]}</mark>' in view.viewer
    assert "My pump hums." in view.viewer, "what was said before it"
    assert "Session of 3 May 2025" in view.viewer
    assert view.outline
    assert "100%" in view.outline
    assert view.outline.count("Session of ") >= 8, "four sessions, each with its label"

    house.store.delete_conversation("ann", house.store.conversations("ann")[-1].id)
    assert "100%" not in (desk.proof("ann", talk.id, answer).outline or ""), "no heat on other sessions"
    assert desk.cite("eve", talk.id, answer.id or 0, 1).viewer is None
    house.close()
