"""What a spreadsheet cell shows for its number: dates as ISO, percentages, thousands and decimals as formatted."""

from __future__ import annotations

import datetime
import math
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

MAX_DECIMALS = 15
WHOLE = 10**15  # a larger number is not exact in a spreadsheet
_TOKENS = re.compile(r'"([^"]*)"|\\(.)|[_*].|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|([#0?][#0?,.]*)|(.)')


def shown(value: str, pattern: str, *, mac_dates: bool = False) -> str:
    """The text of a numeric cell; a value that is no number, or a pattern not known here, is shown as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if pattern in ("", "General", "@") or not math.isfinite(number):
        return general(number)
    try:
        if is_date_format(pattern) or is_timedelta_format(pattern):
            return _moment(number, pattern, mac_dates=mac_dates)
        return _formatted(number, pattern)
    except (ValueError, OverflowError, InvalidOperation, TypeError):
        return general(number)


def general(number: float) -> str:
    """At most 15 digits, which is what a spreadsheet keeps: 0.1 + 0.2 is 0.3."""
    if number == int(number) and abs(number) < WHOLE if abs(number) < float("inf") else False:
        return str(int(number))
    return f"{number:.15g}"


def _moment(number: float, pattern: str, *, mac_dates: bool) -> str:
    timed = is_timedelta_format(pattern)
    epoch = CALENDAR_MAC_1904 if mac_dates else CALENDAR_WINDOWS_1900
    value = from_excel(number, epoch, timedelta=timed)
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(value, datetime.datetime):
        day, time = value.date().isoformat(), value.time().replace(microsecond=0)
        clock = "" if time == datetime.time() else " " + _clock(time)
        return day + clock
    return _clock(value) if isinstance(value, datetime.time) else str(value)


def _clock(time: datetime.time) -> str:
    return time.isoformat("minutes" if time.second == 0 else "seconds")


def _formatted(number: float, pattern: str) -> str:
    parts = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', pattern)
    own_sign = number < 0 and len(parts) > 1 and bool(parts[1])
    part = parts[1] if own_sign else parts[2] if number == 0 and len(parts) > 2 and parts[2] else parts[0]
    digits, before, after = "", "", ""
    for quoted, escaped, currency, place, other in _TOKENS.findall(part):
        if place and not digits:
            digits = place
        elif place or other in ("/", "E", "e", "@"):
            return general(number)  # fractions, powers and the like
        elif digits:
            after += quoted or escaped or currency or other
        else:
            before += quoted or escaped or currency or other
    if not digits:
        return general(number)
    scale = len(digits) - len(digits.rstrip(","))
    whole, _, decimals = digits.rstrip(",").partition(".")
    value = abs(Decimal(repr(number))) * (100 if "%" in before + after else 1) / Decimal(1000) ** scale
    most, least = min(len(decimals), MAX_DECIMALS), decimals.count("0")
    rounded = value.quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
    text = f"{rounded:,f}" if "," in whole else f"{rounded:f}"
    if most > least:
        head, _, tail = text.partition(".")
        tail = tail[:least] + tail[least:].rstrip("0")
        text = f"{head}.{tail}" if tail else head
    if whole.count("0") > len(text.partition(".")[0]) and "," not in whole:
        head, dot, tail = text.partition(".")
        text = head.zfill(whole.count("0")) + dot + tail
    sign = "-" if number < 0 and not own_sign and rounded else ""
    return f"{sign}{before}{text}{after}".strip()
