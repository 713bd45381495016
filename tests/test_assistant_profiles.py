"""Bots are data: the shipped files hold what was promised, a team's own file is checked key by key."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from assistant.errors import UnknownBotError
from assistant.profile_file import read_profile
from assistant.profile_folder import find_profile, load_profiles, profile_lines
from assistant.profiles import CHECKS, Escalation, Profile, ProfileError

MINIMAL = """name = "hr"
title = "HR desk"
system = "Answer from the handbook."
not_stated = "Not in the handbook."
greeting = "Hi."
"""


def written(folder: Path, text: str, name: str = "hr.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_the_three_bots_are_shipped() -> None:
    assert set(load_profiles()) == {"legal", "code", "support"}
    for name, profile in load_profiles().items():
        assert profile.name == name and profile.title and profile.greeting and profile.examples
        assert set(profile.checks) <= set(CHECKS)
        assert profile.not_stated in profile.system  # the bot is told the sentence that is recognised later


def test_the_contract_reader_is_told_what_its_model_was_trained_on() -> None:
    legal = find_profile("legal")
    assert legal.system == (
        "You answer questions about the document that the user gives you. Use only what the document says. "
        "Answer in one or two short sentences. If the document does not say it, answer: "
        "Not stated in this document."
    )
    assert legal.not_stated == "Not stated in this document."
    assert (legal.reminder, legal.max_new_tokens) == ("", 200)


def test_a_teams_file_needs_five_keys_and_the_rest_has_defaults(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, MINIMAL))
    assert (profile.name, profile.max_new_tokens, profile.examples, profile.checks) == ("hr", 200, (), ())
    assert profile.escalation.person == () and profile.escalation.waiting


def test_yaml_and_toml_give_the_same_profile(tmp_path: Path) -> None:
    toml = MINIMAL + 'checks = ["quotes"]\n[escalation]\nperson = ["a human"]\nlow_evidence = 0.5\n'
    yaml = (
        "name: hr\ntitle: HR desk\nsystem: Answer from the handbook.\nnot_stated: Not in the handbook.\n"
        "greeting: Hi.\nchecks: [quotes]\nescalation:\n  person: [a human]\n  low_evidence: 0.5\n"
    )
    assert read_profile(written(tmp_path, toml)) == read_profile(written(tmp_path, yaml, "hr.yaml"))


def test_the_tone_is_part_of_what_the_model_is_told(tmp_path: Path) -> None:
    profile = read_profile(written(tmp_path, MINIMAL + 'tone = "Be brief."\n'))
    assert profile.system == "Answer from the handbook. Be brief." and profile.tone == "Be brief."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MINIMAL.replace('title = "HR desk"\n', ""), "title: is missing; add it."),
        (MINIMAL.replace('"HR desk"', "7"), "title: is “7”; put a text in quotes there."),
        (MINIMAL.replace('"HR desk"', '"  "'), "title: is empty; write a text there."),
        (MINIMAL.replace('"hr"', '"H R"'), "name: “H R” is no name; use small letters"),
        (MINIMAL + "max_new_token = 9\n", "max_new_token: is no key of a profile; did you mean “max_new_tokens”, or"),
        (MINIMAL + "max_new_tokens = 0\n", "max_new_tokens: is 0; it must be at least 1."),
        (MINIMAL + "max_new_tokens = '9'\n", "max_new_tokens: is “9”; put a whole number without quotes there."),
        (MINIMAL + "max_new_tokens = true\n", "max_new_tokens: is “True”; put a whole number without quotes there."),
        (MINIMAL + "examples = 'one'\n", "examples: is “one”; put a list in square brackets there."),
        (MINIMAL + "examples = ['one', 2]\n", "examples.1: is “2”; put a text in quotes there."),
        (MINIMAL + "checks = ['symbol']\n", "checks: “symbol” is none; did you mean “symbols”."),
        (MINIMAL + "checks = ['zzz']\n", "checks: “zzz” is none; choose one of: quotes, references"),
        (MINIMAL + "pattern = 'zigzag'\n", "pattern: There is no pattern “zigzag”; choose one of:"),
        (MINIMAL + "level = 'faithfull'\n", "level: “faithfull” is none; did you mean “faithful”."),
        (MINIMAL + "escalation = 3\n", "escalation: is “3”; put a table of rules there."),
        (MINIMAL + "[escalation]\nlow_evidence = 2.0\n", "escalation.low_evidence: is 2.0; it must be at most 1.0."),
        (MINIMAL + "[escalation]\nhumans = []\n", "escalation.humans: is no key of a profile; choose one of: person"),
        ("name = \n", "is no valid TOML: Invalid value (at line 1, column 8); correct that place."),
    ],
)
def test_a_wrong_file_is_refused_with_its_key_and_what_to_write(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ProfileError) as error:
        read_profile(path)
    assert told in str(error.value)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: hr\nname: other\n", "“name” stands twice"),
        ("- a\n- b\n", "holds no keys"),
        ("name: !!python/object/apply:os.system [ls]\n", "is no valid YAML"),
        ("[" * 20_000, "is no valid YAML"),
    ],
)
def test_a_wrong_yaml_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ProfileError, match=told):
        read_profile(written(tmp_path, text, "hr.yml"))


def test_files_that_are_no_profiles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="larger than 64 KB"):
        read_profile(written(tmp_path, "#" * 70_000))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ProfileError, match="UTF-8"):
        read_profile(tmp_path / "latin.toml")
    with pytest.raises(ProfileError, match="cannot be read"):
        read_profile(tmp_path / "absent.toml")


def test_a_teams_folder_adds_bots_and_may_replace_a_shipped_one(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    written(tmp_path, MINIMAL.replace('"hr"', '"code"'), "own.toml")
    (tmp_path / "readme.md").write_text("not a profile")
    profiles = load_profiles(tmp_path)
    assert set(profiles) == {"legal", "code", "support", "hr"} and profiles["code"].title == "HR desk"
    assert find_profile("hr", tmp_path).title == "HR desk" and find_profile("code").title == "Code reader"


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profiles(tmp_path / "absent")
    with pytest.raises(ProfileError, match="holds no"):
        load_profiles(tmp_path)
    written(tmp_path, MINIMAL)
    written(tmp_path, MINIMAL, "twice.toml")
    with pytest.raises(ProfileError, match="name “hr” is used by another file"):
        load_profiles(tmp_path)


def test_an_unknown_bot_is_refused_with_the_choices(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    with pytest.raises(UnknownBotError, match=r"no bot “x”.*choose one of: code, legal, support, hr"):
        find_profile("x", tmp_path)


def test_the_doctor_is_told_of_every_bot(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    lines = profile_lines(tmp_path)
    assert len(lines) == 4
    assert lines[-1] == f"bot hr: HR desk (from {tmp_path}); checks: none; never hands over"
    assert any(line.startswith("bot support: Customer support (shipped)") and "frustration" in line for line in lines)


def test_every_key_and_check_is_documented() -> None:
    text = (Path(__file__).resolve().parent.parent / "docs/bots.md").read_text("utf-8")
    names = [field.name for value in (Profile, Escalation) for field in fields(value)]
    assert [name for name in (*names, *CHECKS) if f"`{name}`" not in text] == []
