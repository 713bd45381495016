"""What of the figures deserves a warning: one sentence for each threshold that is passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from assistant.signals import TOLD, Figures, rate
from assistant.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold. `known`: of how many things the figure is; `least`: with how many it means something."""

    known: int
    least: float
    passed: bool
    sentence: str


def alarms(found: Figures, limits: Thresholds) -> list[str]:
    """The sentences of the thresholds that are passed; none where all is well or too little is known."""
    checks = (*_times(found, limits), *_shares(found, limits), *_waiting(found, limits))
    return [check.sentence for check in checks if check.passed and check.known >= max(check.least, 1)]


def _times(found: Figures, limits: Thresholds) -> Iterator[Check]:
    told = [each.first_token_s for each in found.answers if each.status in TOLD]
    first = _slowest(told)
    yield Check(
        len(told),
        limits.enough,
        first > limits.first_token_s,
        f"5 answers in 100 began after {first:.1f} s or later (threshold {limits.first_token_s:g} s).",
    )
    fresh = [(float(each.fresh), each.seconds) for each in found.readings if each.fresh]
    speed = rate(fresh)
    yield Check(
        len(fresh),
        limits.enough / 4,
        speed < limits.read_tokens_s,
        f"Documents are read at {speed:,.0f} tokens a second (threshold {limits.read_tokens_s:,.0f}).",
    )


def _shares(found: Figures, limits: Thresholds) -> Iterator[Check]:
    answers, enough, few = found.answers, limits.enough, limits.enough / 4
    told = [each for each in answers if each.status in TOLD]
    known = [float(each.refused) for each in answers if each.refused is not None]
    for values, most, least, what in (
        (known, limits.refused, enough, "of the answers said that the document does not tell"),
        ([float(not each.supported) for each in told], limits.unproven, enough, "of the answers had no proof"),
        ([float(each.status not in TOLD) for each in answers], limits.failed, enough, "of the answers failed"),
        ([float(each.thumb < 0) for each in found.thumbs], limits.down, few, "of the thumbs are down"),
    ):
        share = fmean(values) if values else 0.0
        yield Check(len(values), least, share > most, f"{share:.0%} {what} (threshold {most:.0%}).")
    contexts = [(float(each.cached), float(each.context)) for each in answers if each.context]
    ready = rate(contexts)
    yield Check(
        len(contexts),
        enough,
        ready < limits.cached,
        f"Only {ready:.0%} of the tokens before answers came from the cache (threshold {limits.cached:.0%}).",
    )
    overlaps = [each.look.overlap for each in answers if each.look]
    overlap = fmean(overlaps) if overlaps else 1.0
    yield Check(
        len(overlaps),
        few,
        overlap < limits.agreement,
        f"Sparse and dense answers share {overlap:.0%} of their words (threshold {limits.agreement:.0%}).",
    )


def _waiting(found: Figures, limits: Thresholds) -> Iterator[Check]:
    waits = [(found.now - each.requested_at).total_seconds() for each in found.hand_offs if each.state == "waiting"]
    late = [each for each in waits if each > limits.waiting_s]
    who = "A customer has" if len(late) == 1 else f"{len(late)} customers have"
    minutes = max(late, default=0.0) / 60
    told = f"{who} waited {minutes:,.0f} minutes for a person (threshold {limits.waiting_s / 60:,.0f} minutes)."
    yield Check(len(late), 1, bool(late), told)


def _slowest(seconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else max(seconds, default=0.0)
