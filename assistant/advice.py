"""Advice that an answer gives on its own: what a reader should do, where the document does not say so itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_ADVICE = re.compile(
    r"\b(?:you|one) (?:should|ought to|had better|may want to|might want to|would be wise to|are advised to)\b"
    r"|\b(?:I|we) (?:would |strongly |'d )*(?:recommend|advise|suggest)\b"
    r"|\b(?:it is|it's|it would be) (?:advisable|recommended|best|wise|prudent|a good idea)\b"
    r"|(?:^|\bplease |\bthen )(?:consult|seek|ask|speak (?:to|with)|talk to|contact) (?:\w+ ){0,3}"
    r"(?:lawyer|attorney|solicitor|counsel|legal (?:advice|counsel|professional)|professional)\b"
    r"|\b(?:in my opinion|my advice|if I were you)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s|$)[^.!?\n]*)*[.!?]?")


def advice_in(answer: str, stands: Callable[[str], bool]) -> Iterator[str]:
    """The sentences of `answer` that advise, but for those whose advice `stands` literally in the document."""
    for match in _SENTENCE.finditer(answer):
        sentence = match.group().strip().strip('"“”')
        advice = _ADVICE.search(sentence)
        if advice and not stands(sentence.rstrip(".!?")) and not stands(sentence[advice.start() :].rstrip('.!?"”“')):
            yield sentence
