"""Whether a person should take over: a profile's rules over the question, what was asked and what was answered.

Call `reason_to_hand_off` before an answer, with the verdicts so far, and again after it with the new verdict too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistant.citations import says_not_stated
from assistant.profiles import Escalation
from assistant.receipts import proofs
from storage import AnswerRecord, CitationRecord

SAME = 0.75  # share of common words from which two questions count as one (Jaccard)
_WORD = re.compile(r"\d+(?:[.,]\d+)*|(?<!['’])[^\W\d_]+")  # the "s" of "what's" is no word
_LITTLE = (
    "a an the of to in on at for and or is are was be it its this that i you my your me we our please can could do"
)
_STOP = frozenset((*_LITTLE.split(), *"does did what how when where who which again so but then tell just".split()))  # noqa: SIM905
_DENIED = re.compile(r"(?:\bnot|n['’]t|\bno need|\bnever|\bwithout|\binstead of)\b[^.!?]{0,25}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer as the rules see it. `evidence` [0, 1]: the score of its best proof, 0 without any."""

    supported: bool
    silent: bool
    evidence: float

    @property
    def refused(self) -> bool:
        """It helped nobody: "not stated", or nothing proves it."""
        return self.silent or not self.supported


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a person is called. `rule`: one word for the database; `detail`: what was seen; both go into the packet."""

    rule: str
    detail: str

    @property
    def sentence(self) -> str:
        """For the agent."""
        return f"{_TITLES[self.rule]}: {self.detail}."


_TITLES = {
    "person": "Asked for a person",
    "words": "Said a word on the list",
    "frustration": "Sounds frustrated",
    "repeated": "Asked the same again",
    "refused": "Got no answer",
    "evidence": "Got answers with little proof",
}


def verdict_of(text: str, record: AnswerRecord | None, not_stated: str = "") -> Verdict:
    """A stored answer as a verdict; an answer without a record broke off, so nothing supports it."""
    if record is None:
        return Verdict(False, False, 0.0)
    return verdict(text, proofs(record), supported=record.supported, not_stated=not_stated)


def verdict(text: str, citations: Iterable[CitationRecord], *, supported: bool, not_stated: str = "") -> Verdict:
    """A finished answer as a verdict."""
    best = max((citation.score for citation in citations), default=0.0)
    return Verdict(supported, says_not_stated(text, not_stated), best)


def reason_to_hand_off(
    rules: Escalation, question: str, earlier: Sequence[str] = (), verdicts: Sequence[Verdict] = ()
) -> Reason | None:
    """The first rule that holds, None if none does.

    `earlier`: the customer's questions before this one, oldest first, since the bot last took over; `verdicts`: of the
    answers since then, oldest first.
    """
    for rule, phrases in (("person", rules.person), ("words", rules.words)):
        found = _phrases(phrases, question)
        if found:
            return Reason(rule, f"“{found[0]}”")
    told = [phrase for text in (*earlier, question) for phrase in _phrases(rules.frustration, text)]
    if rules.frustration and _phrases(rules.frustration, question) and len(told) >= rules.frustration_count:
        return Reason("frustration", ", ".join(f"“{phrase}”" for phrase in dict.fromkeys(told)))
    count = 1 + sum(same_question(question, other) for other in earlier)
    if rules.repeated and count >= max(rules.repeated, 2):
        return Reason("repeated", f"{count} times")
    last = verdicts[len(verdicts) - rules.refused :] if len(verdicts) >= rules.refused else ()
    if rules.refused and last and all(each.refused for each in last):
        return Reason("refused", f"{rules.refused} in a row")
    weak = verdicts[-rules.low_evidence_count :]
    if rules.low_evidence and len(weak) == rules.low_evidence_count and all(_weak(rules, each) for each in weak):
        return Reason("evidence", f"below {rules.low_evidence:g} for {rules.low_evidence_count} in a row")
    return None


def _weak(rules: Escalation, each: Verdict) -> bool:
    return not each.silent and each.evidence < rules.low_evidence


def _phrases(phrases: Sequence[str], text: str) -> list[str]:
    """The phrases that stand in `text` as whole words and are not denied: "I don't want to talk to a person"."""
    found = []
    for phrase in phrases:
        words = r"\s+".join(re.escape(word) for word in phrase.replace("’", "'").split())
        for match in re.finditer(rf"(?<!\w){words}(?!\w)", text.replace("’", "'"), re.IGNORECASE):
            if not _DENIED.search(text[: match.start()]):
                found.append(phrase)
                break
    return found


def same_question(one: str, other: str) -> bool:
    """Whether two questions ask the same in nearly the same words; another number makes another question."""
    first, second = _terms(one), _terms(other)
    if not first or not second:
        return one.strip().casefold() == other.strip().casefold()
    if {word for word in first if word[0].isdigit()} != {word for word in second if word[0].isdigit()}:
        return False
    return len(first & second) / len(first | second) >= SAME


def _terms(text: str) -> frozenset[str]:
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words if word not in _STOP)
