"""The map of a repository: its tree, its imports and its definitions as a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.document import Section, Span
from ingest.part import Part


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition of a file; `line` is 1-based."""

    kind: str
    title: str
    line: int
    level: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the map needs to know of a file."""

    path: str
    chars: int
    lines: int
    format: str
    imports: tuple[str, ...]
    definitions: tuple[Definition, ...]


def repository_map(files: Sequence[FileFacts]) -> Part:
    """The list of files."""
    text = "Repository map\n" + "".join(f"{each.path} ({each.lines} lines)\n" for each in files)
    section = Section("Repository map", 1, 0, len(text), len("Repository map"), "map")
    return Part(text, [Span(0, len(text), "(repository map)", line=1)], [section], format="map")
