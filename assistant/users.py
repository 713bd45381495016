"""Logins of the page as the environment names them."""

from __future__ import annotations

from assistant.errors import AssistantError


def parse_users(text: str) -> list[tuple[str, str]]:
    """“name:password,name:password” as pairs; raises AssistantError for anything else."""
    pairs = [tuple(item.split(":", 1)) for item in text.split(",") if item]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise AssistantError("UNABRIDGED_USERS must look like name:password,name:password.")
    return [(pair[0], pair[1]) for pair in pairs]
