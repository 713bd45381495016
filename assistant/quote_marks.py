"""Which token ids spell a Markdown block quote: the tokenizer's side of sparse_backend.quotes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sparse_backend.quotes import QuoteMarks

_OPENING = re.compile(r" {0,3}> ?")  # Markdown allows three spaces before the mark
_HIDDEN = re.compile(r"[\n\r][ \t]*>")  # a line break and a mark in one token


def quote_marks(texts: Sequence[str], stop_ids: frozenset[int]) -> QuoteMarks:
    """Sorts a vocabulary into marks; `texts`: what each token id spells inside a text, "" for control tokens.

    A quote ends by a token of line breaks alone; only an empty line keeps what follows out of the rendered quote, so
    readers of answers go by lines, not by rendering. A word may lose or win its space at the start of a quote if both
    forms are one token. Raises ValueError for a vocabulary without “>” or line breaks.
    """
    words: defaultdict[str, list[int]] = defaultdict(list)
    for token_id, text in enumerate(texts):
        words[text].append(token_id)
    openings = {token_id for text, ids in words.items() if _OPENING.fullmatch(text) for token_id in ids}
    spaces = words[" "]
    broken = {text: ids for text, ids in words.items() if "\n" in text or "\r" in text}
    return QuoteMarks(
        openings=(*((token_id,) for token_id in sorted(openings)), *((o, s) for o in sorted(openings) for s in spaces)),
        line_ends=_ids(ids for text, ids in broken.items() if text.rstrip(" \t").endswith(("\n", "\r"))),
        newlines=_ids(broken.values()),
        closings=_ids(ids for text, ids in broken.items() if not text.strip("\n")),
        stops=stop_ids,
        blanks=_ids(ids for text, ids in words.items() if text and not text.strip(" \t")),
        refused=_ids(ids for text, ids in broken.items() if _HIDDEN.search(text)),
        refused_first=_ids(ids for text, ids in words.items() if text.lstrip(" \t").startswith(">")) - openings,
        variants={
            token_id: tuple(other for name in _twins(text) for other in words.get(name, ()))
            for text, ids in words.items()
            for token_id in ids
            if text.strip() and text not in broken and token_id not in stop_ids
        },
    )


def _ids(groups: Iterable[Iterable[int]]) -> frozenset[int]:
    return frozenset(token_id for ids in groups for token_id in ids)


def _twins(text: str) -> tuple[str, ...]:
    """The same word with and without the space in front."""
    return (text[1:],) if text.startswith(" ") else (" " + text,)
