"""Whole agreements of many kinds: recitals, articles by theme, values behind defined terms, schedules, signatures."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache

from sparse_backend.train.texts.bank import Entry, bank, capital, fill
from sparse_backend.train.texts.contracts import HELD_OUT as OLDER_HELD_OUT
from sparse_backend.train.texts.deal_words import KINDS, OLDER, THEMES, Kind, fits, rivals
from sparse_backend.train.texts.drafting import Draft, Fact, Layout
from sparse_backend.train.texts.dressing import dressed
from sparse_backend.train.texts.enumerations import asked_run_in, run_in, spread
from sparse_backend.train.texts.inferences import comparisons, hide, redacted_section, sums
from sparse_backend.train.texts.page import NOT_STATED, Asked, Page
from sparse_backend.train.texts.schedules import schedules
from sparse_backend.train.texts.values import CITIES, coined, date, person, value
from sparse_backend.train.texts.wording import reword

HELD_OUT = (
    *OLDER_HELD_OUT, "rebate", "improvements", "sick pay", "recall", "transition", "deadlock", "claim period", "open source",
    "publication review", "illness", "drag tag", "amendment form yes", "amendment form no", "reporting a loss", "grounds for summary end",
    "locked box leakage", "trial sponsorship injuries", "partner retirement", "hotel allotment release",
)  # fmt: skip
"""Clauses that training never sees; evaluation asks about them too."""
NEWER = (*(f"deals_{number}" for number in range(1, 20)), "lists")
"""The banks of clauses that name their own themes."""
_HEAD_START = 0.6  # of clauses with several topics: each of their many rivals may keep them out
_LEGAL = (
    "Inc.",
    "LLC",
    "Ltd.",
    "GmbH",
    "S.A.",
    "Corporation",
    "Limited",
    "B.V.",
    "AG",
    "plc",
    "S.r.l.",
    "Oy",
    "AB",
    "LP",
)
_BRANCH = (
    "",
    "",
    " Systems",
    " Industries",
    " Pharmaceuticals",
    " Logistics",
    " Holdings",
    " Technologies",
    " Foods",
    " Energy",
    " Group",
    " Labs",
)
_TERM = re.compile(r"\b(?:within|for|during) {(days|months|years|hours|weeks)}")
_TERM_NAMES = ("Standard Period", "Agreed Period", "Reference Period", "Waiting Period", "Relevant Period", "Reaction Time", "Applicable Period")  # fmt: skip


def deal(r: random.Random, characters: int, questions: int, filler: Sequence[str], *, held_out: bool = False) -> Page:
    """An agreement of about `characters` with its questions, some of them on clauses that it lacks."""
    kind = r.choice(KINDS)
    draft = Draft(r, {}, Layout.drawn(r), held_out=held_out, family="deal ")
    plan = _plan(r, kind, characters, held_out=held_out)
    hidden = _hidden(r, plan)
    _opening(draft, kind)
    _body(draft, plan, hidden, characters, filler)
    draft.asked += schedules(r, draft.writer, r.choice((0, 1, 1, 2, 3)))
    _signatures(draft)
    page = draft.writer.page([], "contract")
    asked = [*draft.asked, *_questions(draft, page.text)]
    r.shuffle(asked)
    refused = _refusals(draft, kind, {entry.name for entry in plan})
    count = min(len(refused), sum(r.random() < 0.2 for _ in range(questions)))
    chosen = {one.question: one for one in (*asked[: questions - count], *refused[:count])}
    mixed = list(chosen.values())
    r.shuffle(mixed)
    return Page(page.text, page.headers, tuple(mixed), "contract")


@cache
def clauses() -> tuple[tuple[str, Entry], ...]:
    """Every clause with its theme."""
    themes = {name: theme for theme, names in OLDER.items() for name in names.split("|")}
    newer = [(entry.theme, entry) for name in NEWER for entry in bank(name)]
    return tuple([(themes[entry.name], entry) for entry in bank("clauses") if entry.name in themes] + newer)


def _fitting(kind: Kind) -> list[tuple[str, Entry]]:
    return [(theme, entry) for theme, entry in clauses() if fits(theme, entry.name, entry.kinds, kind.name)]


def _plan(r: random.Random, kind: Kind, characters: int, *, held_out: bool) -> list[Entry]:
    """The clauses of this agreement: none whose topic another one covers, some left out with all their rivals."""
    fitting = [entry for _, entry in _fitting(kind) if held_out or entry.name not in HELD_OUT]
    own = [entry for entry in fitting if kind.name in entry.kinds]
    r.shuffle(own)
    fitting.sort(key=lambda entry: r.random() * (1 - _HEAD_START * (len(entry.topics) > 1)))
    plan: list[Entry] = []
    room = characters - 1500 - characters // 9
    left_out = r.sample(fitting, len(fitting) // r.choice((12, 15, 20)))
    taken = {name for entry in left_out for name in (entry.name, *_rivals(entry.name))}
    for entry in [*own, *fitting] if r.random() < 0.5 else fitting:
        if room <= 0 and len(plan) >= 4:
            break
        if entry.name not in taken:
            plan.append(entry)
            room -= _size(entry)
            taken |= {entry.name, *_rivals(entry.name)}
    return plan


@cache
def _rivals(name: str) -> frozenset[str]:
    """The clauses that answer what `name` answers: by topics of the older banks, and by those that clauses name themselves."""
    mine = {name}.union(*(entry.topics for _, entry in clauses() if entry.name == name))
    shared = {entry.name for _, entry in clauses() if mine & {entry.name, *entry.topics}}
    return frozenset((shared | rivals(name)) - {name})


@cache
def _size(entry: Entry) -> int:
    """Characters that a clause takes with its number and padding, about."""
    return 130 + sum(map(len, entry.texts)) // len(entry.texts) + 40 * len(entry.items)


def _hidden(r: random.Random, plan: list[Entry]) -> dict[str, tuple[str, str]]:
    """Clauses whose period stands behind a defined term: name -> (slot, term)."""
    terms = r.sample(_TERM_NAMES, len(_TERM_NAMES))
    found: dict[str, tuple[str, str]] = {}
    for entry in plan:
        slots = {match.group(1) for text in entry.texts for match in _TERM.finditer(text)}
        if terms and slots and r.random() < 0.15:
            found[entry.name] = (sorted(slots)[0], terms.pop())
    return found


def _opening(draft: Draft, kind: Kind) -> None:
    r, writer, given = draft.r, draft.writer, draft.given
    roles = (r.choice(kind.first), r.choice(kind.second))
    short = tuple(coined(r) for _ in roles)
    firms = tuple(f"{name}{r.choice(_BRANCH)}{r.choice((' ', ', '))}{r.choice(_LEGAL)}" for name in short)
    if kind.name == "employment":
        short, firms = (short[0], (lone := person(r)).split()[1]), (firms[0], lone)
    style = r.choice(("role", "role", "role", "bare", "short", "caps"))
    names = {"role": tuple(f"the {role}" for role in roles), "bare": roles, "short": short,
             "caps": tuple(name.upper() for name in short)}[style]  # fmt: skip
    given.update(A=names[0], B=names[1], a=r.choice(kind.first_words), b=r.choice(kind.second_words))
    day = date(r)
    writer.header(r.choice(kind.titles))
    writer.write("\n\n")
    called = [f'“{s if style == "short" else s.upper()}” or the “{role}”' if style in ("short", "caps") else f"the “{role}”"
              for s, role in zip(short, roles, strict=True)]  # fmt: skip
    seats = [f"{r.randint(1, 240)} {r.choice(('Mill Lane', 'Harbour Street', 'Station Road', 'Park Avenue', 'Oak Drive'))}, {r.choice(CITIES)}" for _ in roles]  # fmt: skip
    intro = r.choice((
        f"This agreement is made on {day} between {firms[0]}, with its seat at {seats[0]} ({called[0]}), and {firms[1]}, of {seats[1]} ({called[1]}).",
        f"THIS AGREEMENT, dated as of {day}, is entered into by and between {firms[0]}, having its place of business at {seats[0]} (hereinafter {called[0]}), and {firms[1]}, {seats[1]} (hereinafter {called[1]}).",
        f"Parties: {firms[0]}, {seats[0]} ({called[0]}); and {firms[1]}, {seats[1]} ({called[1]}). Date of this agreement: {day}.",
    ))  # fmt: skip
    start, end = draft.paragraph(intro)
    _party_questions(draft, intro, start, end, day, firms, seats, roles)
    if r.random() < 0.8:
        writer.header(r.choice(("RECITALS", "BACKGROUND", "WHEREAS", "Preamble")))
        writer.write("\n\n")
        for letter, recital in zip("AB", kind.recitals, strict=False):
            draft.paragraph(f"({letter}) {capital(fill(recital, {'A': names[0], 'B': names[1]}, r))}")


def _party_questions(draft: Draft, intro: str, start: int, end: int, day: str, firms: Sequence[str], seats: Sequence[str],
                     roles: Sequence[str]) -> None:  # fmt: skip
    r = draft.r
    asks: list[tuple[str, tuple[str, ...]]] = [(day, ("What is the date of this agreement?", "When was this made?", "On which day did the parties enter into it?", "date of the contract",
                   "How old is this paper? Give its date.", "From what date is the deal?"))]  # fmt: skip
    for side, word in ((0, "a"), (1, "b")):
        called = draft.given[word]
        asks += [(firms[side], (f"Who is the {roles[side]}?", f"What is the full name of {called}?", f"{roles[side]}: which company or person?",
                                f"Who are we dealing with as {roles[side].lower()}?", f"legal name of {called}")),
                 (seats[side], (f"Where is the {roles[side]} located?", f"What is the address of {firms[side]}?", f"Where does {called} sit?",
                                f"registered address of the {roles[side]}", f"In which street is {called}?"))]  # fmt: skip
    for answer, wordings in r.sample(asks, 3):
        at = start + intro.find(answer)
        focus = draft.unbroken(at, at + len(answer))
        draft.asked.append(Asked(reword(r.choice(wordings), r), answer, (start, end), (at,), "deal party", focus))


def _body(
    draft: Draft, plan: list[Entry], hidden: dict[str, tuple[str, str]], characters: int, filler: Sequence[str]
) -> None:
    r = draft.r
    themes: dict[str, list[Entry]] = {}
    theme_of = {entry.name: theme for theme, entry in clauses()}
    for entry in plan:
        themes.setdefault(theme_of[entry.name], []).append(entry)
    order = sorted(themes, key=lambda theme: (theme == "general", r.random()))
    number = 1
    if hidden or r.random() < 0.7:
        draft.article(number, r.choice(("Definitions", "Definitions and Interpretation", "Defined Terms")))
        _periods(draft, number, hidden)
        draft.definitions(len(hidden) + 1, number)
        number += 1
    padding = max(0, characters - draft.writer.length - sum(map(_size, plan)) - 500)
    each = padding / max(1, len(plan))
    spare = 0.0
    for theme in order:
        draft.article(number, r.choice(THEMES[theme]))
        at = 0
        for entry in themes[theme]:
            at += 1
            _clause(draft, f"{number}.{at}", entry, hidden.get(entry.name))
            spare += each
            while filler and spare > 500:
                at += 1
                low, high = draft.section(f"{number}.{at}", None, r.choice(filler))
                spare -= high - low + 20
            if r.random() < 0.06:
                at += 1
                draft.listing(f"{number}.{at}")
        if r.random() < 0.03:
            redacted_section(draft, f"{number}.{at + 1}")
        number += 1


def _periods(draft: Draft, article: int, hidden: dict[str, tuple[str, str]]) -> None:
    """Definitions of the terms behind which periods stand."""
    for index, (slot, term) in enumerate(hidden.values(), 1):
        length = draft.given[f"term {term}"] = value(slot, draft.r)
        draft.section(f"{article}.{index}", None, f"{draft.quoted(term)} means {length}.")


def _clause(draft: Draft, number: str, entry: Entry, term: tuple[str, str] | None) -> None:
    r = draft.r
    given = {key: draft.given[key] for key in "ABab"}
    template = r.choice(entry.texts)
    if term and _TERM.search(template) and f"{{{term[0]}}}" in template:
        given[term[0]] = f"the {term[1]}"
    heading = fill(r.choice(entry.headings), dict(given), r).replace("the ", "") if r.random() < 0.7 else None
    below = entry.items and template.rstrip(".").endswith("{list}") and r.random() < 0.6
    parts = [] if below or not entry.items else run_in(entry, given, r)
    if below:
        template = template[: template.index("{list}")].rstrip(" :") + ":"
    elif not term and not entry.items:
        hide(template, entry, given, r)
    text = capital(fill(template, given, r)).replace("..", ".")
    text = re.sub(r"(?<=\. )the (?=[A-Z])", "The ", text) if draft.given["A"].startswith("the ") else text
    if below:
        fact, asked = spread(draft, number, heading, text, entry, given)
        draft.asked += asked
    else:
        text = dressed(text, r)
        start, _ = draft.section(number, heading, text)
        fact = Fact(entry, number, given, text, start)
        draft.asked += asked_run_in(draft, fact, parts) if parts else []
    draft.facts.append(fact)


def _questions(draft: Draft, text: str) -> list[Asked]:
    """Two or three differently worded questions on every clause; some on two clauses, some on where a clause stands."""
    r = draft.r
    found: list[Asked] = []
    for fact in draft.facts:
        for _ in range(min(len(fact.entry.asks) + 1, 4) if fact.entry.asks else 0):
            made = draft.ask(fact, HELD_OUT)
            if made is None:
                continue
            term = next((name for name in _TERM_NAMES if f"the {name}".lower() in made.answer.lower()), None)
            found.append(_defined(draft, made, term, text) if term else made)
        labels = [ask.label for ask in fact.entry.asks if ask.label]
        if labels and r.random() < 0.35:
            label = r.choice(labels)
            label = fill(label, dict(fact.given), r)
            ask = r.choice((f"Which section deals with {label}?", f"Where does it talk about {label}?", f"In what section do I find {label}?",
                            f"Where is {label} regulated?", f"section on {label}"))  # fmt: skip
            first = fact.text.split(". ")[0]
            place = (fact.start, fact.start + len(first))
            found.append(Asked(reword(ask, r), f"Section {fact.number}", place, (fact.start,), "deal where", place))
    return found + comparisons(draft) + sums(draft)


def _defined(draft: Draft, made: Asked, term: str, text: str) -> Asked:
    """The answer is the meaning of a term: said as such, and proved by the definition."""
    length = draft.given[f"term {term}"]
    at = text.find(draft.quoted(term))
    stop = at + len(f"{draft.quoted(term)} means {length}")
    answer = re.sub(f"the {term}", length, made.answer, flags=re.IGNORECASE)
    return Asked(made.question, capital(answer), (at, stop + 1), (*made.seen, at), "deal term", (at, stop))


def _refusals(draft: Draft, kind: Kind, used: set[str]) -> list[Asked]:
    """Questions on clauses that fit this kind of agreement but were left out of it, with all their topic."""
    r = draft.r
    found: list[Asked] = []
    for _, entry in _fitting(kind):
        if entry.name in used or _rivals(entry.name) & used:
            continue
        ask = r.choice(entry.asks)
        if "{milestone" in "".join(ask.questions):
            continue
        question = fill(r.choice(ask.wordings(held_out=draft.held_out)), dict(draft.given), r)
        found.append(Asked(reword(question, r), NOT_STATED, family="deal refusal"))
    r.shuffle(found)
    return found


def _signatures(draft: Draft) -> None:
    r, writer = draft.r, draft.writer
    writer.write(
        r.choice(("IN WITNESS WHEREOF the parties have executed this agreement.\n\n", "Signed by the parties:\n\n", ""))
    )
    for side in "AB":
        writer.write(f"For {draft.given[side]}:\n\nName: {person(r)}\nTitle: {value('role', r)}\n\n")
