"""Block quotes in answers: generated only from the document's own words, and found again in the finished text.

An answer may hold lines that start with “> ”; a line in parentheses behind one names the header that the words stand
under. While such a line is generated only runs of the document's own tokens can follow, so no quote can be invented.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.quote_marks import quote_marks
from assistant.tokenizer import Tokenizer
from sparse_backend.quotes import QuoteConstraint, QuoteSource
from sparse_backend.suffixes import SuffixIndex

SHORTEST = 3  # tokens of a quote before its line may end
_QUOTE = re.compile(r"^>[ \t]*(?P<quote>[^\n]*)(?:\n\((?P<header>[^\n]*)\)[ \t]*$)?", re.MULTILINE)

_LAST_QUOTED = re.compile(r"(?:^|\n)>[^\n]*\Z")


@dataclass(frozen=True, slots=True)
class BlockQuote:
    """One quoted line and the header that the answer names for it, or ""."""

    quote: str
    header: str


def split_quotes(text: str) -> tuple[str, tuple[BlockQuote, ...]]:
    """What the answer says in its own words, and its block quotes."""
    found = tuple(
        BlockQuote(match["quote"].strip(), (match["header"] or "").strip()) for match in _QUOTE.finditer(text)
    )
    return _QUOTE.sub("", text).strip(), tuple(quote for quote in found if quote.quote)


def without_headers(text: str) -> str:
    """The text without the headers that it names behind its quotes: the citations name those that are true."""
    return _QUOTE.sub(lambda match: f"> {match['quote'].strip()}", text)


def settled(text: str) -> str:
    """Of a growing answer what its finished form, stripped and without headers, begins with, whatever comes."""
    text = text.lstrip()  # a quote may begin the answer
    before, _, last = text.rpartition("\n")
    quoting = last.startswith(">") or (_LAST_QUOTED.search(before) is not None and last[:1] in ("", "("))
    return without_headers(before if quoting else text)


class Quoting:
    """Constraints for one tokenizer; the indexes of the documents asked about last are kept."""

    def __init__(self, tokenizer: Tokenizer, vocabulary: int, *, kept: int = 8) -> None:
        stops = frozenset(token for token in tokenizer.stop_ids if token < vocabulary)  # others are never said
        self._marks = quote_marks(tokenizer.spellings(vocabulary), stops)
        self._vocabulary, self._kept = vocabulary, kept
        self._sources: OrderedDict[str, QuoteSource] = OrderedDict()

    def constraint(self, documents: Sequence[tuple[str, Sequence[int]]]) -> QuoteConstraint:
        """Holds quotes to `documents`: a name that stays the same for the same tokens, and the tokens."""
        return QuoteConstraint([self._source(*one) for one in documents], self._marks, self._vocabulary)

    def _source(self, name: str, token_ids: Sequence[int]) -> QuoteSource:
        source = self._sources.pop(name, None) or QuoteSource(SuffixIndex(token_ids), self._marks, SHORTEST)
        self._sources[name] = source
        while len(self._sources) > self._kept:
            self._sources.popitem(last=False)
        return source


def said_tokens(token_ids: Sequence[int], tokenizer: Tokenizer) -> int:
    """How many tokens of an answer come before its first block quote: those that the model chose by itself."""
    text = tokenizer.decode(token_ids)
    quote = _QUOTE.search(text)
    if quote is None:
        return len(token_ids)
    low, high = 0, len(token_ids)
    while low < high:  # the longest beginning that spells nothing of the quote
        middle = (low + high + 1) // 2
        if len(tokenizer.decode(token_ids[:middle]).rstrip()) <= len(text[: quote.start()].rstrip()):
            low = middle
        else:
            high = middle - 1
    return low
