"""`calibrate`: which heads of a model look at the proof, and what its signals are worth, found on generated questions.

Texts of sparse_backend.eval are read and answered by the real bots. Every second text teaches, the others test: what
the report says was measured on texts that taught nothing. Once for each model; minutes, bounded by `texts`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.calibration import Calibration, calibration_file, general
from assistant.closest import MOST
from assistant.confidence import (
    AGAINST,
    ANSWER,
    REFUSAL,
    SUPPORTED,
    Weights,
    brier,
    calibration_error,
    fit,
    reliability,
    word,
)
from assistant.errors import AssistantError
from assistant.known_answers import Cell, ask_known
from assistant.profile_folder import load_profiles
from assistant.service import chosen_level, chosen_pattern, model_source
from assistant.service_options import ServiceOptions
from assistant.tokenizer import Tokenizer
from assistant.trials import Trial, Weighed, trial_of, weigh
from sparse_backend import Engine, EngineOptions, load_decoder
from sparse_backend.atomic import written
from sparse_backend.eval.conditions import conditions
from sparse_backend.eval.evidence import Look, in_first, precision, strongest
from sparse_backend.eval.evidence import calibrate as useful_heads
from sparse_backend.gpu import chosen
from sparse_backend.kvstore import StoreOptions
from sparse_backend.loading import parse_dtype
from sparse_backend.packed import parse_weights
from sparse_backend.probe import Head
from sparse_backend.quantize import parse_kv_format

SUITES = ("needle", "qa", "code", "history", "absent", "multikey")
SHAPES = ((1024, 0.3), (9216, 0.5), (2048, 0.6), (1024, 0.8), (2048, 0.15), (1536, 0.5), (4096, 0.5))
"""Tokens and depth; the second lies beyond the embedded model's range, where answers look at a selection."""
TEXTS = 60
LEAST_HEADS = 4  # one head alone may fail on a kind of text that was not generated
LEAST_QUESTION_HEADS = 2


def cells(texts: int) -> Iterator[Cell]:
    """So many texts: every suite in turn, at one length after the other; even seeds teach, odd ones test."""
    count, seed = 0, 0
    while True:
        for tokens, depth in SHAPES:
            for own in (seed, seed + 1):
                for suite in SUITES:
                    if count == texts:
                        return
                    yield Cell(suite, tokens, depth, own)
                    count += 1
        seed += 2


def found_in(trials: Sequence[Trial]) -> Calibration:
    """Heads and weights from the even seeds, measured on the odd ones. Raises EvalError without one right answer.

    Where all answers came out alike nothing can be weighed: the general weights stay, and `measured` says so.
    """
    taught = [trial for trial in trials if trial.cell.seed % 2 == 0]
    tested = [trial for trial in trials if trial.cell.seed % 2]
    heads, asking = tuple(useful_heads(_looks(taught), LEAST_HEADS)), question_heads_of(trials)
    rows = [weigh(trial, heads, asking) for trial in taught]
    answer = _weights([row for row in rows if not row.trial.refused], ANSWER)
    refusal = _weights([row for row in rows if row.trial.refused], REFUSAL)
    used = (answer or general().answer, refusal or general().refusal)
    measured = measure(tested, heads, *used, question_heads=asking) | {"questions": len(taught)}
    measured["general_weights"] = [name for name, one in (("answer", answer), ("refusal", refusal)) if one is None]
    return Calibration((), heads, *used, measured, own=answer is not None, question_heads=asking)


def question_heads_of(trials: Sequence[Trial]) -> tuple[Head, ...]:
    """The heads that look at the proof from the question's words, from the even seeds; none where nothing teaches."""
    looks = [look for trial in trials if trial.cell.seed % 2 == 0 and (look := trial.question_look) is not None]
    return tuple(useful_heads(looks, LEAST_QUESTION_HEADS)) if looks else ()


def _looks(trials: Sequence[Trial]) -> list[Look]:
    return [look for trial in trials if (look := trial.look) is not None]


def _weights(rows: Sequence[Weighed], names: tuple[str, ...]) -> Weights | None:
    truths = [row.good for row in rows]
    if not any(truths) or all(truths):
        return None
    return fit([row.signals for row in rows], truths, names, AGAINST[names])


def measure(
    tested: Sequence[Trial],
    heads: Sequence[Head],
    answer: Weights,
    refusal: Weights,
    question_heads: Sequence[Head] = (),
) -> dict[str, Any]:
    """How the cited passage, citations and probabilities do on questions that taught nothing, beside the rule alone."""
    looks = _looks(tested)
    every = (
        [(layer, head) for layer in range(len(looks[0].mass)) for head in range(looks[0].mass.shape[1])]
        if looks
        else []
    )
    asked = [look for trial in tested if (look := trial.question_look) is not None]
    before, after = [weigh(trial, ()) for trial in tested], [weigh(trial, heads, question_heads) for trial in tested]
    chances = [(refusal if row.trial.refused else answer).probability(row.signals) for row in after]
    truths = [row.good for row in after]
    words = [
        word(chance, cited=bool(row.on_proof), refused=row.trial.refused, selected=row.trial.selected)
        for chance, row in zip(chances, after, strict=True)
    ]
    said = [index for index, row in enumerate(after) if not row.trial.refused]
    wrong = [index for index in said if not after[index].trial.right]
    right = [index for index in said if after[index].good]
    return {
        "held_out": len(tested),
        "looks": len(looks),
        "precision_at_1": _round(precision(looks, list(heads))),
        "precision_at_1_strongest_of_each_layer": _round(strongest(looks)),
        "precision_at_1_all_heads": _round(precision(looks, every)),
        "question_looks": len(asked),
        "question_precision_at_1": _round(precision(asked, list(question_heads))) if question_heads else None,
        "question_proof_in_3": _round(in_first(asked, list(question_heads), MOST)) if question_heads else None,
        "citations": _citations(after),
        "citations_all_heads": _citations(before),
        "wrong_answers": len(wrong),
        "wrong_called_supported": sum(words[index] == SUPPORTED for index in wrong),
        "wrong_called_supported_by_rule": sum(before[index].backed for index in wrong),
        "right_and_proven": len(right),
        "right_called_supported": sum(words[index] == SUPPORTED for index in right),
        "right_called_supported_by_rule": sum(before[index].backed for index in right),
        "refusals": sum(row.trial.refused for row in after),
        "refusals_right": sum(row.trial.refused and row.good for row in after),
        "brier": _round(brier(chances, truths)),
        "brier_of_the_mean": _round(brier([sum(truths) / len(truths)] * len(truths), truths)),
        "ece": _round(calibration_error(chances, truths)),
        "reliability": reliability(chances, truths),
    }


def _citations(rows: Sequence[Weighed]) -> dict[str, Any]:
    """Precision and recall of citations: of right answers whose proof is known; recall counts answers, not places."""
    known = [row for row in rows if row.trial.right and row.trial.proof and not row.trial.refused]
    given = [on for row in known for on in row.on_proof]
    firsts = [row.on_proof[0] for row in known if row.on_proof]
    return {
        "answers": len(known),
        "given": len(given),
        "precision": _share(given),
        "first_precision": _share(firsts),
        "recall": _share([any(row.on_proof) for row in known]),
    }


def _share(flags: Sequence[bool]) -> float | None:
    return _round(sum(flags) / len(flags)) if flags else None


def _round(value: float) -> float:
    return round(value, 4)


def calibrate(
    options: ServiceOptions, *, texts: int = TEXTS, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Asks, finds, measures, and keeps it beside the model; the figures. Raises BackendError, AssistantError."""
    if texts < 2 * len(SUITES):
        raise AssistantError(f"Calibration needs at least {2 * len(SUITES)} texts, two of each kind, not {texts}.")
    models = options.data_dir / "models"
    profiles = load_profiles(options.profiles)
    name, folder = model_source(options.model, models)
    tokenizer = Tokenizer.load(folder)
    decoder = load_decoder(
        name, folder, parse_dtype(options.dtype), models / "fingerprints.json", parse_weights(options.weights)
    )
    impl = chosen(options.impl)
    pattern, level = chosen_pattern(options), chosen_level(options)
    kept = StoreOptions(kv_format=parse_kv_format(options.kv))
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="unabridged-calibrate-") as scratch:
        engine = Engine(decoder, EngineOptions(Path(scratch) / "segments", pattern, level, impl), kept)
        inside = sorted(cells(texts), key=lambda cell: cell.tokens > decoder.limit)
        for index, cell in enumerate(inside):
            if cell.tokens > decoder.limit and not engine.question_heads:  # answers over a selection show theirs
                engine.question_heads = question_heads_of(trials)
            trials += [
                trial_of(asked, tokenizer) for asked in ask_known(cell, engine, tokenizer, profiles, Path(scratch))
            ]
            if progress:
                progress(index + 1, texts)
    facts = conditions(decoder, impl) | {"pattern": pattern, "level": level, "kv": options.kv, "texts": texts}
    found = found_in(trials)
    found = replace(found, models=(decoder.fingerprint,), measured=found.measured | {"conditions": facts})
    target = calibration_file(decoder.fingerprint, models)
    target.parent.mkdir(parents=True, exist_ok=True)
    with written(target) as partial:
        partial.write_text(json.dumps(found.as_json(), indent=1, default=str), "utf-8")
    used = {"heads": found.heads, "question_heads": found.question_heads}
    return {"file": str(target), **{name: [list(head) for head in one] for name, one in used.items()}, **found.measured}
