"""Git: URLs that may be cloned, and what a work tree says about its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ingest.document import CloneError, Limits
from ingest.sandbox import Cancel


@dataclass(frozen=True, slots=True)
class Clone:
    """A finished clone."""

    commit: str
    url: str


def is_git_url(text: str) -> bool:
    """Whether the text names a git repository on a server."""
    return text.startswith("https://")


def clone(url: str, target: Path, *, limits: Limits, cancel: Cancel | None = None) -> Clone:
    """Not yet."""
    raise CloneError(f"{url} cannot be cloned.")


def lfs_pointer(head: bytes) -> bool:
    """Whether the file only points to content in Git LFS."""
    return head.startswith(b"version https://git-lfs")


def submodules(text: str) -> tuple[str, ...]:
    """Paths in a .gitmodules file."""
    return ()


def tracked_files(folder: Path) -> frozenset[str] | None:
    """Not yet."""
    return None
