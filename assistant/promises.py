"""What a customer was promised, by when, and what later messages say became of it. Found by rule, no model.

A promise is a sentence of an agent or a bot that says what will be done for the customer ("I'll send …", "you will
receive …") with a due time or with a verb that commits. It counts as kept when a later message reports the deed, and
as broken when the customer complains of its absence after it was due. Both need the same deed, and a noun of the
promise where it names one. What nobody spoke of again stays open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from assistant.deeds import Deed, deed_in, reports_deed, reports_lack
from assistant.due import Due, find_due
from assistant.sessions import Said

Status = Literal["open", "kept", "broken"]
_ADVERB = (
    r"(?:\s(?:also|then|now|just|certainly|gladly|personally|definitely|immediately|make sure (?:that|to)|try to))*"
)
_MINE = re.compile(
    r"\b(?:I|we)(?:['’]ll|\swill|\sshall|['’]m going to|\sam going to|['’]re going to|\sare going to|\spromise to|"
    rf"\scommit to|\sguarantee to){_ADVERB}\s"
    r"(?!not\b|never\b|be (?:happy|glad|able|unable|pleased)\b|need\b|have to\b)",
    re.IGNORECASE,
)
_YOURS = re.compile(
    r"\byou(?:['’]ll|\swill|\sare going to)" + _ADVERB + r"\s(?=receive\b|get\b|have\b|hear\b|be (?:refunded|contacted|"
    r"called|notified|informed|credited|reimbursed|sent)\b)",
    re.IGNORECASE,
)
_THEIRS = re.compile(
    r"\b(?:someone|somebody|it|they|this|(?:my|our|a|an|the|your)\s(?:[\w-]+\s){1,4}?)(?:['’]ll|\s?will|\sis going to|"
    rf"\sare going to)(?=\s){_ADVERB}\s(?!not\b|never\b|depend|cost|need)",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|once|as soon as|unless|provided)\b[^.]{0,60}\byou(?:['’]|\b)", re.IGNORECASE)
_MISSED = re.compile(
    r"(?:and |so |but )?(?:where (?:is|are)|why (?:has|have|did|was|were)\b.*n[o'’]t?)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.](?=\w)[^.!?\n]*)*[.!?]?")


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise. `text` is its sentence at [start, end) of the document; `due` the last moment, None without any.

    `by`: the later message that `status` follows from, None while it is open. `conditional`: it hangs on something
    the customer does.
    """

    text: str
    said: Said
    deed: Deed
    due: datetime | None = None
    due_words: str = ""
    conditional: bool = False
    status: Status = "open"
    by: Said | None = None
    start: int = 0
    end: int = 0

    def overdue(self, now: datetime) -> bool:
        """Whether it is open although its time has passed at `now` (aware)."""
        return self.status == "open" and self.due is not None and self.due < now

    def sentence(self, now: datetime) -> str:
        """One line for people, with place, due day and what became of it."""
        parts = [f"{self.said.label[0].upper()}{self.said.label[1:]}: “{' '.join(self.text.split())}”"]
        if self.due is not None:
            parts.append(f"due {self.due.day} {self.due:%B %Y}")
        told: str = "open, overdue" if self.overdue(now) else self.status
        parts.append(told + (f" ({self.by.label})" if self.by is not None else ""))
        return " — ".join(parts) + "."


def find_promises(messages: Sequence[Said]) -> tuple[Promise, ...]:
    """Every promise in `messages`, which are all of one customer in order, each with what became of it."""
    found = [(index, promise) for index, said in enumerate(messages) for promise in promises_in(said)]
    return tuple(_followed(promise, messages[index + 1 :]) for index, promise in found)


def promises_in(said: Said) -> Iterator[Promise]:
    """The promises of one message, all of them open; none in the customer's own and in internal notes."""
    if said.role == "customer" or said.internal:
        return
    for match in _SENTENCE.finditer(said.text):
        sentence = match.group().strip()
        opening = _MINE.search(sentence) or _YOURS.search(sentence) or _THEIRS.search(sentence)
        if opening is None or sentence.endswith("?"):
            continue
        when = said.at or said.session_at
        due = find_due(sentence, when) if when is not None else None
        actor = opening.group() if opening.re is _THEIRS else ""
        deed = deed_in(_without(sentence, due)[_shifted(opening.end(), due) :], actor)
        if deed is None or (deed.light and due is None):
            continue
        start = said.start + match.start() + len(match.group()) - len(match.group().lstrip())
        yield Promise(
            text=sentence,
            said=said,
            deed=deed,
            due=due.at if due else None,
            due_words=due.words if due else "",
            conditional=_CONDITION.search(sentence) is not None,
            start=start,
            end=start + len(sentence),
        )


def _without(sentence: str, due: Due | None) -> str:
    return sentence if due is None else f"{sentence[: due.start]} {sentence[due.end :]}"


def _shifted(at: int, due: Due | None) -> int:
    """Where `at` lies in the sentence without its due time."""
    return at if due is None or due.start >= at else max(at - (due.end - due.start) + 1, 0)


def _followed(promise: Promise, later: Sequence[Said]) -> Promise:
    """The promise with the last thing that later messages say of it."""
    for said in later:
        if said.internal:
            continue
        for match in _SENTENCE.finditer(said.text):
            sentence = match.group().strip()
            if sentence.endswith("?") and not _MISSED.match(sentence):
                continue
            if reports_lack(promise.deed, sentence):
                if not _early(promise, said):
                    promise = replace(promise, status="broken", by=said)
            elif reports_deed(promise.deed, sentence, customer=said.role == "customer"):
                promise = replace(promise, status="kept", by=said)
    return promise


def _early(promise: Promise, said: Said) -> bool:
    """A complaint before the promise is due breaks nothing."""
    when = said.at or said.session_at
    if promise.due is None:
        return said.session == promise.said.session
    return when is None or when <= promise.due
