"""Sentences of an answer, where each stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?=\S)[^.!?\n]*)*[.!?]*")
_SHORT = re.compile(r"(?:\b(?:No|Inc|Ltd|Corp|Co|Sec|Art|Mr|Ms|Dr|St|U\.S|e\.g|i\.e|v|vs)|\b[A-Z])\.$")


def sentences_in(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each sentence, or line, that says something; “Acme Inc. pays” is one."""
    start = -1
    for match in _SENTENCE.finditer(text):
        start = match.start() if start < 0 else start
        if _SHORT.search(match.group()) and text[match.end() : match.end() + 1] == " ":
            continue
        if any(character.isalnum() for character in text[start : match.end()]):
            yield start + len(text[start:]) - len(text[start:].lstrip()), match.end()
        start = -1
    if start >= 0:
        yield start, len(text)
