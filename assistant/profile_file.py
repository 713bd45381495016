"""One TOML or YAML file → Profile, strictly: an error names the file, the key and what to write there instead."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assistant.profiles import CHECKS, Escalation, Profile, ProfileError
from sparse_backend import BackendError
from sparse_backend.presets import LEVELS, preset

SUFFIXES = (".toml", ".yaml", ".yml")
MAX_BYTES = 65_536  # of a profile file
SHOWN = 40  # characters of a wrong value in an error
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Phrases = list[Text]


class _Escalation(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    person: Phrases = []
    repeated: Annotated[int, Field(ge=0, le=20)] = 0
    frustration: Phrases = []
    frustration_count: Annotated[int, Field(ge=1, le=20)] = 1
    refused: Annotated[int, Field(ge=0, le=20)] = 0
    low_evidence: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    low_evidence_count: Annotated[int, Field(ge=1, le=20)] = 1
    words: Phrases = []
    waiting: Text = Escalation().waiting


class _Profile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Name
    title: Text
    system: Text
    not_stated: Text
    greeting: Text
    reminder: str = ""
    examples: Phrases = []
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 200
    pattern: str = ""
    level: str = ""
    tone: str = ""
    checks: Phrases = []
    escalation: _Escalation = _Escalation()


def read_profile(path: Path) -> Profile:
    """The profile in a file; ProfileError, one sentence, for anything that is not as profiles.py says."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ProfileError(f"{path} is larger than {MAX_BYTES // 1024} KB; a profile holds a few short texts.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} cannot be read; give a text file in UTF-8 that you may open.") from error
    return parse_profile(text, str(path))


def parse_profile(text: str, shown: str) -> Profile:
    """The profile in `text`, which is TOML if the name `shown` ends in .toml and YAML otherwise; ProfileError as above.

    `shown` stands first in every error.
    """
    try:
        read = _Profile.model_validate_json(json.dumps(_table(text, shown), default=str), strict=True)
    except ValidationError as error:
        raise _error(shown, error) from None
    _known(shown, read)
    fields: dict[str, Any] = read.model_dump()
    rules: dict[str, Any] = fields["escalation"]
    fields["escalation"] = Escalation(**{key: _frozen(value) for key, value in rules.items()})
    fields["system"] = f"{read.system} {read.tone.strip()}".strip()
    fields["checks"] = list(dict.fromkeys(read.checks))
    return Profile(**{key: _frozen(value) for key, value in fields.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _table(text: str, shown: str) -> dict[str, Any]:
    """The text's own keys and values, before any of them is checked."""
    kind = "TOML" if shown.lower().endswith(".toml") else "YAML"
    try:
        found = tomllib.loads(text) if kind == "TOML" else yaml.load(text, _Loader)  # noqa: S506
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split()) or "it nests too deeply"
        raise ProfileError(f"{shown} is no valid {kind}: {reason}; correct that place.") from error
    if not isinstance(found, dict):
        raise ProfileError(f"{shown} holds no keys; begin it with name: and title:.")
    return {str(key): value for key, value in found.items()}


class _Loader(yaml.SafeLoader):
    """Safe YAML in which no key may stand twice: plain YAML takes the last one silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"“{key.value}” stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _known(shown: str, read: _Profile) -> None:
    """Whether the names of checks, pattern and level are names of something."""
    for check in read.checks:
        if check not in CHECKS:
            raise ProfileError(f"{shown}: checks: “{check[:SHOWN]}” is none; {_choice(check, list(CHECKS))}.")
    if read.level and read.level not in LEVELS:
        raise ProfileError(f"{shown}: level: “{read.level[:SHOWN]}” is none; {_choice(read.level, list(LEVELS))}.")
    if read.pattern:
        try:
            preset(read.pattern, next(iter(LEVELS)))
        except BackendError as error:
            raise ProfileError(f"{shown}: pattern: {error}") from error


def _error(shown: str, error: ValidationError) -> ProfileError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    return ProfileError(
        f"{shown}: {key}: {_reason(first['type'], first['loc'], first['input'], first.get('ctx', {}))}."
    )


def _reason(kind: str, place: Sequence[int | str], value: object, limits: dict[str, Any]) -> str:
    shown = str(value)[:SHOWN]
    if kind == "missing":
        return "is missing; add it"
    if kind == "extra_forbidden":
        keys = list((_Escalation if len(place) > 1 else _Profile).model_fields)
        return f"is no key of a profile; {_choice(str(place[-1]), keys)}, or remove it"
    if kind == "string_pattern_mismatch":
        return f"“{shown}” is no name; use small letters, digits and dashes, starting with a letter"
    if kind == "string_too_short":
        return "is empty; write a text there"
    for ending, wanted in (
        ("string_type", "put a text in quotes there"),
        ("list_type", "put a list in square brackets there"),
        ("int_type", "put a whole number without quotes there"),
        ("int_from_float", "put a whole number there"),
        ("float_type", "put a number without quotes there"),
        ("model_type", "put a table of rules there"),
    ):
        if kind == ending:
            return f"is “{shown}”; {wanted}"
    if "ge" in limits or "le" in limits:
        bound = f"at least {limits['ge']}" if "ge" in limits else f"at most {limits['le']}"
        return f"is {shown}; it must be {bound}"
    return f"is “{shown}”, which cannot be used; see the shipped profiles for an example"


def _choice(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    return f"did you mean “{near[0]}”" if near else f"choose one of: {', '.join(known)}"
