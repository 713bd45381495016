"""The corpus of real texts that `collect` wrote: windows of prose, paragraphs of legal text, files of code."""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Text:
    """One file of a source; `headers` are ranges of characters."""

    source: str
    kind: str
    path: str
    text: str
    headers: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Corpus:
    """All texts by kind; `paragraphs` are those of the legal ones."""

    prose: list[Text] = field(default_factory=list)
    code: dict[str, list[Text]] = field(default_factory=dict)
    paragraphs: list[list[str]] = field(default_factory=list)

    @classmethod
    def load(cls, *files: Path) -> Corpus:
        """From .jsonl.xz files; a file cut in two is given as its parts in order."""
        corpus = cls()
        by_source: defaultdict[str, list[Text]] = defaultdict(list)
        for line in lzma.decompress(b"".join(file.read_bytes() for file in files)).decode("utf-8").split("\n"):
            if not line:
                continue
            record = json.loads(line)
            text = Text(
                record["source"],
                record["kind"],
                record["path"],
                record["text"],
                tuple((a, b) for a, b in record["headers"]),
            )
            if text.kind == "prose":
                corpus.prose.append(text)
            elif text.kind == "code":
                by_source[text.source].append(text)
            else:
                corpus.paragraphs.append(legal_paragraphs(text.text))
        corpus.code = {source: texts for source, texts in by_source.items() if len(texts) >= 3}
        corpus.paragraphs = [one for one in corpus.paragraphs if len(one) >= 5]
        return corpus

    def legal(self, r: random.Random) -> list[str]:
        """Paragraphs of two or three real legal texts."""
        if not self.paragraphs:
            return []
        return [part for one in r.sample(self.paragraphs, min(len(self.paragraphs), r.randint(2, 3))) for part in one]

    def window(self, r: random.Random, characters: int) -> Text:
        """A stretch of prose of about that length: part of a long text, or several texts of one source."""
        text = r.choice(self.prose)
        if len(text.text) > characters:
            start = text.text.find("\n", r.randrange(len(text.text) - characters + 1)) + 1
            return cut(text, start, start + characters)
        mates = [one for one in self.prose if one.source == text.source]
        parts, headers, length = [], [], 0
        for one in [text, *r.sample(mates, min(len(mates), 40))]:
            if length >= characters:
                break
            piece = cut(one, 0, characters - length)
            headers += [(length + a, length + b) for a, b in piece.headers]
            parts.append(piece.text.rstrip() + "\n\n")
            length += len(parts[-1])
        return Text(text.source, "prose", text.path, "".join(parts), tuple(headers))


def cut(text: Text, start: int, end: int) -> Text:
    """Characters [start, end) with the headers in them."""
    end = min(end, len(text.text))
    if end < len(text.text):
        line = text.text.rfind("\n", start, end)
        end = line if line > start + (end - start) // 2 else end
    headers = tuple((a - start, b - start) for a, b in text.headers if a >= start and b <= end)
    return Text(text.source, text.kind, text.path, text.text[start:end], headers)


def legal_paragraphs(text: str) -> list[str]:
    """Paragraphs fit to stand as sections of a contract."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return [part.lstrip("0123456789.)( ") for part in parts if 120 < len(part) < 900 and part[-1] in ".;"]
