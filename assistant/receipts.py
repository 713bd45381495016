"""A stored answer's receipt taken apart: what proves it, what stands beside it, what was found by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.bot import Finished
from assistant.closest import CLOSEST
from assistant.exhaustive import ADDED, NAMED
from storage import AnswerRecord, CitationRecord

_BESIDE, _FACT, _WEAK = "see_also", "fact", "unsupported"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How sure an answer is, see judging.Judged; `word` is "" for answers of versions that did not tell."""

    word: str
    probability: float | None
    calibrated: bool
    heads: int
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """What an exhaustive question got, see exhaustive.Exhausted: `shown` of `found`, `named` of them by the answer."""

    label: str
    shown: int
    found: int
    named: int
    disputed: bool
    hits: tuple[CitationRecord, ...]  # kind “listed”: the answer names it; “structure”: added


def beside_settings(event: Finished) -> tuple[tuple[str, str], ...]:
    """How many of a receipt's last citations stand beside the answer, and the sentences found by rule."""
    beside = ((_BESIDE, str(len(event.see_also))),) if event.see_also else ()
    return (*beside, *((_FACT, fact) for fact in event.facts), *_evidence(event), *_listing(event))


def _evidence(event: Finished) -> tuple[tuple[str, str], ...]:
    judged = event.judged
    if judged is None:
        return ()
    return (
        ("evidence", judged.word),
        ("confidence", f"{judged.probability:.4f}"),
        ("calibrated", "yes" if judged.calibrated else "no"),
        ("heads", str(judged.heads)),
        *((_WEAK, sentence) for sentence in judged.unsupported),
    )


def _listing(event: Finished) -> tuple[tuple[str, str], ...]:
    listing = event.listing
    if listing is None:
        return ()
    counts = (("listed_shown", len(listing.items)), ("listed_found", listing.found), ("listed_named", listing.named))
    told = ("listed_disputed", "yes" if listing.disputed else "no")
    return (("listed", listing.label), *((name, str(count)) for name, count in counts), told)


def evidence(record: AnswerRecord) -> Evidence:
    """How sure the answer is."""
    told = setting(record, "confidence")
    return Evidence(
        word=setting(record, "evidence"),
        probability=float(told) if told else None,
        calibrated=setting(record, "calibrated") == "yes",
        heads=int(setting(record, "heads", "0")),
        unsupported=tuple(value for name, value in record.settings if name == _WEAK),
    )


def listed(record: AnswerRecord) -> Listed | None:
    """Everything that the question asked for; None where it asked for no such thing."""
    label = setting(record, "listed")
    if not label:
        return None
    shown, found, named = numbers(record, ("listed_shown", "listed_found", "listed_named"))
    hits = tuple(each for each in see_also(record) if each.kind in (NAMED, ADDED))
    return Listed(label, shown, found, named, setting(record, "listed_disputed") == "yes", hits)


def proofs(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """The citations that prove the answer."""
    return record.citations[: len(record.citations) - _count(record)]


def see_also(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """All citations beside the answer: those of the bot's checks, and the passages that the question leads to."""
    return record.citations[len(record.citations) - _count(record) :]


def checked(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """The citations that the bot's checks put beside the answer: definitions, callers, promises."""
    return tuple(each for each in see_also(record) if each.kind != CLOSEST)


def led(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """The passages that the question leads to, see closest.py."""
    return tuple(each for each in see_also(record) if each.kind == CLOSEST)


def facts(record: AnswerRecord) -> tuple[str, ...]:
    """The sentences found by rule, which stand at the end of the answer's text too."""
    return tuple(value for name, value in record.settings if name == _FACT)


def setting(record: AnswerRecord, name: str, default: str = "") -> str:
    """One setting of the receipt."""
    return dict(record.settings).get(name, default)


def numbers(record: AnswerRecord, names: Sequence[str]) -> tuple[int, ...]:
    """Settings that are counts; 0 for one that is not there."""
    return tuple(int(setting(record, name, "0")) for name in names)


def _count(record: AnswerRecord) -> int:
    return min(int(setting(record, _BESIDE, "0")), len(record.citations))
