"""Questions on a generated agreement, in other words than the agreement's own; one needs two distant places."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sparse_backend.eval.case import NOT_STATED, Case, Question, number, words
from sparse_backend.eval.filler import clauses
from sparse_backend.eval.suites.names import CITIES, COUNTRIES, MONTHS, SPELLED, numbers
from sparse_backend.eval.weave import Insert, Measure, weave


@dataclass(frozen=True, slots=True)
class Fact:
    """A clause, a question on it, the expressions of its answer, and those that would be wrong."""

    clause: str
    question: str
    answers: tuple[str, ...]
    wrong: tuple[str, ...] = ()


SILENT = (
    "Which court decides if the two sides cannot settle a quarrel?",
    "How much interest is owed when a bill is paid late?",
    "Who signed for the supplier?",
    "How many years must the books be kept?",
)


def qa(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """Four questions: on a clause at `depth`, on another clause, over two places, and one without an answer."""
    facts = _facts(random)
    random.shuffle(facts)
    first, second = facts[:2]
    ports, links = _ports(random)
    inserts = [Insert(first.clause, depth, "first")]
    inserts += [Insert(fact.clause, random.random(), str(index)) for index, fact in enumerate(facts[1:], 1)]
    inserts += [Insert(text, where, label) for label, text, where in ports]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = (
        Question(first.question, (first.answers,), first.wrong, (woven.places["first"],)),
        Question(second.question, (second.answers,), second.wrong, (woven.places["1"],)),
        Question(
            "In which city does ownership of the goods change hands?",
            ((words(links[0]),),),
            (words(links[1]),),
            (woven.places["defined"], woven.places["used"]),
            kind="multi",
        ),
        Question(random.choice(SILENT), ((NOT_STATED,),), (r"\d",), kind="absent"),  # a figure is no refusal
    )
    return Case("qa", woven.text, woven.headers, asked, depth)


def _ports(random: Random) -> tuple[list[tuple[str, str, float]], tuple[str, str]]:
    """A defined term, its use far away, and a look-alike; the city meant and the other one."""
    meant, other = random.sample(CITIES, 2)
    where = sorted((random.random() * 0.4, 0.6 + random.random() * 0.4), reverse=random.random() < 0.5)
    return [
        ("defined", f"“Reference Port” means the port of {meant}.", where[0]),
        ("used", "Title to the goods passes once they have been unloaded at the Reference Port.", where[1]),
        ("other", f"“Return Port” means the port of {other}.", random.random()),
    ], (meant, other)


def _facts(random: Random) -> list[Fact]:
    country, city, month = random.choice(COUNTRIES), random.choice(CITIES), random.choice(MONTHS)
    day, year = random.randint(2, 28), random.randint(2015, 2024)
    days, complaints = random.sample(range(21, 90), 2)
    notice, warranty = random.sample(sorted(SPELLED), 2)
    cap, cover = numbers(random, 2, 100_000, 900_000)
    return [
        Fact(
            f"This Agreement is governed by the laws of {country}.",
            "Whose law applies to the contract?",
            (words(country),),
        ),
        Fact(
            f"Invoices fall due {days} days after they were received. Complaints must be raised within {complaints} "
            f"days of delivery.",
            "How many days does the customer have to pay a bill?",
            (number(days),),
            (number(complaints),),
        ),
        Fact(
            f"The total liability of the Supplier shall not exceed {cap:,} euros in any calendar year. The Supplier "
            f"shall carry insurance with a cover of at least {cover:,} euros.",
            "What is the most that the supplier can have to pay in damages in one year?",
            (number(cap),),
            (number(cover),),
        ),
        Fact(
            f"Either Party may end this Agreement by giving {SPELLED[notice]} months’ written notice.",
            "How many months before leaving must a side say that it wants out?",
            (_spelled(notice),),
            (_spelled(warranty),),
        ),
        Fact(
            f"Defects that appear within {SPELLED[warranty]} months after acceptance are mended free of charge.",
            "For how many months are faults repaired without payment?",
            (_spelled(warranty),),
            (_spelled(notice),),
        ),
        Fact(
            f"This Agreement is made on {day} {month} {year}.",
            "When was the deal concluded?",
            (rf"\b{day}(?:st|nd|rd|th)?(?: of)? {month},? {year}\b|\b{month} {day}(?:st|nd|rd|th)?,? {year}\b",),
        ),
        Fact(
            f"Notices to the Supplier shall be sent to its office in {city}.",
            "To which city are formal letters to the supplier sent?",
            (words(city),),
        ),
    ]


def _spelled(value: int) -> str:
    return rf"{number(value)}|{words(SPELLED[value])}"
