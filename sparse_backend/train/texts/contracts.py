"""Contracts: articles and numbered sections out of the bank of clauses, definitions, lists and cross references."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from sparse_backend.train.texts.bank import Entry, bank, capital, fill
from sparse_backend.train.texts.contract_words import PARTIES, REFER, TITLES, refusals
from sparse_backend.train.texts.drafting import Draft, Fact, Layout
from sparse_backend.train.texts.page import Asked, Page
from sparse_backend.train.texts.values import company, date
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


def contract(
    r: random.Random, characters: int, questions: int, filler: Sequence[str], *, held_out: bool = False
) -> Page:
    """A contract of about `characters`, padded with paragraphs of `filler` (real legal text), and its questions.

    `held_out`: with the clauses that training never sees.
    """
    first, second = r.choice(PARTIES)
    the = "the " if r.random() < 0.75 else ""
    given = {"A": the + first, "B": the + second, "a": r.choice((the + first, "the other side")), "b": the + second}
    draft = Draft(r, given, Layout.drawn(r), held_out=held_out)
    _opening(draft, first, second)
    entries = [entry for entry in bank("clauses") if held_out or entry.name not in HELD_OUT]
    r.shuffle(entries)
    left_out = entries[: max(8, len(entries) // 5)]
    use = entries[len(left_out) :]
    _body(draft, use, characters, filler)
    page = draft.writer.page([], "contract")
    asked = [*draft.asked, *_questions(draft, page.text)]
    r.shuffle(asked)
    refused = refusals(r, draft.given, left_out, page.text, held_out=held_out)
    count = sum(r.random() < 0.25 for _ in range(questions))
    chosen = asked[: questions - count] + refused[:count]
    r.shuffle(chosen)
    return Page(page.text, page.headers, tuple(chosen), "contract")


def _opening(draft: Draft, first: str, second: str) -> None:
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
    span = draft.paragraph(intro)
    text = intro
    for name, role in ((one, first), (other, second)):
        focus = draft.unbroken(span[0] + text.find(name), span[0] + text.find(name) + len(name))
        ask = r.choice(
            (
                f"Who is the {role}?",
                f"Which company is the {role}?",
                f"name of the {role}",
                f"What is the full name of the {role}?",
                f"identity of {role.lower()}",
            )
        )
        draft.asked.append(Asked(reword(ask, r), name, span, (focus[0],), "party", focus))
    focus = draft.unbroken(span[0] + text.find(day), span[0] + text.find(day) + len(day))
    ask = r.choice(
        (
            "What is the date of this agreement?",
            "When was the agreement made?",
            "date of the agreement",
            "As of which date was it entered into?",
        )
    )
    draft.asked.append(Asked(reword(ask, r), day, span, (focus[0],), "party", focus))


def _body(draft: Draft, use: list[Entry], characters: int, filler: Sequence[str]) -> None:
    r, writer = draft.r, draft.writer
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
        draft.article(article, topic)
        section = 0
        if not entries and topic == "Definitions":
            draft.definitions(1, article)
            continue
        for entry in entries:
            while filler and r.random() < share:
                section += 1
                draft.section(f"{article}.{section}", None, r.choice(filler))
            section += 1
            _clause(draft, f"{article}.{section}", entry)
            if r.random() < 0.1:
                section += 1
                draft.listing(f"{article}.{section}")
            if r.random() < 0.15 and len(draft.facts) > 1:
                section += 1
                _reference(draft, f"{article}.{section}")
        for _ in range(r.randint(1, 3) if not entries else 0):
            section += 1
            draft.section(f"{article}.{section}", None, r.choice(filler))


def _clause(draft: Draft, number: str, entry: Entry) -> None:
    """A clause of the bank as a numbered section."""
    r = draft.r
    given = dict(draft.given)
    text = capital(fill(r.choice(entry.texts), given, r))
    if draft.given["A"].startswith("the "):
        text = re.sub(r"(?<=[.;] )the (?=[A-Z])", "The ", text)
    heading = fill(r.choice(entry.headings), dict(draft.given), r).replace("the ", "") if r.random() < 0.8 else None
    start, _ = draft.section(number, heading, text)
    draft.facts.append(Fact(entry, number, given, text, start))


def _reference(draft: Draft, number: str) -> None:
    r = draft.r
    target = r.choice(draft.facts)
    span = draft.section(number, None, r.choice(REFER).format(n=target.number))
    made = draft.ask(target, HELD_OUT)
    if made is not None:
        topic = r.choice(made.question.split("|")) if "|" in made.question else target.entry.name
        question = r.choice((
            f"What does the Section that Section {number} refers to say about {topic}?", f"Section {number} points to another Section. What does that one provide on {topic}?",
            f"Follow the reference in {number}: {topic}?", f"In the provision referred to in Section {number}, what is stated on {topic}?"))  # fmt: skip
        draft.asked.append(Asked(question, made.answer, made.quote, (*made.seen, span[0]), "reference", made.focus))


def _questions(draft: Draft, text: str) -> list[Asked]:
    """Questions about every clause; one whose proof was broken by wrapping is left out."""
    r = draft.r
    found = []
    for fact in draft.facts:
        made = draft.ask(fact, HELD_OUT)
        if made is None:
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
