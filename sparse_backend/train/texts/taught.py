"""Questions that a teacher wrote about passages of the corpus: one JSON line each, and where their answers stand."""

from __future__ import annotations

import json
import lzma
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Taught:
    """A question whose answer is the characters [start, end) of a text, in its passage [low, high)."""

    question: str
    kind: str
    start: int
    end: int
    low: int
    high: int

    def moved(self, by: int) -> Taught:
        """The same, `by` characters further on."""
        return replace(self, start=self.start + by, end=self.end + by, low=self.low + by, high=self.high + by)


def load_taught(*files: Path) -> dict[tuple[str, str], tuple[Taught, ...]]:
    """(source, path of a text) -> its questions, from .jsonl or .jsonl.xz files; a file cut in two as its parts in order."""
    found: defaultdict[tuple[str, str], list[Taught]] = defaultdict(list)
    data = b"".join(file.read_bytes() for file in files)
    text = (lzma.decompress(data) if data[:6] == b"\xfd7zXZ\x00" else data).decode("utf-8")
    for line in text.split("\n"):
        if line:
            one = json.loads(line)
            made = Taught(one["question"], one["kind"], one["start"], one["end"], one["low"], one["high"])
            found[one["source"], one["path"]].append(made)
    return {key: tuple(value) for key, value in found.items()}
