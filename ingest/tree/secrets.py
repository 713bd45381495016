"""Secrets in a text, masked in place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A secret of this kind stood in this line (1-based)."""

    line: int
    kind: str


def mask(text: str, path: str) -> tuple[str, tuple[Found, ...]]:
    """The text with its secrets masked."""
    return text, ()
