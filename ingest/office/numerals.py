"""A number in the form Word's numFmt names: 3 → "c", "III", "third"; the forms are data."""

from __future__ import annotations

from collections.abc import Callable

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}  # fmt: skip
ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
         (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
CHICAGO = "*†‡§"
RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
CIRCLED = 0x2460  # ①


def roman(number: int) -> str:
    """MCMXCIV; decimal where Romans had no number."""
    if not 0 < number < 4000:
        return str(number)
    text = ""
    for value, letters in ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def letter(number: int, alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ") -> str:
    """A … Z, then AA, BB: Word repeats the letter."""
    if not 0 < number <= 780:
        return str(number)
    times, place = divmod(number - 1, len(alphabet))
    return alphabet[place] * (times + 1)


def cardinal(number: int) -> str:
    """One hundred twenty-one; decimal from ten thousand on."""
    if not 0 <= number < 10_000:
        return str(number)
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens] + (f"-{ONES[ones]}" if ones else "")
    size, word = (1000, "thousand") if number >= 1000 else (100, "hundred")
    count, rest = divmod(number, size)
    return f"{cardinal(count)} {word}" + (f" {cardinal(rest)}" if rest else "")


def ordinal_text(number: int) -> str:
    """Twenty-first; decimal with its ending from ten thousand on."""
    text = cardinal(number)
    if text[-1:].isdigit():
        return ordinal(number)
    head, last = text[: -len(_last(text))], _last(text)
    ended = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return head + ended


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _last(text: str) -> str:
    return text.replace("-", " ").rsplit(" ", 1)[-1]


FORMS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalZero": lambda number: f"{number:02d}",
    "upperRoman": roman,
    "lowerRoman": lambda number: roman(number).lower(),
    "upperLetter": letter,
    "lowerLetter": lambda number: letter(number).lower(),
    "ordinal": ordinal,
    "cardinalText": lambda number: cardinal(number).capitalize(),
    "ordinalText": lambda number: ordinal_text(number).capitalize(),
    "hex": lambda number: f"{number:X}",
    "chicago": lambda number: CHICAGO[(number - 1) % 4] * ((number - 1) // 4 + 1) if 0 < number < 99 else str(number),
    "numberInDash": lambda number: f"- {number} -",
    "russianLower": lambda number: letter(number, RUSSIAN),
    "russianUpper": lambda number: letter(number, RUSSIAN).upper(),
    "hebrew2": lambda number: letter(number, HEBREW),
    "decimalEnclosedCircle": lambda number: chr(CIRCLED + number - 1) if 0 < number <= 20 else str(number),
    "decimalEnclosedParen": lambda number: f"({number})",
    "decimalEnclosedFullstop": lambda number: f"{number}.",
    "none": lambda number: "",
}


def numeral(number: int, form: str) -> tuple[str, bool]:
    """The number as shown, and whether the form is known; an unknown form is shown in decimal."""
    known = FORMS.get(form)
    return (str(number), False) if known is None else (known(number), True)
