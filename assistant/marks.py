"""Where in an answer each citation's number belongs: behind the words that it proves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.passages import LiteralIndex
from assistant.words import terms_of
from storage import CitationRecord

_SENTENCE = re.compile(r"[^\n]*?(?:[.!?;][\"”’)\]]*(?=\s|$)|$)", re.MULTILINE)
_BLOCK = re.compile(r"^> ?(.*)$", re.MULTILINE)
_QUOTED = re.compile(r"[\"“„]([^\"“”„]{1,600})[\"”]")


def marks(answer: str, citations: Sequence[CitationRecord]) -> list[tuple[int, int]]:
    """(offset, number) for each citation, in order of offset; the number stands before the character at `offset`.

    A quote's number stands behind the quote, any other behind the sentence that shares most words with the passage.
    """
    return sorted((_place(answer, citation), citation.number) for citation in citations)


def _place(answer: str, citation: CitationRecord) -> int:
    wide = LiteralIndex(citation.quote)
    for pattern in (_BLOCK, _QUOTED):
        for match in pattern.finditer(answer):
            words = match.group(1).strip().strip(".,;:… ")
            if words and wide.find(words):
                return len(answer[: match.end()].rstrip())
    whole = LiteralIndex(answer).find(citation.quote.strip().rstrip(".,;:"))
    if whole:
        return _past_the_mark(answer, whole[0][1])
    return _sentence_end(answer, terms_of(citation.quote))


def _past_the_mark(answer: str, end: int) -> int:
    return end + 1 if answer[end : end + 1] in ".,;:" else end


def _sentence_end(answer: str, terms: frozenset[str] | set[str]) -> int:
    best, place = 0, len(answer.rstrip())
    for match in _SENTENCE.finditer(answer):
        shared = len(terms_of(match.group()) & terms)
        if shared > best:
            best, place = shared, match.end()
    return place
