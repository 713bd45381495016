"""The suites by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sparse_backend.eval.case import Case, EvalError
from sparse_backend.eval.suites import aggregation, code, documents, history, needles
from sparse_backend.eval.weave import Measure

VERSION = 2  # raise it when texts, questions or answer keys change: runs of two versions must not mix
Maker = Callable[[Random, int, float, Measure], Case]


@dataclass(frozen=True, slots=True)
class Suite:
    """One task. `by_depth`: its first question's fact stands at the depth asked for."""

    name: str
    make: Maker
    by_depth: bool
    about: str


SUITES = {
    suite.name: suite
    for suite in (
        Suite("needle", needles.needle, True, "one fact among three look-alikes"),
        Suite("multikey", needles.multikey, True, "one fact among very many of its form"),
        Suite("multivalue", needles.multivalue, False, "all four values of one key"),
        Suite("variables", aggregation.variables, False, "names that stand for each other, three hops"),
        Suite("words", aggregation.common_words, False, "the three commonest words"),
        Suite("qa", documents.qa, True, "reworded questions on an agreement, one over two places"),
        Suite("code", code.define_use, True, "define, rename and use across files"),
        Suite("history", history.history, True, "fact, update, promise and absence in many sessions"),
        Suite("absent", needles.absent, True, "a question without answer, and a control"),
    )
}

BESIDE = {
    suite.name: suite
    for suite in (
        Suite("passkey", needles.passkey, True, "a pass key in a long text; not one of “all”"),
        Suite("passkeys", needles.passkeys, False, "nine keys unlike one another in one reading; not one of “all”"),
    )
}


def chosen(names: list[str]) -> list[Suite]:
    """The suites called `names`, in that order; “all” stands for every one. Raises EvalError that lists them."""
    wanted = list(SUITES) if names == ["all"] else names
    for name in wanted:
        if name not in SUITES | BESIDE:
            raise EvalError(f"There is no suite “{name}”; choose from: all, {', '.join(SUITES | BESIDE)}.")
    return [(SUITES | BESIDE)[name] for name in dict.fromkeys(wanted)]


def make(suite: Suite, *, tokens: int, depth: float | None, sample: int, seed: int, measure: Measure) -> Case:
    """The case of one cell: the same arguments always give the same text, on every machine."""
    text = f"{suite.name}:{tokens}:{depth}:{sample}:{seed}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return suite.make(Random(number), tokens, 0.5 if depth is None else depth, measure)
