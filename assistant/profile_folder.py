"""The bots there are: the shipped profiles and those of a team's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from assistant.errors import UnknownBotError
from assistant.profile_file import SUFFIXES, read_profile
from assistant.profiles import Escalation, Profile, ProfileError

SHIPPED = Path(__file__).with_name("profiles")


def load_profiles(folder: Path | None = None) -> dict[str, Profile]:
    """The shipped bots and those of `folder`, by name; a team's bot may take the place of a shipped one.

    Raises ProfileError for the first file that cannot be used: no bot is left out silently.
    """
    found = dict(_shipped())
    if folder is not None:
        found |= _of(folder)
    return found


def find_profile(name: str, folder: Path | None = None) -> Profile:
    """The profile called `name`; raises UnknownBotError that lists those that exist, or ProfileError."""
    profiles = load_profiles(folder)
    if name not in profiles:
        raise UnknownBotError(f"There is no bot “{name}” in this version; choose one of: {', '.join(profiles)}.")
    return profiles[name]


def profile_lines(folder: Path | None = None) -> list[str]:
    """A line for each bot, for `doctor`: name, title, its checks and whether it hands over to a person."""
    shipped = _shipped()
    lines = []
    for name, profile in load_profiles(folder).items():
        origin = "shipped" if shipped.get(name) == profile else f"from {folder}"
        checks = ", ".join(profile.checks) or "none"
        lines.append(f"bot {name}: {profile.title} ({origin}); checks: {checks}; {_handover(profile.escalation)}")
    return lines


def _handover(rules: Escalation) -> str:
    names = {
        "asked for a person": rules.person,
        "repeated question": rules.repeated,
        "frustration": rules.frustration,
        "refused answers": rules.refused,
        "low evidence": rules.low_evidence,
        "own words": rules.words,
    }
    active = [name for name, rule in names.items() if rule]
    return f"hands over on: {', '.join(active)}" if active else "never hands over"


@cache
def _shipped() -> Mapping[str, Profile]:
    return _of(SHIPPED)


def _of(folder: Path) -> dict[str, Profile]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ProfileError(f"The profiles folder {folder} cannot be read; give a folder with .toml files.") from error
    found: dict[str, Profile] = {}
    for path in paths:
        profile = read_profile(path)
        if profile.name in found:
            raise ProfileError(
                f"{path}: name “{profile.name}” is used by another file of this folder; give each bot its own name."
            )
        found[profile.name] = profile
    if not found:
        raise ProfileError(f"The profiles folder {folder} holds no .toml or .yaml file; put at least one bot there.")
    return found
