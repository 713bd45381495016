"""Settings: from where they come, how wrong ones are told, and that secrets are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

import app
from assistant.errors import AssistantError
from assistant.flags import chosen, parse
from assistant.settings import PREFIX, Settings, unknown
from assistant.web.serving import server_options
from ingest import Limits
from tests.conftest import HOUSE

SECRETS = ("database_url", "passphrase", "password", "oidc_client_secret")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def loaded(*words: str) -> Settings:
    return app.settings_of(parse(words))


def test_flags_come_before_the_environment_and_that_before_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "unabridged_model").write_text("from-file\n")
    (tmp_path / "unabridged_database_url").write_text("postgresql+psycopg://u:hush@db/x\n")
    assert (loaded().model, loaded().source("model")) == ("embedded", "default")
    monkeypatch.setenv("UNABRIDGED_SECRETS_DIR", str(tmp_path))
    assert (loaded().model, loaded().source("model")) == ("from-file", "file")
    assert loaded().database_url.get_secret_value() == "postgresql+psycopg://u:hush@db/x"
    monkeypatch.setenv("UNABRIDGED_MODEL", "from-env")
    assert (loaded().model, loaded().source("model")) == ("from-env", "environment")
    found = loaded("serve", "--model", "typed", "--port", "8000")
    assert (found.model, found.source("model"), found.port, found.source("port")) == ("typed", "flag", 8000, "flag")
    monkeypatch.setenv("UNABRIDGED_MODEL", "")  # as if it were not there
    assert loaded().source("model") == "file"
    monkeypatch.setenv("UNABRIDGED_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(AssistantError, match="nowhere is no folder"):
        loaded()


def test_every_limit_of_reading_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded().limits() == Limits()
    for number, name in enumerate(Limits.__slots__, start=1):
        monkeypatch.setenv(f"UNABRIDGED_{name.upper()}", str(number))
    limits = loaded().limits()
    assert [getattr(limits, name) for name in Limits.__slots__] == list(range(1, len(Limits.__slots__) + 1))
    monkeypatch.setenv("UNABRIDGED_MAX_PAGES", "many")
    with pytest.raises(AssistantError, match=r"^UNABRIDGED_MAX_PAGES must be a number, not “many”\.$"):
        loaded()
    monkeypatch.setenv("UNABRIDGED_MAX_PAGES", "0")
    with pytest.raises(AssistantError, match=r"^UNABRIDGED_… sets a wrong limit: .*max_pages must be positive"):
        loaded()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--port", "x"], "--port must be a number, not “x”."),
        (["serve", "--port", "70000"], "--port: input should be less than or equal to 65535, not “70000”."),
        (["serve", "--host", "0.0.0.0"], "add --accounts"),
        (["serve", "--host", "::"], "add --accounts"),
    ],
)
def test_wrong_flags_are_told_in_one_sentence(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(words) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ACCOUNTS", "perhaps", "UNABRIDGED_ACCOUNTS must be true or false, not “perhaps”."),
        ("SESSION_DAYS", "0", "UNABRIDGED_SESSION_DAYS: input should be greater than 0"),
        ("PUBLIC_URL", "docs.example.org/x", "UNABRIDGED_PUBLIC_URL must be like https://"),
        ("OIDC_ISSUER", "https://id.example", "needs --accounts"),
    ],
)
def test_wrong_variables_are_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(AssistantError, match=told.split("(")[0]):
        server_options(loaded())


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("OIDC_CLIENT_ID", "_OIDC_CLIENT_ID"),
        ("OIDC_CLIENT_SECRET", "_OIDC_CLIENT_SECRET"),
        ("PUBLIC_URL", "PUBLIC_URL"),
    ],
)
def test_half_an_issuer_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str, told: str) -> None:
    values = {"OIDC_ISSUER": "https://id.example", "OIDC_CLIENT_ID": "u", "OIDC_CLIENT_SECRET": "hush"}
    for name, value in (values | {"PUBLIC_URL": "https://docs.example", "ACCOUNTS": "true"}).items():
        monkeypatch.setenv(PREFIX + name, value)
    assert server_options(loaded()).sso
    monkeypatch.delenv(PREFIX + missing)
    with pytest.raises(AssistantError, match=told):
        server_options(loaded())


def test_doctor_shows_every_setting_with_its_source_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(PREFIX + name.upper(), "hush-hush")
    monkeypatch.setenv("UNABRIDGED_WEBHOOK_NETWORKS", "10.0.0.0/8, 192.168.0.0/16")
    table = loaded("doctor", "--level", "fast").table()
    assert set(table) == {f"setting {name}" for name in Settings.model_fields}
    assert "hush" not in repr(table) and "hush" not in repr(loaded())
    assert {table[f"setting {name}"] for name in SECRETS} == {"set, hidden (environment)"}
    assert table["setting level"] == "fast (flag)"
    assert table["setting port"] == "7860 (default)"
    assert table["setting accounts"] == "False (default)"
    assert table["setting max_pages"] == "built in (default)"
    assert table["setting webhook_networks"] == "10.0.0.0/8, 192.168.0.0/16 (environment)"


@pytest.mark.parametrize(
    ("words", "private_git", "allowed"),
    [
        (("serve",), None, True),
        (("serve", "--accounts"), None, False),
        (("serve", "--accounts"), "true", True),
        (("serve",), "false", False),
        (("read", "x"), None, True),
    ],
)
def test_whoever_logs_in_reaches_no_git_host_inside_unless_that_is_set(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], private_git: str | None, allowed: bool
) -> None:
    if private_git:
        monkeypatch.setenv("UNABRIDGED_PRIVATE_GIT", private_git)
    assert app.service_options(parse(words)).private_hosts is allowed


def test_the_documented_settings_are_the_real_ones() -> None:
    assert Settings.markdown() in (HOUSE / "docs" / "operations.md").read_text("utf-8")
    for name in Limits.__slots__:
        assert f"| `{name.upper()}` | `{getattr(Limits(), name)}` |" in Settings.markdown()


def test_secrets_are_no_flags() -> None:
    for name in set(SECRETS) - {"password"}:
        with pytest.raises(SystemExit):
            parse(["serve", f"--{name.replace('_', '-')}", "x"])


def test_flags_that_are_not_given_are_no_settings() -> None:
    options = parse(["serve"])
    assert chosen(options, tuple(Settings.model_fields)) == {}
    assert parse(["--port", "1"]).command == "serve"


def test_variables_that_are_no_settings_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert unknown(["PATH", "UNABRIDGED_PORT", "XUNABRIDGED_"]) == []
    assert unknown(["UNABRIDGED_PROT"]) == ["UNABRIDGED_PROT is no setting; did you mean UNABRIDGED_PORT?"]
    assert unknown(["UNABRIDGED_ZZZZZZ"]) == ["UNABRIDGED_ZZZZZZ is no setting; see `app.py doctor`."]
    monkeypatch.setenv("UNABRIDGED_USERS", "ann:secret")
    assert app.main(["serve", "--data-dir", str(tmp_path)]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert "is no longer used" in told and "--accounts" in told and "ann:secret" not in told


def test_an_invitation_from_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    where = ["--data-dir", str(tmp_path), "--public-url", "https://docs.example.org"]
    assert app.main(["invite", "--role", "agent", *where]) == 0
    assert capsys.readouterr().out.startswith("https://docs.example.org/join/")
    assert app.main(["invite", "--user", "nobody", *where]) == 2
    assert "no such user" in capsys.readouterr().err
