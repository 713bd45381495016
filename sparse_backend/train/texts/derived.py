"""Values that follow from others: who is the other party, sums, dates at the end of a period, amounts on either side of a limit."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta

from sparse_backend.train.texts.values import value

_MONTHS = "January February March April May June July August September October November December".split()
_COUNTRIES = ("Austria|Belgium|Brazil|Canada|Chile|Denmark|Estonia|Finland|France|Germany|Greece|Iceland|Ireland|Italy|Japan|Kenya|Mexico|"
              "Norway|Poland|Portugal|Spain|Sweden|Switzerland|Turkey|Vietnam|Australia|New Zealand|South Korea|Morocco|Peru").split("|")  # fmt: skip
_DAYS = ("fewdays",)
_FROM = {
    "over": ("usd",), "under": ("usd",), "usdsum": ("usd", "usd2"), "enddate": ("startdate", "span"), "latest": ("startdate", "fewdays"),
    "latedays": _DAYS, "earlydays": _DAYS, "inmonth": _DAYS, "monthdue": _DAYS, "inquarter": _DAYS, "quarterdue": _DAYS,
}  # fmt: skip
_NUMBER = re.compile(r"\((\d+)\)|\b(\d+)\b")
_WORDS = {word: n for n, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
                                           "seventeen eighteen nineteen twenty".split())}  # fmt: skip


def made(slot: str, given: dict[str, str], r: random.Random) -> bool:
    """Puts a slot into `given` that depends on others there: {P} and {Q} are {A} and {B} in either order, {p} and {q} what
    people call them; {countries} some countries, {incountry} one of them, {outcountry} another. False for all other slots.
    """
    if slot in "PQpq":
        one, other = r.sample("AB", 2)
        given.update(P=given[one], Q=given[other], p=given.get(one.lower(), ""), q=given.get(other.lower(), ""))
    elif slot in ("countries", "incountry", "outcountry"):
        names = r.sample(_COUNTRIES, r.randint(4, 7))
        inside = names[:-1]
        given.update(
            countries=f"{', '.join(inside[:-1])} and {inside[-1]}", incountry=r.choice(inside), outcountry=names[-1]
        )
    elif slot in _FROM:
        for base in _FROM[slot]:
            given.setdefault(base, value(base, r))
        complete(given, r)
        given.setdefault(slot, given[_FROM[slot][0]])  # what it follows from is struck out
    else:
        return False
    return True


def complete(given: dict[str, str], r: random.Random) -> None:
    """Adds what follows: {usdsum} of {usd} and {usd2}; {over} and {under} {usd}; {enddate} a {span} after {startdate}, {latest}
    {fewdays} after it; {latedays} and {earlydays} more and fewer than {fewdays}; {monthdue} after {inmonth}, {quarterdue} after {inquarter}.
    """
    if "usd" in given and "over" not in given and (one := dollars_in(given["usd"])) is not None:
        given["over"], given["under"] = f"${one * r.choice((2, 3)):,}", f"${one // 2:,}"
    if "usd" in given and "usd2" in given and "usdsum" not in given:
        one, two = dollars_in(given["usd"]), dollars_in(given["usd2"])
        if one is not None and two is not None:
            given["usdsum"] = f"${one + two:,}"
    dated = not given.get("startdate", "[").startswith("[")
    if dated and number_in(given.get("span", "")) and "enddate" not in given:
        given["enddate"] = _later(given["startdate"], given["span"])
    if "fewdays" in given and "latedays" not in given and (days := number_in(given["fewdays"])):
        month, quarter = r.randrange(12), r.randrange(4)
        start = given["startdate"] if dated else ""
        given.update(latedays=str(days + r.randint(3, 20)), earlydays=str(max(2, days - r.randint(2, 8))),
                     inmonth=_MONTHS[month], monthdue=f"{_MONTHS[(month + 1) % 12]} {days}",
                     inquarter=f"{_MONTHS[quarter * 3]} to {_MONTHS[quarter * 3 + 2]}", quarterdue=f"{_MONTHS[(quarter * 3 + 3) % 12]} {days}",
                     **({"latest": _after(start, days)} if start else {}))  # fmt: skip


def dollars_in(text: str) -> int | None:
    """The figure behind the dollar sign."""
    found = re.search(r"\$([\d,]+)", text)
    return int(found[1].replace(",", "")) if found else None


def number_in(text: str) -> int:
    """The number of a period, in figures or words; 0 if there is none."""
    found = _NUMBER.search(text)
    return int(found[1] or found[2]) if found else _WORDS.get(text.split(" ")[0], 0)


def _day(text: str) -> date:
    month, day, year = text.replace(",", "").split(" ")
    return date(int(year), _MONTHS.index(month) + 1, int(day))


def _written(day: date) -> str:
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _later(start: str, span: str) -> str:
    begin, months = _day(start), number_in(span) * (12 if "year" in span else 1)
    index = begin.year * 12 + begin.month - 1 + months
    return _written(begin.replace(year=index // 12, month=index % 12 + 1))


def _after(start: str, days: int) -> str:
    return _written(_day(start) + timedelta(days=days))
