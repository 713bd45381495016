"""Entry: one thing found in a folder or an archive, before anything of it is read."""

from __future__ import annotations

from dataclasses import dataclass

CONTROL_FILES = frozenset((".gitignore", ".unabridgedignore", ".gitattributes", ".gitmodules"))
MAX_CONTROL_BYTES = 1_000_000  # of one control file; a longer one is not obeyed and reported


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder or archive; `path` uses "/" and is relative to its root."""

    path: str
    size: int
    problem: str = ""  # why it can never be read: "a link, not followed", "not a regular file" …; empty for a file
