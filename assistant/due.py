"""When something is due: "by Friday", "within 3 business days", "tomorrow", "by 3 May" → a moment.

Always told from the day it was said, never from today. Written dates are read by python-dateutil; the phrases are a
table of ours, as libraries that search for them read names and numbers as dates. Public holidays are not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil import parser
from dateutil.relativedelta import relativedelta

_MONTH = (  # with a capital: "may" is a verb, "march" too
    r"(?-i:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COUNTS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "twenty": 20, "twenty-four": 24,
    "thirty": 30, "forty-eight": 48, "sixty": 60, "a": 1, "an": 1, "a couple of": 2,
}  # fmt: skip
_N = r"(?:\d{1,3}|" + "|".join(sorted(_COUNTS, key=len, reverse=True)) + ")"
_UNIT = r"(?P<kind>business |working |calendar )?(?P<unit>minute|hour|day|week|month)s?"


@dataclass(frozen=True, slots=True)
class Due:
    """`at`: the last moment, aware; the end of the day where only a day is named. `words` stand at [start, end)."""

    at: datetime
    words: str
    start: int
    end: int


def find_due(text: str, said: datetime) -> Due | None:
    """The first due time in `text`, said at `said` (aware); None without any, and for a date that can be read twice."""
    found: list[Due] = []
    for pattern, moment in _RULES:
        for match in pattern.finditer(text):
            at = moment(match, said)
            if at is not None:
                found.append(Due(at, match.group().strip(), match.start(), match.end()))
                break
    return min(found, key=lambda due: (due.start, -due.end), default=None)


def _end_of(day: datetime) -> datetime:
    return day.replace(hour=23, minute=59, second=59, microsecond=0)


def _written(match: re.Match[str], said: datetime) -> datetime | None:
    """A date with its month in words or in ISO form; without a year, the first such day from `said` on."""
    try:
        day = parser.parse(match["date"], default=said.replace(hour=0, minute=0, second=0, microsecond=0))
        if not re.search(r"\d{4}", match["date"]) and day.date() < said.date():
            day += relativedelta(years=1)
    except (ValueError, OverflowError):
        return None
    return _before(match, day.replace(tzinfo=said.tzinfo))


def _figures(match: re.Match[str], said: datetime) -> datetime | None:
    """12.5.2025 has the day first; 12/5/2025 is one of two days, so it is none."""
    first, second, year = int(match["a"]), int(match["b"]), int(match["year"])
    if match["sign"] == "/" and first <= 12 and second <= 12 and first != second:
        return None
    day, month = (first, second) if second <= 12 else (second, first)
    try:
        return _before(match, said.replace(year=year if year > 99 else 2000 + year, month=month, day=day))
    except ValueError:
        return None


def _before(match: re.Match[str], day: datetime) -> datetime:
    return _end_of(day - timedelta(days=1) if (match["lead"] or "").lower().startswith("before") else day)


def _span(match: re.Match[str], said: datetime) -> datetime | None:
    words = (match["most"] or match["n"]).lower()
    count = int(words) if words.isdigit() else _COUNTS[words]
    unit = match["unit"].lower()
    if unit in ("minute", "hour"):
        return said + timedelta(**{f"{unit}s": count})
    if unit == "day" and (match["kind"] or "").lower().strip() in ("business", "working"):
        return _end_of(_business(said, count))
    return _end_of(said + relativedelta(**{f"{unit}s": count}))  # type: ignore[arg-type]


def _business(day: datetime, count: int) -> datetime:
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def _word(match: re.Match[str], said: datetime) -> datetime | None:
    word = match["word"].lower()
    days = {"tomorrow": 1, "the day after tomorrow": 2}
    return _end_of(said + timedelta(days=days.get(word, 0)))


def _end(match: re.Match[str], said: datetime) -> datetime | None:
    """The end of the day, week (its Friday for "business"), month or year that is named."""
    unit, following = match["unit"].lower(), (match["which"] or "").lower().startswith("next")
    if unit in ("day", "business"):
        return _end_of(said)
    if unit == "week":
        sunday = said + timedelta(days=6 - said.weekday())
        return _end_of(sunday + timedelta(days=7 * following))
    if unit == "month":
        return _end_of(said + relativedelta(months=int(following), day=31))
    return _end_of(said + relativedelta(years=int(following), month=12, day=31))


def _weekday(match: re.Match[str], said: datetime) -> datetime | None:
    """The first such day after `said`; "next Friday" is the one of the week that begins next Monday."""
    wanted = next(index for index, name in enumerate(_DAYS) if name.startswith(match["day"].lower()[:3]))
    ahead = (wanted - said.weekday() - 1) % 7 + 1
    if (match["which"] or "").lower().startswith("next"):
        ahead = 7 - said.weekday() + wanted
    return _before(match, said + timedelta(days=ahead))


_LEAD = r"(?P<lead>\b(?:by|before|until|till|on|no later than|not later than|at the latest on|due)\s(?:the\s)?)?"
_YEAR = r"(?:,? \d{4}\b)?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_WITHIN = r"\b(?:within|in|in no more than|in under|no later than|after)\s(?:the\s)?(?:next\s)?(?:about\s|at most\s)?"
_WORDS = r"the day after tomorrow|tomorrow|today|tonight|this (?:morning|afternoon|evening)"
_ENDS = r"(?:(?:by|before|at|until)\s)?(?:the\s)?(?:end|close)\sof\s(?:the\s|this\s)?(?P<which>next\s)?"
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], datetime | None]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), moment)
    for pattern, moment in (
        (
            rf"{_LEAD}(?P<date>\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b{_NTH}(?: of)? {_MONTH}\b{_YEAR}"
            rf"|\b{_MONTH} {_NTH}\b{_YEAR})",
            _written,
        ),
        (rf"{_LEAD}\b(?P<a>\d{{1,2}})(?P<sign>[./])(?P<b>\d{{1,2}})(?P=sign)(?P<year>\d{{4}}|\d{{2}})\b", _figures),
        (rf"{_WITHIN}(?P<n>{_N})(?:\s?(?:-|–|to|or)\s?(?P<most>{_N}))?[\s-]{_UNIT}\b", _span),
        (rf"\b(?:by\s|until\s|later\s)?(?P<word>{_WORDS})\b", _word),
        (r"\b(?:by\s)?(?P<word>EOD|COB)\b", _word),
        (rf"\b{_ENDS}(?P<unit>day|week|month|year|business)\b", _end),
        (r"\b(?:by\s|within\s|during\s|sometime\s)?(?:this|(?P<which>next))\s(?P<unit>week|month|year)\b", _end),
        (rf"{_LEAD}(?P<which>\b(?:this|next|coming)\s)?\b(?P<day>{'|'.join(_DAYS)})\b", _weekday),
    )
)
