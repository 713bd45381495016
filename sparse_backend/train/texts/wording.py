"""How people write one question: politely, tersely, with a typo, as keywords."""

from __future__ import annotations

import random
import re

_BEFORE = (
    "Can you tell me: ", "Please tell me: ", "I need to know: ", "According to the document, ", "Quick question: ", "Hi, ", "Hello! ",
    "My client asks: ", "For our records: ", "Could you check: ", "Help me out here. ", "One more thing: ", "Under this document, ",
)  # fmt: skip
_AFTER = (
    " Thanks!",
    " Please quote it.",
    " Where does it say so?",
    " Be brief.",
    " Please.",
    " Cite the section.",
    " And where is that written?",
)
_SWAPS = (
    ("What is ", "What's "), ("What is the ", "Tell me the "), ("What is the ", "Give me the "), ("How many ", "what number of "), ("How long ", "For what length of time "),
    ("Who is ", "Who's "), ("What are the ", "List the "), ("Which ", "What "), ("agreement", "contract"), ("agreement", "deal"), ("contract", "agreement"),
    ("terminate", "end"), ("notified", "reported"), ("document", "file"),
)  # fmt: skip

_ASKING = (
    (r"(?:what|which) (?:is|are) (?:the )?", ""), (r"(?:what|which) ", ""), (r"how long ", "duration "), (r"how much ", "amount "), (r"how many ", "number of "),
    (r"how soon ", "deadline "), (r"how often ", "frequency "), (r"(?:when|by when|on which day|on what day) ", "date "), (r"(?:who|whom) ", "who "),
    (r"(?:where|in which city|in what town) ", "place "), (r"until when ", "last day "),
)  # fmt: skip
"""How a question begins, and what a searcher would type instead."""
_EMPTY = frozenset("a an the is are was were be been do does did has have had can may must will would shall should it its of to for in on at by there that this "
                   "our we us i me my you your they them their with from as if so and".split())  # fmt: skip
KEYWORDS = 0.05  # share of questions that become keywords


def keywords(question: str) -> str:
    """What one would type into a search box: no question word, verb or article; the question itself if it is long, has
    several sentences or is no question.
    """
    if not question.endswith("?") or len(question.split()) > 13 or re.search(r"[.:;?] ", question):
        return question
    for begins, instead in _ASKING:
        found = re.match(begins, question, re.IGNORECASE)
        if found:
            rest = [word for word in question[found.end() : -1].split(" ") if word.lower().strip(",") not in _EMPTY]
            return " ".join([*instead.split(), *rest]) if len(rest) > 1 else question
    return question


def reword(question: str, r: random.Random) -> str:
    """The question as one of many people would write it."""
    if r.random() < KEYWORDS:
        return keywords(question)
    if r.random() < 0.3:
        old, new = r.choice(_SWAPS)
        question = question.replace(old, new, 1)
    chance = r.random()
    if chance < 0.10:
        lead = r.choice(_BEFORE)
        keep = question[:2].isupper() or lead.endswith((". ", "! "))
        question = lead + (question if keep else question[:1].lower() + question[1:])
    elif chance < 0.17:
        question += r.choice(_AFTER) if question.endswith("?") else ""
    if r.random() < 0.15:
        question = question.rstrip("?")
    if r.random() < 0.12:
        question = question.lower()
    if r.random() < 0.06:
        question = _typo(question, r)
    return question[:1].upper() + question[1:] if r.random() < 0.5 else question


def _typo(text: str, r: random.Random) -> str:
    """One slip in a longer word without digits."""
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) > 5 and word.isalpha() and word.islower()]
    if not long:
        return text
    index = r.choice(long)
    word, at = words[index], r.randrange(1, len(words[index]) - 2)
    slip = r.randrange(3)
    if slip == 0:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif slip == 1:
        word = word[:at] + word[at + 1 :]
    else:
        word = word[:at] + word[at] + word[at:]
    words[index] = word
    return " ".join(words)
