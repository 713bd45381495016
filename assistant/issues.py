"""What a customer brought up and nobody settled: open issues of a history, by rule.

An issue is the first message of a session that complains. It is settled when, in that session or a later one, somebody
says so of the same thing, or when the session ends with the customer's thanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from assistant.deeds import nouns_in
from assistant.sessions import Said

_COMPLAINS = re.compile(
    r"\b(?:problems?|issues?|broken|broke|errors?|fails?|failed|wrong|missing|lost|late|damaged|defect\w*|stopped|"
    r"crash\w*|slow|refund|cancel|complain\w*|complaint|charged|overcharged|stuck|dead)\b"
    r"|\b(?:does|do|did|is|are|was|has|have|can|could)(?: not|n['’]t)\b|\bcannot\b|\bnever\b"
    r"|\bstill (?:no|not|waiting)\b",
    re.IGNORECASE,
)
_SETTLED = re.compile(
    r"\b(?:solved|resolved|fixed|sorted|settled|repaired|replaced|refunded|works? (?:again|now|fine|perfectly)|"
    r"working (?:again|now)|all good|closed|arrived|received|got it)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(r"\b(?:thanks|thank you|great|perfect|wonderful|cheers|appreciate)\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|never|no|nothing)\b|n['’]t\b|\bstill\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Issue:
    """`said`: the message that brought it up; `last`: the last message that spoke of it."""

    said: Said
    last: Said

    def sentence(self) -> str:
        """One line for people, with its place."""
        words = " ".join(self.said.text.split())
        shown = words if len(words) <= 160 else words[:160].rsplit(" ", 1)[0] + " …"
        label = f"{self.said.label[0].upper()}{self.said.label[1:]}"
        again = f" (last spoken of: {self.last.label})" if self.last != self.said else ""
        return f"{label}: “{shown}”{again} — not settled."


def open_issues(messages: Sequence[Said]) -> tuple[Issue, ...]:
    """The issues of `messages`, all of one customer in order, that nothing later settles."""
    spoken = [said for said in messages if not said.internal]
    found: list[Issue] = []
    for _, group in groupby(spoken, key=lambda said: said.session):
        session = list(group)
        first = next((said for said in session if said.role == "customer" and _COMPLAINS.search(said.text)), None)
        if first is None:
            continue
        later = spoken[spoken.index(first) + 1 :]
        things = nouns_in(first.text)
        again = [said for said in later if said.session == first.session or things & nouns_in(said.text)]
        if not _settled(first, session, again):
            found.append(Issue(first, again[-1] if again else first))
    return tuple(found)


def _settled(first: Said, session: Sequence[Said], later: Sequence[Said]) -> bool:
    """The last word on it counts: a report that it is done, or the customer's thanks at the end of the session."""
    settled = False
    for said in later:
        for sentence in re.split(r"(?<=[.!?])\s+|\n", said.text):
            if _SETTLED.search(sentence) and not _DENIED.search(sentence) and not sentence.endswith("?"):
                settled = True
            elif said.role == "customer" and _DENIED.search(sentence) and _COMPLAINS.search(sentence):
                settled = False
    last = [said for said in session if said.role == "customer"][-1]
    closing = last != first and bool(_THANKS.search(last.text)) and not _DENIED.search(last.text)
    return settled or closing
