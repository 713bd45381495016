"""`ask` and `doctor` as a user runs them, on the tiny model: three bots, whole histories, one JSON object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import app
from assistant.profile_folder import SHIPPED
from assistant.service import chosen_level, chosen_pattern
from assistant.service_options import ServiceOptions
from storage import Store
from tests.fakes import contract, model_folder
from tests.history_house import history_file, service


def run(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> Any:
    """The object of a command's last line."""
    assert app.main([*words, "--model", model_folder(), "--data-dir", str(data), "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def refused(capsys: pytest.CaptureFixture[str], data: Path, *words: str) -> str:
    assert app.main([*words, "--model", model_folder(), "--data-dir", str(data)]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1
    return err


def test_a_history_is_answered_over_and_found_cached_after_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ann.json").write_bytes(history_file())
    data = tmp_path / "data"
    talk = run(capsys, data, "history", "import", str(tmp_path / "ann.json"), "--user", "ann")["conversation"]
    ask = ("ask", "--user", "ann", "--bot", "support", "-q")
    first = run(capsys, data, *ask, "What was promised about the rotor?")
    assert first["conversation"] == talk and first["cached_tokens"] == 0
    coverage = first["coverage"]
    assert (coverage["sessions"], coverage["messages"]) == (4, 8)
    assert coverage["tokens"] == coverage["tokens_read"] > 100
    assert any("3 May 2025" in fact and "rotor" in fact for fact in first["facts"])
    (promise,) = [each for each in first["see_also"] if each["kind"] == "promise"]
    assert (promise["section"], promise["seq"]) == ("session of 3 May 2025, message 2", 1)
    assert promise["quote"] == "I will send you a new rotor by 9 May 2025."
    again = run(capsys, data, *ask, "What else was promised to me?")
    assert again["conversation"] == talk and again["coverage"]["messages"] == 10
    assert again["cached_tokens"] >= coverage["tokens"]
    with_nothing = run(capsys, data, "ask", "--user", "bob", "--bot", "support", "-q", "Hello?")
    assert with_nothing["conversation"] != talk and "sessions" not in with_nothing["coverage"]


def test_a_person_who_was_asked_for_is_told_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, tmp_path, "ask", "--bot", "support", "-q", "I want to speak to a manager")
    assert found["state"] == "waiting" and "speak to a manager" in found["hand_off"] and found["answer"]
    store = Store.open(tmp_path)
    agent = store.accounts.add_user("local", "kim", role="agent").id
    (hand_off,) = store.hand_offs.inbox(agent)
    store.hand_offs.take(agent, hand_off.id)
    store.close()
    found = run(capsys, tmp_path, "ask", "--bot", "support", "-q", "Hello?")
    assert (found["state"], found["hand_off"], found["answer"]) == ("human", None, "")


def test_a_document_is_registered_for_search_and_answered_by_any_bot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(contract(tmp_path / "in"))
    legal = run(capsys, tmp_path / "data", "ask", path, "-q", "Which law?")
    assert legal["state"] == "bot" and set(legal) >= {"see_also", "facts", "exact", "looked_at"}
    code = run(capsys, tmp_path / "data", "ask", path, "--bot", "code", "-q", "Which law?")
    assert code["cached_tokens"] == 0, "each bot reads behind its own instructions"
    assert run(capsys, tmp_path / "data", "ask", path, "--bot", "code", "-q", "Which?")["cached_tokens"] > 100
    store = Store.open(tmp_path / "data")
    assert [hit.kind for hit in store.search("me", "Delaware", kinds=("document",))] == ["document"]
    assert store.conversation("me", code["conversation"]).bot == "code"
    store.close()
    on = run(capsys, tmp_path / "data", "ask", "-q", "And?", "--conversation", code["conversation"])
    assert on["cached_tokens"] > 100, "a conversation goes on with its own bot"


def test_what_cannot_be_asked_is_refused_before_a_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nothing to read" in refused(capsys, tmp_path, "ask", "-q", "What?")
    assert "no such conversation" in refused(capsys, tmp_path, "ask", "-q", "What?", "--conversation", "0" * 32)
    assert "legal" in refused(capsys, tmp_path, "ask", "-q", "What?", "--bot", "poet")
    assert "cannot be read" in refused(capsys, tmp_path, "ask", "-q", "What?", "--profiles", str(tmp_path / "none"))
    assert not (tmp_path / "segments").exists()


def test_a_file_for_a_conversation_that_is_not_there_is_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data = str(contract(tmp_path / "in")), tmp_path / "data"
    wrong = ("ask", path, "-q", "What?", "--conversation")
    assert "no such conversation" in refused(capsys, data, *wrong, "0" * 32)
    store = Store.open(data)
    talk = store.create_conversation("me", "support", "gone").id
    store.delete_conversation("me", talk)
    store.close()
    assert "was deleted" in refused(capsys, data, *wrong, talk)
    assert not (data / "documents").exists() and not (data / "segments").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("ask", "NOTE", "-q", "What?"),
        ("read", "NOTE"),
        ("calibrate",),
        ("history", "list", "--user", "ann"),
        ("doctor",),
    ],
    ids=lambda words: words[0],
)
def test_a_data_folder_that_is_none_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("no folder")
    note = str(contract(tmp_path / "in"))
    told = refused(capsys, tmp_path / "file", *(note if word == "NOTE" else word for word in words))
    assert str(tmp_path / "file") in told and "choose another" in told


def test_an_export_that_cannot_be_written_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ann.json").write_bytes(history_file())
    run(capsys, tmp_path / "data", "history", "import", str(tmp_path / "ann.json"), "--user", "ann")
    out = str(tmp_path / "none" / "export.json")
    told = refused(capsys, tmp_path / "data", "history", "export", "--user", "ann", "--out", out)
    assert f"{out} cannot be used (No such file or directory)" in told


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A folder with a bot of a team's own, which wants another pattern and level."""
    folder = tmp_path / "bots"
    folder.mkdir()
    text = (SHIPPED / "code.toml").read_text("utf-8").replace('name = "code"', 'name = "ours"')
    (folder / "ours.toml").write_text('pattern = "dense"\nlevel = "faithful"\n' + text, "utf-8")
    return folder


def test_a_bot_has_its_own_pattern_unless_the_user_says_another(tmp_path: Path, team: Path) -> None:
    house = service(tmp_path / "data", profiles=team, level="fast")
    assert set(house.bots) == {"legal", "code", "support", "ours"}
    ours, legal, code = (house.bot(name).reader._engine for name in ("ours", "legal", "code"))
    assert (ours.options.pattern, ours.options.level) == ("dense", "fast")
    assert (legal.options.pattern, legal) == ("headers", code)
    assert ours.decoder is legal.decoder, "the weights are loaded once"
    house.store.close()
    profile = house.profiles["ours"]
    free, said = ServiceOptions(tmp_path), ServiceOptions(tmp_path, pattern="bigbird", level="balanced")
    assert (chosen_pattern(free, profile), chosen_level(free, profile)) == ("dense", "faithful")
    assert (chosen_pattern(said, profile), chosen_level(said, profile)) == ("bigbird", "balanced")
    assert (chosen_pattern(free), chosen_level(free)) == ("headers", "balanced")


def test_doctor_lists_all_bots(tmp_path: Path, team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, tmp_path / "data", "doctor", "--profiles", str(team), "--bot", "ours")
    assert {"bot legal", "bot code", "bot support", "bot ours"} <= set(found)
    assert "hands over on" in found["bot support"] and str(team) in found["bot ours"]
    assert found["pattern"].startswith("dense, level faithful")
