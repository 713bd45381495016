"""Needles: one fact among look-alikes, one among very many, one key with several values, and a missing one.

After RULER's retrieval tasks (Hsieh et al. 2024, arXiv:2404.06654), in sentences of our own.
"""

from __future__ import annotations

from random import Random

from sparse_backend.eval.case import NOT_STATED, Case, Question, number
from sparse_backend.eval.filler import clauses
from sparse_backend.eval.suites.names import SIDES, TOWNS, numbers, towns
from sparse_backend.eval.weave import Insert, Measure, weave

FAMILIES = (
    (
        "The spare key of the warehouse in {place} is kept under number {value}.",
        "Under which number is the spare key of the warehouse in {place} kept?",
    ),
    (
        "For deliveries to {place}, the handling charge is {value} euros per pallet.",
        "What is the handling charge per pallet for deliveries to {place}?",
    ),
    (
        "When it was sealed, the meter in {place} showed {value} units.",
        "How many units did the meter in {place} show when it was sealed?",
    ),
    (
        "The depot in {place} may hold at most {value} barrels.",
        "How many barrels may the depot in {place} hold at most?",
    ),
)
KEYS = (
    ("The pass key is {value}.", "What is the pass key?"),
    (
        "The engine of the ferry was stamped with number {value}.",
        "Which number was the engine of the ferry stamped with?",
    ),
    ("Dial {value} to ring the night porter.", "What must be dialled to ring the night porter?"),
    ("The choir's piano was insured for {value} crowns.", "For how many crowns was the choir's piano insured?"),
    ("The lighthouse log has {value} pages.", "How many pages does the lighthouse log have?"),
    ("The orchard was planted with {value} pear trees.", "How many pear trees was the orchard planted with?"),
    ("The bell in the chapel weighs {value} grams.", "How many grams does the bell in the chapel weigh?"),
    ("The chess club's locker opens with {value}.", "With which number does the chess club's locker open?"),
    ("The beekeeper counted {value} bees.", "How many bees did the beekeeper count?"),
)
LOOK_ALIKES = 3
VALUES = 4


def needle(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """One fact at `depth` among three of the same form elsewhere; a second question asks for one of those."""
    fact, question = random.choice(FAMILIES)
    places, values = towns(random, LOOK_ALIKES + 1), numbers(random, LOOK_ALIKES + 1)
    depths = [depth, *(random.random() for _ in range(LOOK_ALIKES))]
    inserts = [
        Insert(fact.format(place=place, value=value), where, place)
        for place, value, where in zip(places, values, depths, strict=True)
    ]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = tuple(
        Question(
            question.format(place=places[index]),
            ((number(values[index]),),),
            wrong=tuple(number(value) for value in values if value != values[index]),
            places=(woven.places[places[index]],),
        )
        for index in (0, 1)
    )
    return Case("needle", woven.text, woven.headers, asked, depth)


def passkey(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """One pass key at `depth`, and nothing like it (after Mohtashami and Jaggi 2023, arXiv:2305.16300)."""
    (value,) = numbers(random, 1)
    woven = weave(clauses(random), [Insert(f"The pass key is {value}.", depth, "key")], tokens, measure, "\n\n")
    asked = Question("What is the pass key?", ((number(value),),), places=(woven.places["key"],))
    return Case("passkey", woven.text, woven.headers, (asked,), depth)


def passkeys(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """Nine keys of forms unlike one another, evenly spread, all asked for: one reading of a very long text."""
    del depth  # the keys stand everywhere
    values = numbers(random, len(KEYS))
    inserts = [
        Insert(text.format(value=value), (index + 0.5) / len(KEYS), text)
        for index, ((text, _), value) in enumerate(zip(KEYS, values, strict=True))
    ]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = tuple(
        Question(
            question,
            ((number(value),),),
            wrong=tuple(number(other) for other in values if other != value),
            places=(woven.places[text],),
        )
        for (text, question), value in zip(KEYS, values, strict=True)
    )
    return Case("passkeys", woven.text, woven.headers, asked)


def multikey(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """One fact at `depth`, while a quarter of the text are facts of the same form."""
    fact, question = random.choice(FAMILIES)
    each = measure(fact.format(place="Upper Calderby", value=10_000)) + measure("\n\n")
    count = min(max(6, tokens // 4 // each), len(SIDES) * len(TOWNS))
    places, values = towns(random, count), numbers(random, count)
    depths = [depth, *(random.random() for _ in range(count - 1))]
    inserts = [
        Insert(fact.format(place=place, value=value), where, place)
        for place, value, where in zip(places, values, depths, strict=True)
    ]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = tuple(
        Question(
            question.format(place=places[index]),
            ((number(values[index]),),),
            wrong=tuple(number(value) for value in values if value != values[index]),
            places=(woven.places[places[index]],),
        )
        for index in (0, 1)
    )
    return Case("multikey", woven.text, woven.headers, asked, depth)


def multivalue(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """Four values of one key all over the text, and four of another; the answer lists all four."""
    del depth  # the values stand everywhere
    fact = "In {place}, lot number {value} was set aside for the auction."
    places, values = towns(random, 2), numbers(random, 2 * VALUES)
    inserts = [
        Insert(
            fact.format(place=places[index % 2], value=value),
            (index // 2 + random.random()) / VALUES,
            str(value),
        )
        for index, value in enumerate(values)
    ]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = tuple(
        Question(
            f"Which lot numbers were set aside for the auction in {places[which]}? List all {VALUES} of them.",
            tuple((number(value),) for value in values[which::2]),
            wrong=tuple(number(value) for value in values[1 - which :: 2]),
            places=tuple(woven.places[str(value)] for value in values[which::2]),
            kind="multi",
            max_new_tokens=128,
        )
        for which in (0, 1)
    )
    return Case("multivalue", woven.text, woven.headers, asked)


def absent(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """Look-alikes only: what is asked first stands nowhere; a control question asks for a fact at `depth`."""
    fact, question = random.choice(FAMILIES)
    places, values = towns(random, LOOK_ALIKES + 2), numbers(random, LOOK_ALIKES + 1)
    missing, *known = places
    depths = [depth, *(random.random() for _ in range(LOOK_ALIKES))]
    inserts = [
        Insert(fact.format(place=place, value=value), where, place)
        for place, value, where in zip(known, values, depths, strict=True)
    ]
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = (
        Question(
            question.format(place=missing),
            ((NOT_STATED,),),
            wrong=tuple(number(value) for value in values),
            kind="absent",
        ),
        Question(
            question.format(place=known[0]),
            ((number(values[0]),),),
            wrong=tuple(number(value) for value in values[1:]),
            places=(woven.places[known[0]],),
            kind="control",
        ),
    )
    return Case("absent", woven.text, woven.headers, asked, depth)
