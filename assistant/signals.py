"""Figures of many answers as a few series over time.

Everything comes from what is stored with the answers, the same receipts that their readers see; /metrics counts the
same values as they happen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean, median
from typing import TypeVar

from storage import Store
from storage.records_signals import AnswerFigures, HandOffFigures, Reading, Thumb

HOURLY = timedelta(days=2)  # shorter spans are shown by the hour
TOLD = ("complete", "stopped")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is known of a span of time; see storage/records_signals.py. `now` is when they were asked for."""

    since: datetime
    until: datetime
    now: datetime
    answers: Sequence[AnswerFigures]
    readings: Sequence[Reading]
    thumbs: Sequence[Thumb]
    hand_offs: Sequence[HandOffFigures]

    def of_bot(self, bot: str) -> Figures:
        """Those of one bot; all of them for ""."""
        if not bot:
            return self
        return Figures(
            self.since,
            self.until,
            self.now,
            [each for each in self.answers if each.bot == bot],
            [each for each in self.readings if each.bot == bot],
            [each for each in self.thumbs if each.bot == bot],
            [each for each in self.hand_offs if each.bot == bot],
        )

    @property
    def bots(self) -> tuple[str, ...]:
        """Those that did anything in that time."""
        everything = (self.answers, self.readings, self.thumbs, self.hand_offs)
        return tuple(sorted({each.bot for kind in everything for each in kind}))

    @property
    def hourly(self) -> bool:
        """Whether a point stands for an hour, not for a day."""
        return self.until - self.since <= HOURLY

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.bots


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one line, at the beginning of its hour or day."""

    at: datetime
    line: str
    value: float


def figures(store: Store, reader: str, since: datetime, until: datetime, now: datetime) -> Figures:
    """The figures that an agent or admin may see. Raises NotAllowedError."""
    signals = store.signals
    return Figures(
        since,
        until,
        now,
        signals.answers(reader, since, until),
        signals.readings(reader, since, until),
        signals.feedback(reader, since, until),
        signals.hand_offs(reader, since, until),
    )


# -- series ------------------------------------------------------------------------


def latency(found: Figures) -> list[Point]:
    """Median seconds by phase: reading what was new, first token, the rest of the answer."""
    told = [each for each in found.answers if each.status in TOLD and each.total_s]
    fresh = [each for each in found.readings if each.fresh]
    return [
        *_line(found, "reading", ((each.at, each.seconds) for each in fresh), median),
        *_line(found, "first token", ((each.at, each.first_token_s) for each in told), median),
        *_line(found, "decode", ((each.at, each.total_s - each.first_token_s) for each in told), median),
    ]


def speed(found: Figures) -> list[Point]:
    """Tokens read a second, of what had to be read."""
    rows = [(each.bot, each.at, (float(each.fresh), each.seconds)) for each in found.readings if each.fresh]
    return _by_bot(found, rows, rate)


def cached(found: Figures) -> list[Point]:
    """Share of the tokens before answers whose keys and values were ready."""
    rows = [(each.bot, each.at, (float(each.cached), float(each.context))) for each in found.answers if each.context]
    return _by_bot(found, rows, rate)


def density(found: Figures) -> list[Point]:
    """Share of the tokens before it that a token of an answer looked at: 1 is everything."""
    rows = [(each.bot, each.at, (float(each.looked_at), float(each.context))) for each in found.answers if each.context]
    return _by_bot(found, rows, lambda pairs: min(1.0, rate(pairs)))


def refusals(found: Figures) -> list[Point]:
    """Share of the answers that said “not stated”."""
    rows = [(each.bot, each.at, float(each.refused)) for each in found.answers if each.refused is not None]
    return _by_bot(found, rows, fmean)


def feedback(found: Figures) -> list[Point]:
    """How many thumbs went up and down."""
    return [
        *_line(found, "up", ((each.at, 1.0) for each in found.thumbs if each.thumb > 0), sum),
        *_line(found, "down", ((each.at, 1.0) for each in found.thumbs if each.thumb < 0), sum),
    ]


def handed_off(found: Figures) -> list[Point]:
    """How often a person was asked for, by bot."""
    return _by_bot(found, [(each.bot, each.requested_at, 1.0) for each in found.hand_offs], sum)


def agreement(found: Figures) -> list[Point]:
    """How far second looks agree: the same words, the overlap of words, the same evidence; each from 0 to 1."""
    looks = [(each.at, each.look) for each in found.answers if each.look]
    return [
        *_line(found, "word for word", ((at, float(look.same)) for at, look in looks), fmean),
        *_line(found, "words in common", ((at, look.overlap) for at, look in looks), fmean),
        *_line(found, "evidence", ((at, look.evidence) for at, look in looks if look.evidence is not None), fmean),
    ]


# -- putting into hours and days -----------------------------------------------------


def _line(
    found: Figures, line: str, values: Iterable[tuple[datetime, V]], fold: Callable[[list[V]], float]
) -> list[Point]:
    """The values of each hour or day folded into one point."""
    parts: defaultdict[datetime, list[V]] = defaultdict(list)
    for at, value in values:
        at = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        parts[at if found.hourly else at.replace(hour=0)].append(value)
    return [Point(at, line, float(fold(parts[at]))) for at in sorted(parts)]


def _by_bot(found: Figures, rows: Sequence[tuple[str, datetime, V]], fold: Callable[[list[V]], float]) -> list[Point]:
    """A line for each bot."""
    bots = sorted({bot for bot, _, _ in rows})
    return [
        point
        for name in bots
        for point in _line(found, name, ((at, value) for bot, at, value in rows if bot == name), fold)
    ]


def rate(pairs: list[tuple[float, float]]) -> float:
    """The first numbers of all pairs over the second ones."""
    below = sum(second for _, second in pairs)
    return sum(first for first, _ in pairs) / below if below else 0.0
