"""The corpus of real texts that `collect` wrote: windows of prose, paragraphs of legal text, files of code."""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from sparse_backend.train.texts.taught import Taught, load_taught


@dataclass(frozen=True, slots=True)
class Text:
    """One file of a source; `headers` are ranges of characters, `taught` questions on passages that are all in it."""

    source: str
    kind: str
    path: str
    text: str
    headers: tuple[tuple[int, int], ...]
    taught: tuple[Taught, ...] = ()


@dataclass(slots=True)
class Corpus:
    """All texts by kind; `paragraphs` are those of the legal ones, `asked` the prose with questions of a teacher."""

    prose: list[Text] = field(default_factory=list)
    asked: list[Text] = field(default_factory=list)
    code: dict[str, list[Text]] = field(default_factory=dict)
    paragraphs: list[list[str]] = field(default_factory=list)

    @classmethod
    def load(cls, *files: Path, taught: tuple[Path, ...] = ()) -> Corpus:
        """From .jsonl.xz files; a file cut in two is given as its parts in order. `taught`: a teacher's questions."""
        corpus = cls()
        questions = load_taught(*taught)
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
                questions.get((record["source"], record["path"]), ()),
            )
            if text.kind == "prose":
                corpus.prose.append(text)
            elif text.kind == "code":
                by_source[text.source].append(text)
            else:
                corpus.paragraphs.append(legal_paragraphs(text.text))
        corpus.code = {source: texts for source, texts in by_source.items() if len(texts) >= 3}
        corpus.asked = [text for text in corpus.prose if len(text.taught) >= 2]
        corpus.paragraphs = [one for one in corpus.paragraphs if len(one) >= 5]
        return corpus

    def legal(self, r: random.Random) -> list[str]:
        """Paragraphs of two or three real legal texts."""
        if not self.paragraphs:
            return []
        return [part for one in r.sample(self.paragraphs, min(len(self.paragraphs), r.randint(2, 3))) for part in one]

    def window(self, r: random.Random, characters: int) -> Text:
        """A stretch of prose of about that length: part of a long text, or several texts of one source."""
        text = r.choice(self.asked if self.asked and r.random() < 0.75 else self.prose)
        if len(text.text) > characters:
            start = text.text.find("\n", r.randrange(len(text.text) - characters + 1)) + 1
            return cut(text, start, start + characters)
        mates = [one for one in self.prose if one.source == text.source]
        parts: list[str] = []
        headers: list[tuple[int, int]] = []
        taught: list[Taught] = []
        length = 0
        for one in [text, *r.sample(mates, min(len(mates), 40))]:
            if length >= characters:
                break
            piece = cut(one, 0, characters - length)
            headers += [(length + a, length + b) for a, b in piece.headers]
            taught += [question.moved(length) for question in piece.taught]
            parts.append(piece.text.rstrip() + "\n\n")
            length += len(parts[-1])
        return Text(text.source, "prose", text.path, "".join(parts), tuple(headers), tuple(taught))

    def elsewhere(self, window: Text, r: random.Random) -> list[Taught]:
        """A teacher's questions on the text that a window is of, whose passages are not in it; their places mean nothing."""
        here = {question.question for question in window.taught}
        texts = [text for text in self.asked if (text.source, text.path) == (window.source, window.path)]
        found = [one for text in texts for one in text.taught if one.question not in here]
        return r.sample(found, min(len(found), 12))


def cut(text: Text, start: int, end: int) -> Text:
    """Characters [start, end) with the headers in them."""
    end = min(end, len(text.text))
    if end < len(text.text):
        line = text.text.rfind("\n", start, end)
        end = line if line > start + (end - start) // 2 else end
    headers = tuple((a - start, b - start) for a, b in text.headers if a >= start and b <= end)
    taught = tuple(one.moved(-start) for one in text.taught if one.low >= start and one.high <= end)
    return Text(text.source, text.kind, text.path, text.text[start:end], headers, taught)


def legal_paragraphs(text: str) -> list[str]:
    """Paragraphs fit to stand as sections of a contract."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return [part.lstrip("0123456789.)( ") for part in parts if 120 < len(part) < 900 and part[-1] in ".;"]
