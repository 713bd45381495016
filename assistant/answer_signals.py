"""Signals: what speaks for an answer and against it, as few numbers, each from the document or the model itself.

They are facts, no verdict; confidence.py weighs them. All lie in [-1, 1]; None where there is nothing to look at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from assistant.citations import NEAR, REFERENCE, Citer, Mass, quotes_in, relative
from assistant.quoting import split_quotes
from assistant.words import terms_of
from sparse_backend.sampling import Choice


@dataclass(frozen=True, slots=True)
class Signals:
    """Of one answer, or of one sentence of it; “the proof” is what it cites, else what was looked at most.

    `quoted`: 1 where words in quotation marks stand there letter by letter, less where they nearly do, 0 without any or
    with block quotes, which are generated from the text, -1 where none of its quotes stands anywhere. `backed`: share
    of its own telling words that the proof holds, 0 if a figure of it is missing there. `asked`: share of the
    question's words in the proof and the header above it. `rival`: the same for the passage that holds most of them,
    less `asked`: the question may be about that one.

    `looked`: attention on the proof, 1 where none got more; where the useful heads are known and saw the whole text,
    `focus`: its share of all attention on the document, and `mass`: the attention itself, per token said.
    `likely`, `weakest`: probability of the tokens, geometric mean and least. `symbols`: 1 where names of code stand
    where it says, -1 where they do not.
    `selected`: 1 where it looked at a selection of the text, 0 at all of it.

    Where the question's own words looked, if the heads for that are known: `lead`: attention on the passage they looked
    at most; `led`: on the proof, 1 where none got more.
    """

    quoted: float | None = None
    backed: float | None = None
    asked: float | None = None
    rival: float | None = None
    looked: float | None = None
    focus: float | None = None
    mass: float | None = None
    likely: float | None = None
    weakest: float | None = None
    symbols: float | None = None
    selected: float | None = None
    lead: float | None = None
    led: float | None = None

    def values(self) -> dict[str, float | None]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def signals(
    citer: Citer,
    text: str,
    question: str,
    mass: Mass,
    cited: Sequence[tuple[int, int]],
    choices: Sequence[Choice],
    *,
    symbols: float | None = None,
    useful: bool = True,
    selected: bool = False,
    asked_mass: Mass | None = None,
) -> Signals:
    """Of `text`, an answer or a sentence. `mass` [passages] of attention, `cited` [start, end) in the document's text.

    `choices`: the tokens of what it says in its own words. `useful`: the mass is that of heads known to be useful.
    `asked_mass` [passages]: the attention of the question's words.
    """
    attention = relative(mass)
    total = float(mass.sum())
    useful = useful and not selected  # attention over a selection was never compared with right and wrong answers
    said, blocks = split_quotes(text)
    free = [citer.likeness(quote) for quote in quotes_in(said)]
    quotes = [one if one >= NEAR else -1.0 for one in free]
    quotes += [0.0 if citer.likeness(block.quote) == 1.0 else -1.0 for block in blocks]  # held to the text anyway
    indices = [index for start, _ in cited if (index := citer.index_at(start)) is not None]
    if not indices and total:
        indices = [int(np.argmax(attention))]
    asked = terms_of(question)
    best = max(indices, key=lambda index: _backed(citer, said, asked, index), default=None)
    held = citer.held_with_header(asked, best) if best is not None else None
    return Signals(
        quoted=max(quotes, default=0.0),
        backed=_backed(citer, said, asked, best) if best is not None else 0.0,
        asked=held if asked else None,
        rival=citer.most_held(asked) - held if asked and held is not None else None,
        looked=float(attention[best]) if best is not None and total else None,
        focus=float(mass[best]) / total if best is not None and total and useful else None,
        mass=float(mass[best]) if best is not None and total and useful else None,
        likely=math.exp(sum(each.logprob for each in choices) / len(choices)) if choices else None,
        weakest=math.exp(min(each.logprob for each in choices)) if choices else None,
        symbols=symbols,
        selected=float(selected),
        lead=_lead(asked_mass),
        led=float(relative(asked_mass)[best])
        if best is not None and asked_mass is not None and asked_mass.any()
        else None,
    )


def refusal_signals(
    citer: Citer, question: str, choices: Sequence[Choice], *, selected: bool = False, asked_mass: Mass | None = None
) -> Signals:
    """Of an answer that says the document is silent: what it holds of the question speaks against it."""
    asked = terms_of(question)
    return Signals(
        asked=citer.most_held(asked) if asked else None,
        likely=math.exp(sum(each.logprob for each in choices) / len(choices)) if choices else None,
        weakest=math.exp(min(each.logprob for each in choices)) if choices else None,
        selected=float(selected),
        lead=_lead(asked_mass),
    )


def _lead(mass: Mass | None) -> float | None:
    return float(mass.max()) if mass is not None and mass.any() else None


def _backed(citer: Citer, said: str, asked: frozenset[str], index: int) -> float:
    """How much of what is said, beyond the question's own words, a passage holds; all its figures must stand there."""
    own = terms_of(REFERENCE.sub(" ", said)) or terms_of(said)
    wanted = own - asked or own
    figures = frozenset(term for term in own if term[0].isdigit())
    if citer.held(figures, index) < 1.0 and figures:
        return 0.0
    return citer.held_with_header(wanted, index)
