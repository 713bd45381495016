"""How text becomes the words of the full-text index, alike on both databases, and how a search is understood."""

import re
import unicodedata
from dataclasses import dataclass

from storage.records import StorageError

LONGEST = 64  # characters of a word; longer ones (encoded data) are cut into several, none is left out
_SINGLE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese characters: no spaces, so each is a word
_MARKS = "\u0900-\u0eff"  # Indic and Thai vowel signs belong to the word, though they are no letters
_WORD = re.compile(rf"[{_SINGLE}]|(?:[^\W_{_SINGLE}]|[{_MARKS}]){{1,{LONGEST}}}")
_ACCENTS = re.compile("[\u0300-\u036f]")
_ITEM = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand side by side; the last one may be only the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False


def words_of(text: str) -> list[str]:
    """The words in order: without case, without the accents of European scripts, split at everything else."""
    folded = unicodedata.normalize("NFKD", text).casefold()  # in this order: ℠ becomes SM becomes sm
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded))
    return _WORD.findall(unicodedata.normalize("NFKC", bare))


def terms_of(query: str) -> list[Term]:
    """All terms of a search, each of which must be found. Raises StorageError when there is no word in it."""
    found = []
    for phrase, single in _ITEM.findall(query):
        if words := words_of(phrase or single):
            found.append(Term(tuple(words), prefix=not phrase and single.endswith("*")))
    if not found:
        raise StorageError("There is nothing to search for; type at least one word or number.")
    return found


def quote_around(text: str, terms: list[Term], reach: int = 90) -> str:
    """A piece of the text around the first found word, up to `reach` characters to both sides, on one line."""
    wanted = {word for term in terms for word in term.words}
    beginnings = tuple(term.words[-1] for term in terms if term.prefix)
    place = 0
    for match in re.finditer(r"\S+", text):
        words = words_of(match[0])
        if any(word in wanted or (beginnings and word.startswith(beginnings)) for word in words):
            place = match.start()
            break
    start, end = max(0, place - reach), min(len(text), place + reach)
    piece = " ".join(text[start:end].split())
    return ("… " if start else "") + piece + (" …" if end < len(text) else "")
