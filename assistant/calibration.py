"""Calibration: what was found out about one model, kept beside it under its fingerprint and used in every answer.

`found`: the heads that look at the proof, and the weights that make signals a probability. The embedded model's is
shipped. A model without one answers all the same: the strongest head of each layer counts, the embedded model's
weights serve, and receipts and `doctor` say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from assistant.confidence import Weights
from assistant.errors import AssistantError
from sparse_backend.probe import Head

FORMAT = 1
SHIPPED = Path(__file__).parent / "calibrations"
GENERAL = SHIPPED / "embedded.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """`models`: fingerprints that it holds for. `measured`: figures of the run that found it, with its conditions."""

    models: tuple[str, ...]
    heads: tuple[Head, ...]
    answer: Weights
    refusal: Weights
    measured: dict[str, Any] = field(default_factory=dict)
    own: bool = True  # the weights of answers were found with this very model
    question_heads: tuple[Head, ...] = ()  # they look at the proof from the words of the question

    def as_json(self) -> dict[str, Any]:
        """The file's object."""
        return {"format": FORMAT, **asdict(self)}


def from_json(told: dict[str, Any]) -> Calibration:
    """The object of a file; raises KeyError, TypeError or ValueError for one that is not of this format."""
    if told["format"] != FORMAT:
        raise ValueError("another format")
    return Calibration(
        models=tuple(told["models"]),
        heads=_heads(told["heads"]),
        answer=_weights(told["answer"]),
        refusal=_weights(told["refusal"]),
        measured=told["measured"],
        own=bool(told.get("own", True)),
        question_heads=_heads(told.get("question_heads", ())),  # calibrations of before 2026-11-27 have none
    )


def _heads(told: Iterable[Sequence[int]]) -> tuple[Head, ...]:
    return tuple((int(layer), int(head)) for layer, head in told)


def _weights(told: dict[str, Any]) -> Weights:
    names = tuple(told["names"])
    means, spreads, weights = (tuple(map(float, told[name])) for name in ("means", "spreads", "weights"))
    if not len(names) == len(means) == len(spreads) == len(weights) or not all(spreads):
        raise ValueError("lists of different length")
    return Weights(names, means, spreads, weights, float(told["bias"]))


def calibration_of(fingerprint: str, models: Path) -> Calibration:
    """The calibration found for a model in the folder `models`, else a shipped one, else the general weights."""
    own = calibration_file(fingerprint, models)
    if own.exists():
        return _load(own)
    return next((known for known in _shipped().values() if fingerprint in known.models), general())


def general() -> Calibration:
    """What serves for models that nothing is known of: no heads, the weights found with the embedded model."""
    known = _shipped()[str(GENERAL)]
    return Calibration((), (), known.answer, known.refusal, known.measured, own=False)


def shipped_calibration() -> Calibration:
    """The one of the embedded model."""
    return _shipped()[str(GENERAL)]


def calibration_file(fingerprint: str, models: Path) -> Path:
    """Where the calibration of a model is kept."""
    return models / "calibrations" / f"{fingerprint}.json"


@cache
def _shipped() -> dict[str, Calibration]:
    return {str(path): _load(path) for path in sorted(SHIPPED.glob("*.json"))}


def _load(path: Path) -> Calibration:
    try:
        return from_json(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssistantError(
            f"{path} is no calibration of this version; delete it and run “app.py calibrate” again."
        ) from error


def sentence(calibration: Calibration) -> str:
    """For `doctor`: what is known of the model."""
    if not calibration.own and calibration.heads:
        own = f"{len(calibration.heads)} heads of its own; {_asking(calibration)}"
        return f"{own}; weights are those of the embedded model"
    if not calibration.own:
        return "none for this model: all heads count, weights are those of the embedded one (see app.py calibrate)"
    told = calibration.measured
    return (
        f"{len(calibration.heads)} heads, found on {told.get('questions', '?')} generated questions; "
        f"{_asking(calibration)}; "
        f"expected calibration error {told.get('ece', '?')} on {told.get('held_out', '?')} others"
    )


def _asking(calibration: Calibration) -> str:
    if not calibration.question_heads:
        return "none that find it from the question (run app.py calibrate again)"
    return f"{len(calibration.question_heads)} that find it from the question"
