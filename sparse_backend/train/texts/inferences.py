"""Questions that need two places or a second thought: the longer of two periods, a sum of two amounts, words struck out."""

from __future__ import annotations

import random
import re

from sparse_backend.train.texts.bank import Entry, capital, fill
from sparse_backend.train.texts.derived import dollars_in
from sparse_backend.train.texts.drafting import REDACTED, Draft, Fact
from sparse_backend.train.texts.page import Asked
from sparse_backend.train.texts.wording import reword

_QUANTITY = re.compile(r"(\d+)\)? (?:business )?(day|month|year|hour|week)s?\b")
_SLOT = re.compile(r"{(\w+)}")
_VALUES = re.compile(r"(?:days|fewdays|months|years|weeks|hours|wmoney|money|usd|pct|price|count|date|startdate)\d?")
_MARKS = ("[ * * * ]", "[ * * * ]", "[***]", "[REDACTED]", "[*]", "[…***…]")
HIDDEN = 0.07  # share of clauses with a value struck out


def hide(template: str, entry: Entry, given: dict[str, str], r: random.Random) -> None:
    """Strikes out, now and then, one value of a clause that some question asks for."""
    if r.random() >= HIDDEN:
        return
    asked = {slot for ask in entry.asks for slot in _SLOT.findall(ask.answer) if _VALUES.fullmatch(slot)}
    free = sorted(slot for slot in asked if f"{{{slot}}}" in template and slot not in given)
    if free:
        given[r.choice(free)] = r.choice(_MARKS)


def redacted_section(draft: Draft, number: str) -> None:
    """A section of which nothing but the mark of an omission is left, asked about by its number."""
    r = draft.r
    span = draft.section(number, None, r.choice(_MARKS))
    question = r.choice((f"What does section {number} say?", f"What is written in {number}?", f"{number}: what are its terms?", f"Tell me what section {number} is about.",
                         f"What amount is given in section {number}?", f"Which duties follow from {number}?", f"content of section {number}",
                         f"Summarise section {number}."))  # fmt: skip
    draft.asked.append(Asked(reword(question, r), REDACTED, span, (span[0],), f"{draft.family}redacted", span))


def comparisons(draft: Draft) -> list[Asked]:
    """Which of two periods is the longer one."""
    r = draft.r
    known: list[tuple[str, int, str, int, Fact]] = []
    for fact in draft.facts:
        for ask in fact.entry.asks:
            slot = re.match(r"[^{]*{(\w+)}", ask.answer)
            given = fact.given.get(slot.group(1), "") if slot and ask.label else ""
            size = _QUANTITY.fullmatch(given) or _QUANTITY.search(given)
            if size and fact.text.count(given) == 1:
                known.append(
                    (
                        fill(ask.label, dict(fact.given), r),
                        int(size[1]),
                        size[2],
                        fact.start + fact.text.find(given),
                        fact,
                    )
                )
    r.shuffle(known)
    known.sort(key=lambda one: one[2])  # neighbours share a unit
    found: list[Asked] = []
    for one, other in zip(known[::2], known[1::2], strict=False):
        if one[2] != other[2] or one[1] == other[1] or len(found) > 3:
            continue
        longer, shorter = (one, other) if one[1] > other[1] else (other, one)
        question = r.choice((f"Which is longer, {one[0]} or {other[0]}?", f"What gives more time: {one[0]} or {other[0]}?",
                        f"Compare {one[0]} with {other[0]}. Which one is longer?"))  # fmt: skip
        answer = f"{capital(longer[0])}: {longer[1]} {longer[2]}s against {shorter[1]} {shorter[2]}{'s' if shorter[1] != 1 else ''}"
        fact = longer[4]
        low = max([0, *(m.end() for m in re.finditer(r"[.;] ", fact.text[: longer[3] - fact.start]))])
        focus = (longer[3], longer[3] + 8)
        place = (fact.start + low, fact.start + len(fact.text))
        found.append(Asked(reword(question, r), answer, place, (longer[3], shorter[3]), "deal compare", focus))
    return found


def sums(draft: Draft) -> list[Asked]:
    """What two amounts of dollars, named by different clauses, come to together."""
    r = draft.r
    known: list[tuple[str, int, int, Fact]] = []
    for fact in draft.facts:
        for ask in fact.entry.asks:
            slot = _SLOT.search(ask.answer)
            given = fact.given.get(slot.group(1), "") if slot and ask.label else ""
            amount = dollars_in(given)
            if amount and amount % 1000 == 0 and "US" not in given and fact.text.count(given) == 1:
                known.append((fill(ask.label, dict(fact.given), r), amount, fact.start + fact.text.find(given), fact))
    r.shuffle(known)
    found: list[Asked] = []
    for one, other in list(zip(known[::2], known[1::2], strict=False))[:2]:
        question = r.choice((f"How much are {one[0]} and {other[0]} together?", f"Add up {one[0]} and {other[0]}.", f"What do {one[0]} and {other[0]} come to in all?",
                             f"total of {one[0]} and {other[0]}", f"If both {one[0]} and {other[0]} fall due, how much is that?"))  # fmt: skip
        answer = f"${one[1] + other[1]:,} (${one[1]:,} and ${other[1]:,})"
        fact, at = other[3], other[2]
        low = max([0, *(m.end() for m in re.finditer(r"[.;] ", fact.text[: at - fact.start]))])
        focus = draft.unbroken(at, at + 8)
        place = (fact.start + low, fact.start + len(fact.text))
        found.append(Asked(reword(question, r), answer, place, (one[2], at), f"{draft.family}sum", focus))
    return found
