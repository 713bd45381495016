"""Facts among look-alikes: one key asked for, three or more others that read the same."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sparse_backend.train.texts.bank import Entry, bank, capital, fill, locate
from sparse_backend.train.texts.keys import keys
from sparse_backend.train.texts.page import NOT_STATED, Asked
from sparse_backend.train.texts.wording import keywords, reword

HELD_OUT = ("access code", "credit limit", "shelf life", "start date")
"""Facts that training never sees; evaluation asks for them."""
TERSE = 0.15  # share of questions on facts that are keywords alone, beside those of reword


@dataclass(frozen=True, slots=True)
class Needle:
    """A sentence to put into a document, and what may be asked once it stands there (nothing, for most look-alikes)."""

    text: str
    entry: Entry
    given: dict[str, str]
    asked: bool


def group(
    r: random.Random, look_alikes: int, taken: set[tuple[str, str]], *, held_out: bool = False, asked: int = 1
) -> tuple[list[Needle], Asked] | None:
    """One fact for several keys, the first `asked` of which are asked for, and a question about a key that is missing.

    `taken`: facts and keys of this document so far; None when too few keys are left.
    """
    entry = r.choice([one for one in bank("facts") if (one.name in HELD_OUT) == held_out])
    names = [name for name in keys(entry.keys[0], min(look_alikes + 8, 16), r) if (entry.name, name) not in taken][
        : look_alikes + 2
    ]
    if len(names) < 4:
        return None
    taken.update((entry.name, name) for name in names)
    needles = []
    wording = r.choice(entry.texts) if r.random() < 0.6 else None  # the same words for all, or not
    used: set[str] = set()
    for index, name in enumerate(names[:-1]):
        for _ in range(6):
            given = {"key": name}
            text = capital(fill(wording or r.choice(entry.texts), given, r))
            mark = "|".join(value for slot, value in given.items() if slot != "key")
            if mark not in used:
                break
        used.add(mark)
        needles.append(Needle(text, entry, given, index < asked))
    wordings = entry.asks[0].wordings(held_out=held_out)
    missing = _terse(fill(r.choice(wordings), {"key": names[-1]}, r), r)
    refusal = Asked(reword(missing, r), NOT_STATED, family="refusal look-alike")
    return needles, refusal


def question(needle: Needle, start: int, r: random.Random, family: str = "look-alike") -> Asked | None:
    """The question about a needle that stands at character `start`."""
    ask = r.choice(needle.entry.asks)
    found = locate(needle.text, ask, needle.given, r)
    if found is None:
        return None
    (low, high), (at, stop) = found
    wordings = ask.questions if needle.entry.name in HELD_OUT else ask.wordings(held_out=False)
    words = _terse(fill(r.choice(wordings), needle.given, r), r)
    answer = capital(fill(ask.answer, needle.given, r))
    return Asked(
        reword(words, r), answer, (start + low, start + high), (start + at,), family, (start + at, start + stop)
    )


def _terse(question: str, r: random.Random) -> str:
    """As keywords, one time in seven."""
    return keywords(question) if r.random() < TERSE else question
