"""Contracts: articles and numbered sections out of the bank of clauses, definitions, lists and cross references."""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from sparse_backend.train.texts.bank import Entry, bank, capital, fill, locate, ready
from sparse_backend.train.texts.contract_words import LISTS, PARTIES, REFER, TITLES, refusals, terms
from sparse_backend.train.texts.page import Asked, Page, Writer
from sparse_backend.train.texts.values import company, date, number_words
from sparse_backend.train.texts.wording import reword

HELD_OUT = (
    "audit",
    "royalties",
    "option to purchase",
    "key personnel",
    "probation",
    "source escrow",
    "data location",
    "milestones",
)
"""Clauses that training never sees; evaluation asks about them too."""


@dataclass(slots=True)
class _Fact:
    entry: Entry
    number: str
    given: dict[str, str]
    text: str
    start: int


@dataclass(slots=True)
class _Draft:
    r: random.Random
    given: dict[str, str]
    writer: Writer = field(default_factory=Writer)
    facts: list[_Fact] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    width: int = 0


def contract(
    r: random.Random, characters: int, questions: int, filler: Sequence[str], *, held_out: bool = False
) -> Page:
    """A contract of about `characters`, padded with paragraphs of `filler` (real legal text), and its questions.

    `held_out`: with the clauses that training never sees.
    """
    first, second = r.choice(PARTIES)
    the = "the " if r.random() < 0.75 else ""
    draft = _Draft(r, {"A": the + first, "B": the + second})
    draft.width = r.choice((0, 0, 0, 0, 78, 96))
    _opening(draft, first, second)
    entries = [entry for entry in bank("clauses") if held_out or entry.name not in HELD_OUT]
    r.shuffle(entries)
    left_out = entries[: max(8, len(entries) // 5)]
    use = entries[len(left_out) :]
    _body(draft, use, characters, filler)
    page = draft.writer.page([], "contract")
    asked = [*draft.asked, *_questions(draft, page.text)]
    r.shuffle(asked)
    refused = refusals(r, draft.given, left_out, page.text)
    count = sum(r.random() < 0.25 for _ in range(questions))
    chosen = asked[: questions - count] + refused[:count]
    r.shuffle(chosen)
    return Page(page.text, page.headers, tuple(chosen), "contract")


def _opening(draft: _Draft, first: str, second: str) -> None:
    r, writer = draft.r, draft.writer
    title = r.choice(TITLES)
    writer.header(title)
    one, other, day = company(r), company(r), date(r)
    form = r.randrange(3)
    intro = (
        f'This Agreement (the "Agreement") is entered into as of {day} by and between {one} (the "{first}") and {other} (the "{second}").',
        f'THIS AGREEMENT is made on {day} BETWEEN {one}, hereinafter called the "{first}", AND {other}, hereinafter called the "{second}".',
        f'Dated {day}. Parties: (1) {one} ("{first}"); and (2) {other} ("{second}").',
    )[form]
    writer.write("\n\n")
    span = _paragraph(draft, intro)
    text = intro
    for name, role in ((one, first), (other, second)):
        focus = (span[0] + text.find(name), span[0] + text.find(name) + len(name))
        ask = r.choice(
            (
                f"Who is the {role}?",
                f"Which company is the {role}?",
                f"name of the {role}",
                f"What is the full name of the {role}?",
                f"identity of {role.lower()}",
            )
        )
        if not draft.width:
            draft.asked.append(Asked(reword(ask, r), name, span, (focus[0],), "party", focus))
    if not draft.width:
        focus = (span[0] + text.find(day), span[0] + text.find(day) + len(day))
        ask = r.choice(
            (
                "What is the date of this agreement?",
                "When was the agreement made?",
                "date of the agreement",
                "As of which date was it entered into?",
            )
        )
        draft.asked.append(Asked(reword(ask, r), day, span, (focus[0],), "party", focus))


def _paragraph(draft: _Draft, text: str) -> tuple[int, int]:
    """Writes a paragraph, wrapped where this contract is; its characters."""
    start = draft.writer.length
    draft.writer.write(
        textwrap.fill(text, draft.width, break_on_hyphens=False, break_long_words=False) if draft.width else text
    )
    end = draft.writer.length
    draft.writer.write("\n\n")
    return start, end


def _body(draft: _Draft, use: list[Entry], characters: int, filler: Sequence[str]) -> None:
    r, writer = draft.r, draft.writer
    style = r.randrange(5)
    article, pool = 0, list(use)
    share = r.choice((0.0, 0.2, 0.45, 0.7))  # of real legal text
    while writer.length < characters:
        article += 1
        entries = [pool.pop() for _ in range(min(len(pool), r.randint(1, 6)))]
        if not entries and not filler:
            break
        topic = (
            r.choice(entries[0].headings)
            if entries
            else f"{r.choice(('Additional', 'Supplementary', 'General', 'Technical', 'Special'))} Provisions"
        )
        if r.random() < 0.18 or article == 1:
            entries, topic = ([], "Definitions") if r.random() < 0.5 or article == 1 else (entries, topic)
        _article(draft, style, article, topic)
        section = 0
        if not entries and topic == "Definitions":
            _definitions(draft, style, article)
            continue
        for entry in entries:
            while filler and r.random() < share:
                section += 1
                _section(draft, style, f"{article}.{section}", None, r.choice(filler))
            section += 1
            _clause(draft, style, f"{article}.{section}", entry)
            if r.random() < 0.1:
                section += 1
                _list(draft, style, f"{article}.{section}")
            if r.random() < 0.15 and len(draft.facts) > 1:
                section += 1
                _reference(draft, style, f"{article}.{section}")
        for _ in range(r.randint(1, 3) if not entries else 0):
            section += 1
            _section(draft, style, f"{article}.{section}", None, r.choice(filler))


def _article(draft: _Draft, style: int, number: int, topic: str) -> None:
    roman = (
        "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX".split()
        + [str(n) for n in range(21, 200)]
    )[number - 1]
    head = (
        f"ARTICLE {roman} - {topic.upper()}",
        f"{number}. {topic.upper()}",
        f"Article {number} {topic}",
        f"{number}. {topic}",
        f"## {number}. {topic}",
    )[style]
    draft.writer.header(head, head.lstrip("# "))
    draft.writer.write("\n\n")


def _section(draft: _Draft, style: int, number: str, heading: str | None, text: str) -> tuple[int, int]:
    """A numbered section; the characters of its text."""
    mark = f"Section {number}" if style in (0, 2) else number
    if heading:
        draft.writer.header(f"{mark} {heading}")
        draft.writer.write((". ", ".\n", "\n", ". ", "\n\n")[style])
    else:
        draft.writer.header(mark)
        draft.writer.write(" ")
    return _paragraph(draft, text)


def _clause(draft: _Draft, style: int, number: str, entry: Entry) -> None:
    r = draft.r
    given = dict(draft.given)
    text = capital(fill(r.choice(entry.texts), given, r))
    if draft.given["A"].startswith("the "):
        text = re.sub(r"(?<=[.;] )the (?=[A-Z])", "The ", text)
    heading = fill(r.choice(entry.headings), dict(draft.given), r).replace("the ", "") if r.random() < 0.8 else None
    start, _ = _section(draft, style, number, heading, text)
    draft.facts.append(_Fact(entry, number, given, text, start))


def _definitions(draft: _Draft, style: int, article: int) -> None:
    r = draft.r
    free = [term for term in terms() if f'"{term[0]}"' not in draft.given]
    for index, (term, meaning) in enumerate(r.sample(free, min(len(free), r.randint(4, 12))), 1):
        draft.given[f'"{term}"'] = ""
        body = fill(meaning, {}, r)
        quoted = r.choice((f'"{term}"', f"“{term}”"))
        number = f"{article}.{index}"
        draft.writer.header(f"{f'Section {number}' if style in (0, 2) else number} {quoted}")
        at = draft.writer.length - len(quoted)
        text = f" {r.choice(('means', 'means', 'shall mean', 'has the meaning of'))} {body}."
        draft.writer.write(text)
        span = (at, draft.writer.length)
        draft.writer.write("\n\n")
        question = r.choice((f"What does {term} mean?", f"How is {quoted} defined?", f"definition of {term}", f"What is meant by {term}?", f"Define {term}.",
                             f"What counts as {term}?", f"{term.lower()} meaning", f"explain the term {term}"))  # fmt: skip
        focus = (at + len(quoted) + 1, span[1])
        draft.asked.append(Asked(reword(question, r), capital(body), span, (at, span[1] - 2), "definition", focus))


def _list(draft: _Draft, style: int, number: str) -> None:
    r = draft.r
    lead, topic, items = r.choice(LISTS)
    if f"list {topic}" in draft.given:
        return
    draft.given[f"list {topic}"] = ""
    bare = {slot: draft.given[slot].removeprefix("the ") for slot in "AB"}
    lead, topic = fill(lead, dict(bare), r), fill(topic, dict(bare), r)
    chosen = r.sample(items.split("|"), r.randint(3, 6))
    span = _section(draft, style, number, None, lead) if not draft.width else (0, 0)
    if draft.width:
        return
    end = span[1]
    for index, item in enumerate(chosen):
        draft.writer.header(f"({'abcdefgh'[index]})", cited=False)
        draft.writer.write(f" {item}{'.' if index == len(chosen) - 1 else ';'}\n")
        end = draft.writer.length
    draft.writer.write("\n")
    if r.random() < 0.5:
        question = (
            r.choice((f"How many {topic} are listed?", f"number of {topic}", f"Count the {topic}."))
            if not topic.startswith(("contents", "work"))
            else f"How many items are listed under {topic}?"
        )
        answer = capital(number_words(len(chosen)))
    else:
        question = r.choice(
            (
                f"What are the {topic}?",
                f"List the {topic}.",
                f"{topic}",
                f"Name all {topic}.",
                f"Which {topic} does the agreement list?",
            )
        )
        answer = capital("; ".join(chosen))
    draft.asked.append(Asked(reword(question, r), answer, span, (span[0], end - 2), "list", (span[0], span[1])))


def _reference(draft: _Draft, style: int, number: str) -> None:
    r = draft.r
    target = r.choice(draft.facts)
    span = _section(draft, style, number, None, r.choice(REFER).format(n=target.number))
    made = _ask(draft, target)
    if made is not None:
        topic = r.choice(made.question.split("|")) if "|" in made.question else target.entry.name
        question = r.choice((
            f"What does the Section that Section {number} refers to say about {topic}?", f"Section {number} points to another Section. What does that one provide on {topic}?",
            f"Follow the reference in {number}: {topic}?", f"In the provision referred to in Section {number}, what is stated on {topic}?"))  # fmt: skip
        draft.asked.append(Asked(question, made.answer, made.quote, (*made.seen, span[0]), "reference", made.focus))


def _ask(draft: _Draft, fact: _Fact) -> Asked | None:
    """One question about a clause."""
    r = draft.r
    ask = r.choice(fact.entry.asks)
    if not ready(ask, fact.given):
        return None
    found = locate(fact.text, ask, fact.given, r)
    if found is None:
        return None
    (low, high), (at, stop) = found
    answer = capital(fill(ask.answer, fact.given, r))
    question = fill(r.choice(ask.questions), fact.given, r)
    return Asked(
        reword(question, r),
        answer,
        (fact.start + low, fact.start + high),
        (fact.start + at,),
        "clause held out" if fact.entry.name in HELD_OUT else "clause",
        (fact.start + at, fact.start + stop),
    )


def _questions(draft: _Draft, text: str) -> list[Asked]:
    """Questions about every clause; one whose proof was broken by wrapping is left out."""
    r = draft.r
    found = []
    for fact in draft.facts:
        made = _ask(draft, fact)
        if made is None:
            continue
        if made.focus and "\n" in text[made.focus[0] : made.focus[1]]:  # broken by the wrapping
            continue
        found.append(made)
        if r.random() < 0.12 and fact.number:
            ask = f"What does Section {fact.number} say?" if r.random() < 0.5 else f"Summarise Section {fact.number}."
            sentence = fact.text.split(". ")[0]
            words = sentence.split()
            if len(words) < 34:
                span = (fact.start, fact.start + len(sentence))
                found.append(Asked(reword(ask, r), sentence.rstrip("."), span, (fact.start,), "section", span))
    return found
