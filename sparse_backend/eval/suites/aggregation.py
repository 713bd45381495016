"""Aggregation: chains of names that stand for each other, and the commonest words of a long list.

After RULER's variable tracking and common words (arXiv:2404.06654), in texts of our own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from random import Random

from sparse_backend.eval.case import Case, EvalError, Question, number, words
from sparse_backend.eval.filler import clauses
from sparse_backend.eval.suites.names import numbers
from sparse_backend.eval.weave import Insert, Measure, Piece, weave

TREES = ("Alder", "Birch", "Cedar", "Elm", "Hazel", "Juniper", "Larch", "Maple", "Rowan", "Spruce", "Willow", "Yew")
BIRDS = (
    "heron", "wren", "lark", "kestrel", "magpie", "plover", "curlew", "linnet", "siskin", "dunlin", "avocet", "bittern",
    "osprey", "goshawk", "redstart", "whinchat", "fieldfare", "nuthatch", "goldcrest", "dipper", "shrike", "hoopoe",
    "gadwall", "pochard", "teal", "smew", "merlin", "hobby", "ruff", "knot", "snipe", "godwit", "whimbrel", "turnstone",
)  # fmt: skip
HOPS = 3
COMMON = 3
MORE = 10  # how many times more often a common bird is seen than another


def variables(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """Two chains of four names; the number stands once for each chain, in front of its other links."""
    del depth  # the links stand everywhere
    names, values = random.sample(TREES, 2 * (HOPS + 1)), numbers(random, 2)
    inserts = []
    for chain in (0, 1):
        links = names[chain::2]
        for step, name in enumerate(links):
            text = (
                f"The reference figure called {name} is {values[chain]}."
                if step == 0
                else f"The reference figure called {name} is the same as the one called {links[step - 1]}."
            )
            inserts.append(Insert(text, (step + random.random()) / (HOPS + 1), name))
    woven = weave(clauses(random), inserts, tokens, measure, "\n\n")
    asked = []
    for chain in (0, 1):
        links, other = names[chain::2], values[1 - chain]
        asked.append(
            Question(
                f"Which number is the reference figure called {links[-1]}?",
                ((number(values[chain]),),),
                wrong=(number(other),),
                places=tuple(woven.places[name] for name in links),
                kind="multi",
            )
        )
    links = names[0::2]
    asked.append(
        Question(
            f"Which reference figures are equal to {values[0]}? List the names of all {len(links)}.",
            tuple((words(name),) for name in links),
            wrong=tuple(words(name) for name in names[1::2]),
            places=tuple(woven.places[name] for name in links),
            kind="multi",
        )
    )
    return Case("variables", woven.text, woven.headers, tuple(asked))


def common_words(random: Random, tokens: int, depth: float, measure: Measure) -> Case:
    """A diary of bird sightings; which three birds were seen most often?"""
    del depth  # the birds are everywhere
    for _ in range(50):
        woven = weave(_diary(random, random.sample(BIRDS, len(BIRDS))), [], tokens, measure, "\n")
        ranked = Counter(re.findall(r"\w+", woven.text)) & Counter(dict.fromkeys(BIRDS, tokens))
        counts = [count for _, count in ranked.most_common(COMMON + 1)]
        if len(counts) > COMMON and counts[COMMON - 1] > counts[COMMON]:
            break
    else:
        raise EvalError(f"{tokens:,} tokens are too few to have {COMMON} commonest words; ask for more.")
    common = [bird for bird, _ in ranked.most_common(COMMON)]
    asked = Question(
        f"Which {COMMON} birds were seen most often? Name only these {COMMON}.",
        tuple((_bird(bird),) for bird in common),
        wrong=tuple(_bird(bird) for bird in BIRDS if bird not in common),  # naming them all is no answer
        kind="aggregate",
    )
    return Case("words", woven.text, woven.headers, (asked,))


def _bird(name: str) -> str:
    return rf"(?<!\w){name}s?(?!\w)"


def _diary(random: Random, birds: list[str]) -> Iterator[Piece]:
    """Headings of days, and lines of four sightings each; the first COMMON of `birds` are drawn MORE often."""
    weights = [MORE] * COMMON + [1] * (len(birds) - COMMON)
    day = 0
    while True:
        day += 1
        yield Piece(f"## Day {day}", header=True)
        for _ in range(6):
            seen = ", ".join(random.choices(birds, weights, k=4))
            yield Piece(f"{random.choice(('By the pond', 'At the hedge', 'Over the field', 'Near the hut'))}: {seen}.")
