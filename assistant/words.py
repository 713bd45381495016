"""The words of a text that tell it from others: figures, names and rare words, in one form whatever their ending."""

from __future__ import annotations

import re

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:[’'-][^\W\d_]+)*")
_NUMBERS = {
    name: str(value)
    for value, name in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
}
_COMMON = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "on",
        "for",
        "and",
        "or",
        "by",
        "with",
        "from",
        "at",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "not",
        "no",
        "any",
        "all",
        "shall",
        "will",
        "may",
        "can",
        "has",
        "have",
        "had",
        "which",
        "who",
        "what",
        "when",
        "where",
        "how",
        "does",
        "do",
        "if",
        "than",
        "then",
        "there",
        "their",
        "they",
        "he",
        "she",
        "his",
        "her",
        "i",
        "you",
        "your",
        "we",
        "our",
        "under",
        "such",
        "other",
        "into",
        "over",
        "after",
        "before",
        "about",
        "also",
        "only",
        "must",
        "would",
        "should",
        "could",
        "based",
        "information",
        "provided",
        "document",
        "according",
        "states",
        "stated",
        "source",
        "given",
        "agreement",
        "text",
        "section",
        "yes",
    ]
)


def terms_of(text: str) -> frozenset[str]:
    """The text's telling words, numbers spelt as figures."""
    words = (match.group().lower().replace("’", "'") for match in _WORD.finditer(text))
    return frozenset(
        _NUMBERS.get(word, _stem(word)) for word in words if word not in _COMMON and (len(word) > 1 or word.isdigit())
    )


def _stem(word: str) -> str:
    if word[0].isdigit():
        return word.replace(",", "")
    for ending in ("'s", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def overlap(asked: frozenset[str], terms: frozenset[str]) -> float:
    """The share of `asked` that `terms` hold."""
    return len(asked & terms) / len(asked) if asked else 0.0
