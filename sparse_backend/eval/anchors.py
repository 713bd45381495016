"""Which tokens of a text are anchors: the first ones of its headings, and what a trial adds to them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparse_backend.eval.case import EvalError, Place
from sparse_backend.eval.chat import Encoding

FIRST = 4  # tokens of a heading, paragraph or definition that become anchors
_RULES = {
    "paragraphs": re.compile(r"(?:\A|\n\s*\n)(?=\S)"),
    "lines": re.compile(r"(?:\A|\n)(?=\S)"),
    "definitions": re.compile(r"^(?=[“\"][^”\"\n]{1,60}[”\"] (?:means|shall mean)|[A-Z_]{3,} = |def |class )", re.M),
    "numbers": re.compile(r"(?<![\w.,])(?=\d)"),
}
KINDS = ("headers", *_RULES)


def anchors(text: str, headers: Sequence[Place], encoding: Encoding, kinds: Sequence[str]) -> tuple[int, ...]:
    """Sorted token indices. `kinds`: of KINDS; raises EvalError for another."""
    chosen: set[int] = set()
    for kind in kinds:
        if kind not in KINDS:
            raise EvalError(f"There are no anchors “{kind}”; choose from: {', '.join(KINDS)}.")
        if kind == "headers":
            places = [(header.start, header.end) for header in headers]
        else:
            places = [(match.end(), len(text)) for match in _RULES[kind].finditer(text)]
        for start, end in places:
            first = encoding.token_at(start)
            for index in range(first, min(first + FIRST, len(encoding.token_ids))):
                if encoding.offsets[index][0] < end:
                    chosen.add(index)
    return tuple(sorted(chosen))
