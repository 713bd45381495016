"""Values about how answers went: figures without content, and the second look at a sampled answer."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SecondLook:
    """An answer beside what dense attention said to the same question. Numbers only: neither text is kept here.

    `same`: equal once case, marks and spaces are set aside; `overlap`: F1 of their words, 0 to 1; `evidence`: share of
    the answer's cited characters that the other one cites too, None where it cited nothing. `tokens`: how many were
    read densely, in `read_s` seconds.
    """

    pattern: str  # with which the answer itself was read
    same: bool
    overlap: float
    evidence: float | None
    supported: bool  # whether the document backs the dense answer
    tokens: int
    read_s: float
    total_s: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """A document, or a part of a history, taken up by a bot: `fresh` of its `tokens` were read, the others were kept.

    `seconds` of reading, `parse_s` of parsing; nobody's in particular, as what was read serves all who ask.
    """

    at: datetime
    bot: str
    tokens: int
    fresh: int
    seconds: float
    parse_s: float


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """An answer without its words. `refused`: it said that the document does not tell; None where that was not noted.

    `context` tokens stood before the answer, of which `cached` were ready and each of its tokens looked at `looked_at`;
    the times are 0 and `supported` False when the answer failed.
    """

    at: datetime
    bot: str
    status: str
    supported: bool
    refused: bool | None
    first_token_s: float
    total_s: float
    generated: int
    context: int
    cached: int
    looked_at: int
    look: SecondLook | None


@dataclass(frozen=True, slots=True)
class Thumb:
    """A verdict of a user on an answer of a bot: 1 or -1."""

    at: datetime
    bot: str
    thumb: int


@dataclass(frozen=True, slots=True)
class HandOffFigures:
    """A hand-off without its words; `reason` is the rule that asked for it."""

    requested_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    bot: str
    reason: str
    state: str
