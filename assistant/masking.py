"""Personal data in a text → placeholders, for exports that leave the house.

What is found: e-mail addresses, telephone numbers of all countries (phonenumbers), IBANs, card numbers, identity and
tax numbers with check digits (python-stdnum), IP addresses, and the names that the caller gives. Names that nobody
gives, postal addresses and dates of birth are not found: that needs a model, and a model misses some.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import phonenumbers
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.us import ssn

REGIONS = ("US", "GB", "DE")  # whose way of writing local numbers is known, besides all numbers with a +
LONGEST_LINE = (
    20_000  # characters searched for telephone numbers at once; longer lines are searched in overlapping parts
)
OVERLAP = 100
_LEAST_DIGITS = 7  # of a telephone number
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w!#$%&'*+/=?^`{|}~-]{1,64}(?:\.[\w!#$%&'*+/=?^`{|}~-]{1,64}){0,10}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:[^\W\d_]{2,63}|xn--[a-z0-9-]{1,59})(?![\w-])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]{1,4}){3,8}(?![A-Za-z0-9])")
_GAP = r"([ \u00a0-])"
_CARDS = tuple(  # in one row, or grouped as on the card; tried from every group on, as numbers may stand side by side
    re.compile(rf"(?<!\d)(?=({form})(?!\d))")
    for form in (
        r"\d{13,19}",
        rf"\d{{4}}{_GAP}\d{{4}}\2\d{{4}}\2\d{{4}}\2\d{{1,3}}",
        rf"\d{{4}}{_GAP}\d{{4}}\2\d{{4}}\2\d{{4}}",
        rf"\d{{4}}{_GAP}\d{{6}}\2\d{{4,5}}",
    )
)
_NETWORKS = re.compile(  # first digits and lengths that networks give out; other rows of digits are no cards
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35\d{14,17}|4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}"
    r"|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|6\d{15,18}|5[06-9]\d{11,17}|81\d{14,17}"
)
_PLUS = re.compile(r"\+\d(?:[ \u00a0()./-]{0,3}\d){6,17}")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])|(?i:\b(?:SSN|social security)\D{0,20})(\d{9})(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,7}(?![\w:])|(?<![\w:])::1(?![\w:])")
_VERSION = re.compile(r"\b(?:v|version|release|section|clause|§|build)\.?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Masked:
    """Characters [start, end) and what they are."""

    start: int
    end: int
    kind: str


def mask(text: str, *, names: Iterable[str] = (), regions: Sequence[str] = REGIONS) -> tuple[str, dict[str, int]]:
    """`text` with every find as "[kind n]", and how many of each kind there were.

    The same value has the same number within one text, so that what was said of one person stays together. `names`:
    people to be masked, such as the customer of an export. `regions`: ISO codes of countries, see REGIONS.
    """
    numbers: dict[tuple[str, str], int] = {}
    different: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    parts: list[str] = []
    at = 0
    for each in find(text, names=names, regions=regions):
        value = re.sub(r"[\W_]+", "", text[each.start : each.end]).casefold()
        if (each.kind, value) not in numbers:
            different[each.kind] += 1
            numbers[each.kind, value] = different[each.kind]
        parts += [text[at : each.start], f"[{each.kind} {numbers[each.kind, value]}]"]
        counts[each.kind] += 1
        at = each.end
    return "".join([*parts, text[at:]]), dict(counts)


def find(text: str, *, names: Iterable[str] = (), regions: Sequence[str] = REGIONS) -> list[Masked]:
    """Everything to be masked, in order, none inside another: the surer rule comes first, then the longer find."""
    found: list[Masked] = []
    taken = bytearray(len(text))
    for rule in (_emails, _ibans, _cards, _identities, _addresses):
        _take(rule(text), taken, found)
    _take(_named(text, names), taken, found)
    rest = "".join(";" if hidden else character for character, hidden in zip(text, taken, strict=True))
    _take(_phones(rest, tuple(dict.fromkeys(regions))), taken, found)  # a card beside a number makes neither unknown
    return sorted(found, key=lambda each: each.start)


def _take(finds: Iterable[Masked], taken: bytearray, found: list[Masked]) -> None:
    for each in sorted(finds, key=lambda each: (each.start - each.end, each.start)):
        if not any(taken[each.start : each.end]):
            taken[each.start : each.end] = b"\1" * (each.end - each.start)
            found.append(each)


def _emails(text: str) -> Iterator[Masked]:
    for match in _EMAIL.finditer(text):
        yield Masked(match.start(), match.end(), "e-mail")


def _ibans(text: str) -> Iterator[Masked]:
    """The longest piece from the start of a match whose check digits fit: the next word may look like a part of it."""
    for match in _IBAN.finditer(text):
        for end in (match.end(), *(gap.start() for gap in reversed(list(re.finditer(r"[ \u00a0-]", match.group()))))):
            stop = end if end == match.end() else match.start() + end
            if iban.is_valid(text[match.start() : stop].replace("\u00a0", "")):
                yield Masked(match.start(), stop, "IBAN")
                break


def _cards(text: str) -> Iterator[Masked]:
    for form in _CARDS:
        for match in form.finditer(text):
            digits = re.sub(r"\D", "", match[1])
            if _NETWORKS.fullmatch(digits) and luhn.is_valid(digits):
                yield Masked(match.start(1), match.end(1), "card number")


_IDENTITIES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b"), codicefiscale.is_valid),
    (re.compile(r"\b\d{8}-?[A-Z]\b"), dni.is_valid),
    (re.compile(r"\b[XYZ]-?\d{7}-?[A-Z]\b"), nie.is_valid),
    (re.compile(r"(?<![\d.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)"), cpf.is_valid),
    (re.compile(r"(?<!\d)[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\d)"), nir.is_valid),
)


def _identities(text: str) -> Iterator[Masked]:
    for match in _SSN.finditer(text):
        group = 1 if match[1] else 0
        if group or ssn.is_valid(match.group()) or match.group()[0] != "9":
            yield Masked(match.start(group), match.end(group), "identity number")
    for pattern, is_valid in _IDENTITIES:
        for match in pattern.finditer(text):
            if is_valid(match.group()):
                yield Masked(match.start(), match.end(), "identity number")


def _addresses(text: str) -> Iterator[Masked]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _VERSION.search(text, max(0, match.start() - 12), match.start()):
                continue
            try:
                ipaddress.ip_address(match.group())
            except ValueError:
                continue
            yield Masked(match.start(), match.end(), "IP address")


def _named(text: str, names: Iterable[str]) -> Iterator[Masked]:
    """Full names and, where they are long enough to mean somebody, their parts."""
    wanted: dict[str, None] = {}
    for name in names:
        words = name.split()
        wanted |= dict.fromkeys([" ".join(words), *(word for word in words if len(word) > 2)] if words else [])
    for name in wanted:
        pattern = r"\s+".join(re.escape(word) for word in name.split())
        for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE):
            yield Masked(match.start(), match.end(), "name")


def _phones(text: str, regions: Sequence[str]) -> Iterator[Masked]:
    """Line by line, as no number goes over one, and lines without enough digits are none's home.

    A number with + is also found where more digits follow it; of a local one its end would be a guess.
    """
    for plus in _PLUS.finditer(text):
        ends = [at.end() for at in re.finditer(r"\d(?!\d)", plus.group())]
        for end in reversed(ends):
            if _is_phone(plus.group()[:end]):
                yield Masked(plus.start(), plus.start() + end, "phone number")
                break
    start = 0
    for line in text.splitlines(keepends=True):
        if sum(map(str.isdigit, line)) >= _LEAST_DIGITS:
            for at in range(0, len(line), LONGEST_LINE):
                part = line[at : at + LONGEST_LINE + OVERLAP]
                for region in regions or (None,):
                    for match in phonenumbers.PhoneNumberMatcher(part, region):
                        yield Masked(start + at + match.start, start + at + match.end, "phone number")
        start += len(line)


def _is_phone(text: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, None))
    except phonenumbers.NumberParseException:
        return False
