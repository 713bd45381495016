"""A stored answer's receipt taken apart: what proves it, what stands beside it, what was found by rule."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.bot import Finished
from storage import AnswerRecord, CitationRecord

_BESIDE, _FACT = "see_also", "fact"


def beside_settings(event: Finished) -> tuple[tuple[str, str], ...]:
    """How many of a receipt's last citations stand beside the answer, and the sentences found by rule."""
    beside = ((_BESIDE, str(len(event.see_also))),) if event.see_also else ()
    return (*beside, *((_FACT, fact) for fact in event.facts))


def proofs(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """The citations that prove the answer."""
    return record.citations[: len(record.citations) - _count(record)]


def see_also(record: AnswerRecord) -> tuple[CitationRecord, ...]:
    """The citations that the bot's checks put beside the answer: definitions, callers, promises."""
    return record.citations[len(record.citations) - _count(record) :]


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
