"""What the map of a repository needs to know of each file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition of a file; `line` is 1-based, `level` counts from 1."""

    kind: str
    title: str
    line: int
    level: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file, its imports as written and its definitions in order."""

    path: str
    chars: int
    lines: int
    format: str
    imports: tuple[str, ...]
    definitions: tuple[Definition, ...]
