"""Questions on real texts: sentences that define, oblige, set a default or a number, turned into questions by rule."""

from __future__ import annotations

import random
import re

from sparse_backend.train.texts.page import Asked
from sparse_backend.train.texts.wording import reword

_SENTENCE = re.compile(r"(?<=[.!?:])[ \n]+(?=[A-Z`\"'(])|\n\s*\n|\n(?=\s*[-*•] )")
_STOP = set(
    "the a an of to in is are and or for be with that this it by on as at from not can may must will shall if when which has have been was "
    "were any all its their they you your we our us these those than then also only such each other into but so use used using do does".split()
)
_WORD = re.compile(r"[A-Za-z][A-Za-z_\-]{2,}")


def _clean(text: str) -> str:
    return " ".join(text.split()).strip(" .;:,-")


_SUBJECT = r"(?P<s>(?:The|A|An|Each|Every|Any|This)? ?[A-Za-z`'\"][\w`'\"./\-]*(?: [\w`'\"./\-]+){0,5})"
_RULES: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = (
    (re.compile(rf"^{_SUBJECT} (?:is|are) (?P<v>(?:a|an|the|one of) [^.;:,(]{{12,110}})"),
     ("What is {s}?", "Define {s}.", "{s} meaning", "What does {s} stand for?", "How is {s} described?", "explain {s}", "What kind of thing is {s}?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} means? (?P<v>[^.;:]{{10,140}})"),
     ("What does {s} mean?", "What is meant by {s}?", "Define {s}.", "definition of {s}", "How is {s} defined?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} (?:must|shall|has to|have to) (?P<v>(?!not)[^.;:(]{{10,110}})"),
     ("What must {s} do?", "What is required of {s}?", "{s} obligation", "What is {s} obliged to do?", "What does the text demand of {s}?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} (?:must|shall|may|should|can)(?: not|not) (?P<v>[^.;:(]{{10,110}})"),
     ("What must {s} not do?", "What is {s} forbidden or unable to do?", "What is ruled out for {s}?", "restriction on {s}"), "Not {v}"),
    (re.compile(rf"^{_SUBJECT} defaults? to (?P<v>[^.;,(]{{1,60}})"),
     ("What is the default of {s}?", "default {s}", "What does {s} default to?", "Which value has {s} if it is not set?"), "{v}"),
    (re.compile(r"(?:^|[ ,])(?:the )?default(?: value)? (?:of |for )?(?P<s>[\w`'\-.]+(?: [\w`'\-.]+){0,3}) is (?P<v>[^.;,(]{1,60})"),
     ("What is the default of {s}?", "default value {s}", "Which {s} applies by default?", "If I set nothing, what is {s}?"), "{v}"),
    (re.compile(r"^(?:If|When|Whenever|Unless) (?P<s>[^,.;:]{12,90}), (?:then )?(?P<v>[^.;:]{12,120})"),
     ("What happens if {s}?", "What if {s}?", "if {s}, then what", "What applies when {s}?", "What is the consequence if {s}?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} returns (?P<v>[^.;:(]{{6,110}})"),
     ("What does {s} return?", "return value of {s}", "What do I get back from {s}?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} (?:allows?|lets?|enables?) (?P<v>[^.;:(]{{10,110}})"),
     ("What does {s} allow?", "What is {s} good for?", "What can be done with {s}?", "purpose of {s}"), "{v}"),
    (re.compile(r"^(?:To|In order to) (?P<s>[a-z][^,.;:]{8,80}), (?P<v>(?:use|run|call|set|add|you|type|select|specify|see|create|install)[^.;:]{8,110})"),
     ("How do I {s}?", "how to {s}", "What should I do to {s}?", "Is there a way to {s}?", "I want to {s}. What do I do?"), "{v}"),
    (re.compile(rf"^{_SUBJECT} (?:consists? of|contains?|includes?|comprises?) (?P<v>[^.;:(]{{10,110}})"),
     ("What does {s} contain?", "What is part of {s}?", "contents of {s}", "What is {s} made up of?"), "{v}"),
    (re.compile(r"^(?P<v>[^.;:]{15,120}) because (?P<s>[^.;:]{12,110})"),
     ("Why is it that {v}?", "For what reason {v}?", "why {v}"), "Because {s}"),
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.\-/])(?P<n>\d[\d,.]*\d|\d)(?: |-)(?P<u>days?|hours?|minutes?|seconds?|years?|months?|weeks?|bytes?|bits?|characters?|percent|MB|GB|KB|kB|"
                     r"entries|lines?|columns?|times|connections?|users?|files?|elements?|items?|arguments?|parameters?|rows?|pages?|copies)\b")  # fmt: skip
_BAD = {
    "it",
    "this",
    "that",
    "there",
    "these",
    "those",
    "they",
    "he",
    "she",
    "we",
    "you",
    "i",
    "here",
    "what",
    "which",
    "who",
    "note",
    "see",
    "one",
    "each",
    "all",
}


def sentences(text: str) -> list[tuple[int, int]]:
    """Ranges of single sentences, in order."""
    found, start = [], 0
    for match in _SENTENCE.finditer(text):
        if match.start() > start:
            found.append((start, match.start()))
        start = match.end()
    found.append((start, len(text)))
    return found


def ask_about(text: str, low: int, high: int, count: int, r: random.Random) -> list[Asked]:
    """Up to `count` questions about sentences of text[low:high]."""
    spans = [(low + a, low + b) for a, b in sentences(text[low:high]) if 40 < b - a < 420]
    r.shuffle(spans)
    found: list[Asked] = []
    for start, end in spans:
        if len(found) >= count:
            break
        made = _by_rule(text, start, end, r) or _by_number(text, start, end, r)
        if made is None and r.random() < 0.08:
            made = _by_keywords(text, start, end, r)
        if made and all(made.question != other.question for other in found):
            found.append(made)
    return found


def _sound(sentence: str) -> bool:
    """Whether it is a plain sentence: no markup, no list of options, few symbols."""
    odd = sum(not (character.isalnum() or character in " ,.'`\"()-_;:/") for character in sentence)
    return odd <= 2 and "\n\n" not in sentence and "  " not in sentence.strip() and len(sentence.split()) >= 7


def _by_rule(text: str, start: int, end: int, r: random.Random) -> Asked | None:
    sentence = text[start:end]
    flat = sentence.replace("\n", " ")
    if not _sound(flat):
        return None
    for rule, questions, answer in _RULES:
        match = rule.search(flat)
        if match is None:
            continue
        s, v = _clean(match["s"]), _clean(match["v"])
        if (
            not s
            or not v
            or s.lower().split()[0] in _BAD | {"if", "when", "for", "in", "to", "following", "the following"}
            or (len(s.split()) == 1 and len(s) < 4)
            or text.count(match["s"]) > 12
        ):
            continue
        key = s if rule.pattern.startswith("^(?:If") else _lower_first(s)
        question = r.choice(questions).format(s=key, v=_lower_first(v))
        short = answer.format(s=s, v=v)
        short = " ".join(short.split()[:26])
        focus = (start + match.start("v"), start + match.end("v"))
        return Asked(
            reword(_upper(question), r), _upper(short), (start, end), (start, focus[0], focus[1] - 1), "natural", focus
        )
    return None


def _by_number(text: str, start: int, end: int, r: random.Random) -> Asked | None:
    flat = text[start:end].replace("\n", " ")
    found = list(_NUMBER.finditer(flat))
    if len(found) != 1 or not _sound(flat):
        return None
    words = [word for word in _WORD.findall(flat) if word.lower() not in _STOP and word not in found[0][0]]
    if len(words) < 4:
        return None
    at = r.randrange(max(1, len(words) - 4))
    topic = " ".join(words[at : at + r.randint(3, 5)])
    unit = found[0]["u"]
    question = r.choice(
        (
            f"How many {unit}: {topic}?",
            f"{topic} how many {unit}",
            f"What number of {unit} is given for {topic}?",
            f"{topic}: which number?",
        )
    )
    focus = (start + found[0].start(), start + found[0].end())
    return Asked(reword(question, r), _upper(found[0][0]), (start, end), (start, focus[0]), "natural number", focus)


def _by_keywords(text: str, start: int, end: int, r: random.Random) -> Asked | None:
    flat = text[start:end].replace("\n", " ")
    words = [word for word in _WORD.findall(flat) if word.lower() not in _STOP]
    if not _sound(flat) or len(words) < 6 or len(flat) > 200:
        return None
    topic = " ".join(r.sample(words, r.randint(3, 4)))
    question = r.choice(
        (f"What does it say about {topic}?", f"{topic}", f"Find the place on {topic}.", f"Where is {topic} mentioned?")
    )
    short = " ".join(flat.split()[:22])
    return Asked(
        reword(question, r),
        _upper(_clean(short)),
        (start, end),
        (start, end - 1),
        "keywords",
        (start, min(end, start + 60)),
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower_first(text: str) -> str:
    first = text.split(" ")[0]
    return text[:1].lower() + text[1:] if first in ("The", "A", "An", "Each", "Every", "Any", "This") else text
