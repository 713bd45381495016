"""What a teacher is asked to ask for, span by span, and which of its questions are kept."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sparse_backend.train.texts.corpus import Corpus, Text
from sparse_backend.train.texts.natural import sentences
from sparse_backend.train.texts.spans import Choice, choices, passages

STYLES = (
    'Write one question to which the answer is "{answer}". Use other words than the sentence. Write only the question.',
    "Write one short question that this answers in a few words, such as a number, a name or a thing. Write only the question.",
    "Write one short question that a beginner would ask and that this answers in a few words. Write only the question.",
)
"""With the span given, and, as small teachers are better at it, left free: then the reply becomes the span."""
PER_TEXT = 40  # passages of one text at most, so that no source drowns the others
_WORD = re.compile(r"[a-z0-9]+")
_BAD = re.compile(
    r"\b(sentence|text|passage|paragraph|statement|given|mentioned|above|following|answer|quote)\b", re.IGNORECASE
)
_COMMON = frozenset(
    "the a an of to in is are and or for be with that this it by on as at from not can may must will shall if when which has have do does what how "
    "who where why i you we they there your my our its their should would could been was were because".split()
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a text that shall be asked for; `sentence` and `passage` are flat text."""

    text: Text
    choice: Choice
    sentence: str
    passage: str
    style: str

    @property
    def answer(self) -> str:
        """The span as flat text."""
        return " ".join(self.text.text[self.choice.start : self.choice.end].split())


def candidates(corpus: Corpus, seed: int) -> Iterator[Candidate]:
    """Spans to ask for, sources taking turns."""
    r = random.Random(seed)
    by_source: defaultdict[str, list[Text]] = defaultdict(list)
    for text in corpus.prose:
        by_source[text.source].append(text)
    queues = [iter(r.sample(texts, len(texts))) for _, texts in sorted(by_source.items())]
    while queues:
        for queue in list(queues):
            try:
                text = next(queue)
            except StopIteration:
                queues.remove(queue)
                continue
            found = passages(text.text)
            for low, high in sorted(r.sample(found, min(len(found), PER_TEXT))):
                for choice in choices(text.text, low, high, r, 2 if high - low > 450 else 1):
                    made = _candidate(text, choice, r)
                    if made:
                        yield made


def _candidate(text: Text, choice: Choice, r: random.Random) -> Candidate | None:
    passage = text.text[choice.low : choice.high]
    at = choice.start - choice.low
    held = next(((a, b) for a, b in sentences(passage) if a <= at < b), None)
    if held is None or not 40 < held[1] - held[0] < 420:
        return None
    flat = " ".join(passage[held[0] : held[1]].split())
    return Candidate(text, choice, flat, " ".join(passage.split()), r.choice(STYLES))


def sound(question: str, candidate: Candidate) -> bool:
    """Whether a question reads as one, does not hold its answer, and is not the sentence turned round."""
    words = _WORD.findall(question.lower())
    if not question.endswith("?") or not 5 <= len(words) <= 26 or _BAD.search(question) or "?" in question[:-1]:
        return False
    answer = [word for word in _WORD.findall(candidate.answer.lower()) if word not in _COMMON]
    if not answer or sum(word in words for word in answer) > 0.5 * len(answer):
        return False
    told = _WORD.findall(candidate.sentence.lower())
    return not any(told[i : i + 7] == words[j : j + 7] for j in range(len(words) - 6) for i in range(len(told) - 6))


def agrees(reply: str, candidate: Candidate) -> bool:
    """Whether the reply holds the span: all of a figure or name, most of a phrase, and not much beside it."""
    said = _WORD.findall(reply.lower())
    wanted = [word for word in _WORD.findall(candidate.answer.lower()) if word not in _COMMON]
    if not wanted or len(said) > len(wanted) * 3 + 12:
        return False
    held = sum(word in said for word in wanted) / len(wanted)
    return held == 1 if len(wanted) <= 3 else held >= 0.7


def replied(reply: str, candidate: Candidate) -> Candidate | None:
    """The candidate with the reply as its span, when the reply is a few words of the sentence, literally and once."""
    words = reply.strip().strip(".\"'`“”").strip()
    content = [word for word in _WORD.findall(words.lower()) if word not in _COMMON]
    told = len(words) < 2 or (not re.search(r"[\dA-Z_/.-]", words) and len(content) < 2)
    if (
        not (len(words) > 2 or words.isdigit())
        or len(words) > 80
        or not content
        or told
        or candidate.sentence.count(words) != 1
    ):
        return None
    choice, text = candidate.choice, candidate.text.text
    found = [*re.finditer(r"\s+".join(map(re.escape, words.split())), text[choice.low : choice.high])]
    if len(found) != 1:
        return None
    start, end = choice.low + found[0].start(), choice.low + found[0].end()
    return replace(candidate, choice=Choice("reply", start, end, choice.low, choice.high))


def clean(written: str) -> str:
    """The question alone, of what the teacher wrote."""
    first = written.strip().split("\n")[0].strip().strip('"“”').strip()
    return re.sub(r"^(?:Question|Q):\s*", "", first)


def normal(question: str) -> str:
    """A question as duplicates are told by."""
    return " ".join(_WORD.findall(question.lower()))
