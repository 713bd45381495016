"""Lists inside clauses: some items of a bank, run in behind letters or set out as numbered sub-clauses, to be counted."""

from __future__ import annotations

import random
from dataclasses import replace

from sparse_backend.train.texts.bank import Ask, Entry, Item, capital, fill, locate
from sparse_backend.train.texts.drafting import Draft, Fact
from sparse_backend.train.texts.page import Asked
from sparse_backend.train.texts.values import number_words
from sparse_backend.train.texts.wording import reword

_ROMAN = "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split()
_LETTERS = "abcdefghijklmnopqrst"
MOST = 18


def chosen(entry: Entry, r: random.Random) -> list[Item]:
    """Three or more of the clause's items, in any order."""
    most = min(len(entry.items), MOST)
    return r.sample(entry.items, r.randint(min(3, most), most))


def marks(count: int, style: int, number: str = "") -> list[str]:
    """What stands before each item: (a), (A), (i), (1), 7.2.1, (a) again."""
    return [
        (f"({_LETTERS[i]})", f"({_LETTERS[i].upper()})", f"({_ROMAN[i]})", f"({i + 1})", f"{number}.{i + 1}")[style]
        for i in range(count)
    ]


def run_in(entry: Entry, given: dict[str, str], r: random.Random) -> list[tuple[Item, str, str]]:
    """Sets {list} and {n} in `given`; the items with their marks and texts."""
    items = chosen(entry, r)
    style = r.randrange(4)
    joint = r.choice((";", ","))
    texts = [fill(item.text, given, r) for item in items]
    signs = marks(len(items), style)
    parts = [f"{sign} {text}" for sign, text in zip(signs, texts, strict=True)]
    last = r.choice(("and ", "or ", "")) if joint == ";" else "and "
    given["list"] = f"{joint} ".join(parts[:-1]) + f"{joint} {last}{parts[-1]}"
    given["n"] = number_words(len(items))
    return list(zip(items, signs, texts, strict=True))


def spread(
    draft: Draft, number: str, heading: str | None, lead: str, entry: Entry, given: dict[str, str]
) -> tuple[Fact, list[Asked]]:
    """The lead as a section and its items as sub-clauses below; the fact whose count is asked for, and questions on items."""
    r = draft.r
    items = chosen(entry, r)
    given["n"] = number_words(len(items))
    start, _ = draft.section(number, heading, lead)
    asked: list[Asked] = []
    style = r.choice((0, 2, 4, 4))
    last = (start, start + 1)
    signs = marks(len(items), style, number)
    for index, (item, sign) in enumerate(zip(items, signs, strict=True)):
        text = fill(item.text, given, r)
        begin = draft.writer.length
        draft.writer.header(sign, cited=False)
        draft.writer.write(" ")
        end = ";" if index < len(items) - 1 else "."
        low, high = draft.paragraph(capital(text) + end if style == 4 else text + end, len(sign) + 1)
        last = (begin, high)
        if item.ask:
            focus = draft.unbroken(low, high)
            asked.append(_on_item(draft, item.ask, given, (low, high), focus))
    for ask in entry.asks:
        if "{n}" in ask.answer:
            for _ in range(2):
                focus = draft.unbroken(*last)
                asked.append(_on_item(draft, ask, given, last, focus, start))
    others = replace(entry, asks=tuple(ask for ask in entry.asks if "{n}" not in ask.answer))
    return Fact(others, number, given, lead, start), asked


def asked_run_in(draft: Draft, fact: Fact, parts: list[tuple[Item, str, str]]) -> list[Asked]:
    """Questions on a run-in list: its count, proved by the last item, and single items."""
    found: list[Asked] = []
    sign, text = parts[-1][1:]
    for ask in fact.entry.asks:
        at = fact.text.rfind(f"{sign} {text}"[:40])
        if "{n}" in ask.answer and at >= 0:
            span = (fact.start + at, fact.start + at + len(sign) + 1 + len(text))
            first = fact.start + max(0, fact.text.find(f"{parts[0][1]} "))
            focus = draft.unbroken(span[0], min(span[1], span[0] + 60))
            found += [_on_item(draft, ask, fact.given, span, focus, first) for _ in range(2)]
    for item, sign, text in parts:
        at = fact.text.find(f"{sign} {text}")
        if item.ask and at >= 0:
            span = (fact.start + at, fact.start + at + len(sign) + 1 + len(text))
            found.append(_on_item(draft, item.ask, fact.given, span, draft.unbroken(*span)))
    return found


def _on_item(
    draft: Draft,
    ask: Ask,
    given: dict[str, str],
    span: tuple[int, int],
    focus: tuple[int, int],
    also: int | None = None,
) -> Asked:
    r = draft.r
    question = capital(fill(r.choice(ask.wordings(held_out=draft.held_out)), given, r))
    seen = (focus[0],) if also is None else (focus[0], also)
    family = "list count" if "{n}" in ask.answer else "list item"
    return Asked(reword(question, r), capital(fill(ask.answer, given, r)), span, seen, f"{draft.family}{family}", focus)


def provable(entry: Entry, text: str, given: dict[str, str], r: random.Random) -> bool:
    """Whether every question that is not a count is proved by the text."""
    return all("{n}" in ask.answer or locate(text, ask, given, r) for ask in entry.asks)
