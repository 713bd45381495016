"""Folder: the files below a path in a fixed order, and what is there but will not be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ingest.document import Unread
from ingest.text import one_line

TEXT_SUFFIXES = frozenset((".txt", ".text", ".log", ".csv", ".rst", ".html", ".htm", ".xml", ".tex"))
MARKDOWN_SUFFIXES = frozenset((".md", ".markdown"))
SOURCE_SUFFIXES = frozenset((
    ".py", ".pyi", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".go", ".rs", ".java", ".kt", ".c", ".h",
    ".cc", ".cpp", ".hpp", ".cs", ".rb", ".php", ".swift", ".scala", ".lua", ".r", ".json", ".jsonl",
    ".yaml", ".yml", ".toml", ".ini", ".cfg", ".sql", ".sh", ".bash", ".css", ".scss", ".proto",
    ".graphql", ".tf",
))  # fmt: skip

PLAIN_NAMES = frozenset((
    "readme", "license", "licence", "copying", "notice", "authors", "changelog", "makefile",
    "dockerfile", "procfile",
))  # fmt: skip

SUPPORTED = "PDF, plain text, Markdown and source code"


def is_supported(name: str) -> bool:
    """Whether a file of this name is of a kind that is read."""
    path = Path(name)
    suffix = path.suffix.lower()
    known = suffix == ".pdf" or suffix in TEXT_SUFFIXES | MARKDOWN_SUFFIXES | SOURCE_SUFFIXES
    return known or (not suffix and path.stem.lower() in PLAIN_NAMES)


def walk(folder: Path, shown: str) -> Iterator[tuple[Path, str] | Unread]:
    """Files as (path, display path), README first and then by path; Unread for everything left out.

    Nothing outside `folder` is reached: links are listed, not followed. `shown` is put before display paths.
    """
    files: list[tuple[Path, str]] = []
    left: list[Unread] = []

    def failed(error: OSError) -> None:
        left.append(Unread(_shown(Path(str(error.filename)), folder, shown), None, "the folder cannot be opened"))

    for root, folders, names in os.walk(folder, followlinks=False, onerror=failed):
        for name in list(folders):
            path = Path(root, name)
            if path.is_symlink():
                left.append(Unread(_shown(path, folder, shown), None, "a link, not followed"))
                folders.remove(name)
            elif name == ".git":
                left.append(Unread(_shown(path, folder, shown), None, "version-control data"))
                folders.remove(name)
        for name in names:
            path = Path(root, name)
            display = _shown(path, folder, shown)
            if path.is_symlink():
                left.append(Unread(display, None, "a link, not followed"))
            elif not path.is_file():
                left.append(Unread(display, None, "not a regular file"))
            elif not is_supported(name):
                left.append(Unread(display, None, f"not a supported kind ({Path(name).suffix or 'no suffix'})"))
            else:
                files.append((path, display))
    yield from sorted(files, key=lambda item: (not _is_readme(item[0], folder), item[1]))
    yield from sorted(left, key=lambda item: item.path)


def _is_readme(path: Path, folder: Path) -> bool:
    return path.parent == folder and path.stem.lower() == "readme"


def _shown(path: Path, folder: Path, shown: str) -> str:
    inner = path.relative_to(folder).as_posix()
    return one_line(f"{shown}/{inner}" if shown else inner)
