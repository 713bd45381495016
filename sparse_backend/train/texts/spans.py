"""Passages of real texts, and the words in them that a question may ask for: figures, dates, names, terms, phrases."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from sparse_backend.train.texts.natural import sentences

SHORTEST, LONGEST = 160, 900  # characters of a passage
_UNIT = r"(?:days?|hours?|minutes?|seconds?|years?|months?|weeks?|bytes?|bits?|characters?|percent|%|MB|GB|KB|kB|MiB|GiB|KiB|entries|lines?|columns?|times|connections?|users?|files?|elements?|arguments?|parameters?|rows?|pages?|copies|dollars|euros)"  # fmt: skip
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_STOP = r"(?=[.,;:()\n]| (?:and|or|but|when|if|unless|which|that|because|so)\b|$)"
_RULES: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("number", re.compile(rf"(?<![\w.\-/])\d[\d,.]*(?:[ -]| \(\d+\) ){_UNIT}\b"), 6),
    ("number", re.compile(r"(?<![\w.\-/=])(?:0x[0-9a-fA-F]+|\d{2,}(?:[.,]\d+)?)(?![\w\-/]|\.\d)"), 6),
    ("date", re.compile(rf"\b(?:\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} \d{{1,2}}, \d{{4}}|\d{{4}}-\d\d-\d\d)\b"), 6),
    ("default", re.compile(r"(?<=defaults to )[^.;,()\n]{2,40}?" + _STOP), 7),
    ("default", re.compile(r"(?<=default is )[^.;,()\n]{2,40}?" + _STOP), 7),
    ("term", re.compile(r"(?<=[`\"“])[A-Za-z_./\-][\w./\-]{2,30}(?=[`\"”])"), 1),
    ("option", re.compile(r"(?<![\w-])--?[a-z][a-z\-]{3,24}\b"), 2),
    ("path", re.compile(r"(?<![\w/])(?:/[\w.\-]+){2,5}"), 1),
    ("name", re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}(?: [A-Z][a-z]{2,}){1,2}\b"), 3),
    ("purpose", re.compile(r"(?<= )to [a-z]{3,}(?: [\w'\-]+){2,9}?" + _STOP), 2),
    ("means", re.compile(r"(?<= )by [a-z]{3,}ing(?: [\w'\-]+){1,8}?" + _STOP), 3),
    ("reason", re.compile(r"(?<= )because (?:[\w'\-]+ ){3,12}?[\w'\-]+" + _STOP), 6),
    ("duty", re.compile(r"(?<= must )(?:not )?be [a-z]+(?: [\w'\-]+){1,8}?" + _STOP), 3),
    ("duty", re.compile(r" (?:must|shall) ((?:not )?[a-z]+(?: [\w'\-]+){2,9}?)" + _STOP), 3),
    ("meaning", re.compile(r" (?:is|are) ((?:a|an|the) [a-z](?:[\w'\-]+ ){2,9}?[\w'\-]+)" + _STOP), 2),
    ("condition", re.compile(r"(?<= )(?:if|when|unless) (?:[\w'\-]+ ){3,10}?[\w'\-]+" + _STOP), 1),
    ("condition", re.compile(r"(?:\. |^)((?:If|When|Unless) (?:[\w'\-]+ ){3,10}?[\w'\-]+)(?=,)"), 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Characters [start, end) of a text that an answer shall hold, of one `kind`, in a passage [low, high)."""

    kind: str
    start: int
    end: int
    low: int
    high: int


def passages(text: str) -> list[tuple[int, int]]:
    """Ranges of paragraphs of plain prose; short neighbours are joined, long ones cut at sentences."""
    found: list[tuple[int, int]] = []
    at = 0
    for match in re.finditer(r"\n[ \t]*\n|\Z", text):
        low, high, at = at, match.start(), match.end()
        while low < high and text[low].isspace():
            low += 1
        if found and low - found[-1][1] < 4 and high - found[-1][0] < SHORTEST * 2 and plain(text[low:high]):
            found[-1] = (found[-1][0], high)
        elif high - low > LONGEST:
            found += _cut(text, low, high)
        elif high > low and plain(text[low:high]):
            found.append((low, high))
    return [(low, high) for low, high in found if SHORTEST <= high - low <= LONGEST]


def _cut(text: str, low: int, high: int) -> list[tuple[int, int]]:
    parts, begin, end = [], low, low
    for a, b in sentences(text[low:high]):
        if low + b - begin > LONGEST - 200 and end > begin:
            parts.append((begin, end))
            begin = low + a
        end = low + b
    parts.append((begin, end))
    return [(a, b) for a, b in parts if plain(text[a:b])]


def plain(text: str) -> bool:
    """Whether it reads as sentences: no table, listing or markup."""
    flat = " ".join(text.split())
    if len(flat) < 60 or text.count("\n") > 3 + len(text) // 45:
        return False
    letters = sum(character.isalpha() or character.isspace() for character in flat)
    return letters / len(flat) > 0.86 and len(re.findall(r"[a-z]{2,}[.:;]", flat)) >= 1 and "  " not in text.strip()


def choices(text: str, low: int, high: int, r: random.Random, count: int = 1) -> list[Choice]:
    """Up to `count` spans of the passage [low, high), of different kinds, rare kinds preferred."""
    pool: list[tuple[float, Choice]] = []
    passage = text[low:high]
    for kind, rule, weight in _RULES:
        for match in rule.finditer(passage):
            group = match.lastindex or 0
            words = match[group]
            if len(words) < 2 or passage.count(words) > 2 or "\n" in words:
                continue
            start = low + match.start(group)
            pool.append((r.random() ** (1 / weight), Choice(kind, start, start + len(words), low, high)))
    chosen: list[Choice] = []
    for _, one in sorted(pool, key=lambda pair: pair[0], reverse=True):
        if len(chosen) < count and all(one.kind != other.kind for other in chosen):
            chosen.append(one)
    return chosen
