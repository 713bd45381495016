"""Case: one text with questions and answer keys; scoring by regular expressions."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sparse_backend.config import BackendError

NOT_STATED = (
    r"\bnot (?:\w+ )?(?:stated|specified|mentioned|found|given|provided|named|known|recorded|discussed|included)"
    r"|\bnot (?:\w+ )?contain"
    r"|(?:\b(?:does|do|did) not|n['’]t) (?:\w+ )?(?:say|state|specify|mention|provide|contain|include|give|name|list)"
    r"|\bno (?:\w+ )?(?:mention|information|record|such|indication|reference)|\bnowhere\b"
)
"""What counts as an answer that the text is silent."""


class EvalError(BackendError):
    """The evaluation was asked for something it cannot do; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, end) of the text that prove an answer."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `parts`: what a complete answer holds, each as alternative regular expressions.

    `wrong`: what it must not hold, such as the values of look-alikes. `places`: where the answer stands.
    """

    text: str
    parts: tuple[tuple[str, ...], ...]
    wrong: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    kind: str = "lookup"
    max_new_tokens: int = 48

    def score(self, answer: str) -> float:
        """The share of `parts` found in `answer`, in [0, 1]; each thing of `wrong` in it takes one right thing back."""
        answer = plain(answer)
        found = sum(any(_search(one, answer) for one in part) for part in self.parts)
        spoilt = sum(_search(pattern, answer) for pattern in self.wrong)
        return max(0, found - spoilt) / len(self.parts)


@dataclass(frozen=True, slots=True)
class Case:
    """A text of one suite. `headers`: its heading lines; `depth` in [0, 1], None for facts spread all over it."""

    suite: str
    text: str
    headers: tuple[Place, ...]
    questions: tuple[Question, ...]
    depth: float | None = None


def plain(answer: str) -> str:
    """`answer` in compatibility form with straight quotation marks and ordinary spaces."""
    answer = unicodedata.normalize("NFKC", answer)
    return answer.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0xA0: " "})


def number(value: int) -> str:
    """An expression for a whole number, with or without thousands separators, not as a part of another number."""
    digits = f"{value:,}".replace(",", ",?")
    return rf"(?<![\d.,]){digits}(?!\d|[.,]\d)"


def words(text: str) -> str:
    """An expression for whole words, blind to the width of white space."""
    return r"(?<!\w)" + r"\s+".join(re.escape(word) for word in text.split()) + r"(?!\w)"


def check_patterns(question: Question) -> None:
    """Raises EvalError for an expression that does not compile."""
    for pattern in [one for part in question.parts for one in part] + list(question.wrong):
        try:
            re.compile(pattern)
        except re.error as error:
            raise EvalError(f"The answer “{pattern}” is no regular expression: {error}.") from error


def _search(pattern: str, answer: str) -> bool:
    return re.search(pattern, answer, re.IGNORECASE) is not None
