"""Where a header ends inside its line, and how much the words after its number look like a title."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TITLE = 120
MAX_WORDS = 14
LONG = 40  # characters; two lines of capitals longer than this are a clause rather than a title
FIRST_WORDS = 6  # a clause without a title is named by its first words

STRONG, PLAIN, WEAK = 2, 1, 0

SMALL = frozenset((
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "if", "in", "into", "nor", "of", "off",
    "on", "onto", "or", "over", "per", "than", "that", "the", "to", "under", "up", "upon", "via", "vs",
    "with", "within", "without", "not", "no", "other", "its", "their", "between", "among", "during",
    "after", "before", "against", "re",
))  # fmt: skip

VERBS = frozenset((
    "shall", "will", "is", "are", "was", "were", "has", "have", "had", "may", "must", "can", "agrees",
    "agree", "means", "represents", "hereby", "be",
))  # fmt: skip

CONTINUES = frozenset((
    "of", "and", "or", "shall", "hereof", "herein", "hereto", "hereunder", "above", "below", "to",
    "through", "is", "are", "was", "were", "in", "by", "but", "which", "that", "for", "as", "if",
    "with", "may", "will", "have", "has", "been", "be", "on", "at", "from", "under", "than", "thereof",
    "except", "unless",
))  # fmt: skip

ITEM_CONTINUES = frozenset(("of", "and", "or", "above", "below", "hereof", "thereof"))  # items may start with a verb
_CITED = re.compile(r"(?:Abs|Absatz|Satz|Nr|lit|BGB|HGB|U\.?S\.?C)\b")  # "§ 2 Abs. 1 und …", "17 U.S.C. …"
_BREAK = re.compile(r"[.:](?=\s+[“\"(\[A-Z0-9])|[.:]\s*$|\s[—–]\s")
_ABBREVIATION = re.compile(r"(?:\b(?:Inc|Corp|Ltd|No|Nos|Mr|Ms|Dr|Co|St|vs|Art|Sec|[A-Z])|\b[A-Za-z]\.[A-Za-z])$")
_DEFINED = re.compile(r"[“\"‘'](?P<term>[^“”\"]{1,100})[”\"’'](?P<more>(?:\s*(?:or|and|,)\s*[“\"][^“”\"]{1,80}[”\"])*)")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Title:
    """`end`: offset in the line where the header stops; `strength`: STRONG, PLAIN or WEAK."""

    end: int
    strength: int


def read_title(line: str, start: int, following: str) -> Title:
    """Reads the words of `line` from `start`, just after its number; `following` is the next line or ""."""
    rest = line[start:]
    if not rest.strip():
        return Title(len(line[:start].rstrip()), PLAIN)
    defined = _DEFINED.match(rest)
    if defined:
        return Title(start + defined.end(), STRONG)
    if is_caps(rest) and len(rest) <= MAX_TITLE:
        more = is_caps(following) and (len(following) > LONG or "." in following)
        shouted = len(rest) > LONG and more  # a whole clause in capitals, not a title
        return Title(_first_words(line, start) if shouted else _trim(line, len(line)), STRONG)
    run_in = _run_in(rest)
    if run_in:
        return Title(start + run_in, STRONG)
    if is_title_case(rest) and len(rest) <= 90 and not following[:1].islower() and not rest.rstrip().endswith(","):
        return Title(_trim(line, len(line)), STRONG)
    return Title(_first_words(line, start), PLAIN if _opens(rest) else WEAK)


def _run_in(rest: str) -> int | None:
    """End of a title that the clause follows on the same line, such as "Term. This Agreement …"."""
    best = None
    for match in _BREAK.finditer(rest[: MAX_TITLE + 2]):
        phrase = rest[: match.start()]
        if _ABBREVIATION.search(phrase) and match.group().startswith("."):
            continue
        if not is_title_case(phrase) and not (best is None and _is_sentence_title(phrase)):
            break
        best = len(phrase.rstrip())
        if match.group().startswith("."):
            break
    return best


def _is_sentence_title(phrase: str) -> bool:
    words = phrase.lower().split()
    return phrase[:1].isupper() and 0 < len(words) <= FIRST_WORDS and not VERBS.intersection(words)


def is_title_case(phrase: str) -> bool:
    """A few words, all but the small ones capitalised."""
    words = [word.strip("“”\"'’‘()[],;&/–—-") for word in phrase.split()]
    if not words or len(words) > MAX_WORDS or not phrase.lstrip("“\"'‘([")[:1].isupper():
        return False
    return all(not word or not word[0].islower() or word in SMALL for word in words) and not VERBS.intersection(words)


def is_caps(phrase: str) -> bool:
    """Letters, and all of them capitals; a redaction such as [ * * * ] has none."""
    letters = sum(char.isalpha() for char in phrase)
    return letters >= 3 and not any(char.islower() for char in phrase) and letters * 2 >= len(phrase.replace(" ", ""))


def _opens(rest: str) -> bool:
    return rest[0].isupper() or rest[0] in "“\"‘'([$" or rest[0].isdigit()


def continues(rest: str, words: frozenset[str] = CONTINUES) -> bool:
    """The rest reads on from the line before, as in "10.2 of this Agreement" or "4.1, unless"."""
    if not rest or not rest[0].islower():
        return rest[:1] in tuple(",;)") or _CITED.match(rest) is not None
    return re.split(r"[^a-z]", rest, maxsplit=1)[0] in words


def _first_words(line: str, start: int) -> int:
    end = start
    for count, word in enumerate(_WORD.finditer(line, start), start=1):
        if word.end() > MAX_TITLE or count > FIRST_WORDS:
            break
        end = word.end()
    return _trim(line, end or min(len(line), MAX_TITLE))


def _trim(line: str, end: int) -> int:
    return len(line[:end].rstrip(" .,:;—–-")) or end


def clean(text: str) -> str:
    """A title on one line, at most 120 characters."""
    return " ".join(text.split())[:MAX_TITLE].rstrip(" .,:;—–-") or " ".join(text.split())[:MAX_TITLE]
