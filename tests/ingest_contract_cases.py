"""Contract fixtures, read as the app reads them, and the matching of found headers against the written truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ingest.document import Document, IngestReport, Section, content_hash
from ingest.part import Request
from ingest.plain import markdown, prose

FIXTURES = Path(__file__).parent / "fixtures" / "contract"
STYLES = sorted((FIXTURES / "styles").glob("*.txt"))
Header = tuple[int, str, str]  # level, kind, how the title begins


def read_text(text: str, name: str = "contract.txt") -> Document:
    """A text as a Document of one file."""
    reader = markdown if name.endswith(".md") else prose
    part = reader.read(text.encode(), name, Request(max_chars=10**9, max_pages=10**6))
    part.check()
    hashed = content_hash(part.text, part.spans)
    return Document(name, part.text, tuple(part.sections), tuple(part.spans), IngestReport(1, 0), hashed)


def read_file(path: Path) -> Document:
    """A fixture as a Document."""
    return read_text(path.read_text("utf-8"), path.name)


def truth(path: Path) -> list[Header]:
    """The headers that a reader sees, written down by hand beside the fixture."""
    rows = json.loads(path.with_suffix(".truth.json").read_text("utf-8"))
    return [(level, kind, title) for level, kind, title in rows]


@dataclass(frozen=True)
class Score:
    """Found headers against the truth: how many are right, which were missed, which are no headers."""

    right: int
    missed: list[str]
    extra: list[str]


def score(path: Path) -> Score:
    """Level, kind and title must all be right."""
    open_ = list(read_file(path).sections)
    missed = []
    for level, kind, title in truth(path):
        match = next((each for each in open_ if _same(each, level, kind, title)), None)
        if match is None:
            missed.append(f"{path.stem}: {level} {kind} {title}")
        else:
            open_.remove(match)
    right = len(truth(path)) - len(missed)
    return Score(right, missed, [f"{path.stem}: {each.level} {each.kind} {each.title}" for each in open_])


def _same(section: Section, level: int, kind: str, title: str) -> bool:
    found, wanted = (text.rstrip(" .,;:") for text in (section.title, " ".join(title.split())))
    return (section.level, section.kind) == (level, kind) and found.startswith(wanted)
