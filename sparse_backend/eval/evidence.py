"""Evidence: which heads look at the proof while the model answers, found on generated facts and tested on others.

Of each head it is noted whether the passage that it looked at most was the proof. The masses of the heads that are
right most often are summed, as Evidence does; how many of them, the calibration decides. The first half of the samples
calibrates, the second tests. The same is done with the attention of the question's own words (see QuestionLook).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from sparse_backend.config import Impl
from sparse_backend.eval.case import Case, EvalError, Place
from sparse_backend.eval.grid import Examiner, Grid, paragraphs
from sparse_backend.eval.ledger import Ledger, Row
from sparse_backend.eval.looks import head_mass, question_mass
from sparse_backend.eval.report import group, percent, rows_to_table
from sparse_backend.eval.settings import Setting
from sparse_backend.model import Decoder

LOOKS = 2  # raise it when a run notes other looks than before: it cannot go on with files that lack some
SIZES = (1, 2, 4, 8, 16, 32)  # how many heads are tried together


@dataclass(frozen=True, slots=True)
class Look:
    """One answered question: `mass` [layers, Hq, passages] and the passage that is the proof."""

    mass: Tensor
    target: int


def precision(looks: Sequence[Look], heads: Sequence[tuple[int, int]]) -> float:
    """The share of questions whose proof is the passage with most mass, summed over `heads`."""
    return sum(_top(look, heads) == look.target for look in looks) / max(1, len(looks))


def in_first(looks: Sequence[Look], heads: Sequence[tuple[int, int]], k: int) -> float:
    """The share of questions whose proof is among the k passages with most mass, summed over `heads`."""
    hits = 0
    for look in looks:
        mass = torch.stack([look.mass[layer, head] for layer, head in heads]).sum(0)
        hits += look.target in mass.topk(min(k, len(mass))).indices.tolist()
    return hits / max(1, len(looks))


def strongest(looks: Sequence[Look]) -> float:
    """The same for what needs no calibration: the strongest head of each layer, over the upper two thirds of them."""
    hits = 0
    for look in looks:
        upper = look.mass[len(look.mass) // 3 :]
        hits += int(upper.amax(1).sum(0).argmax()) == look.target
    return hits / max(1, len(looks))


def calibrate(looks: Sequence[Look], least: int = 1) -> list[tuple[int, int]]:
    """The heads (layer, head) to sum, `least` or more; raises EvalError without anything to learn from."""
    if not looks:
        raise EvalError(
            "There are no facts in one place to calibrate heads on; choose suites such as needle, code, qa."
        )
    hits = torch.stack([look.mass.argmax(-1) == look.target for look in looks]).float().mean(0)  # [layers, Hq]
    shares = torch.stack([_shares(look.mass)[..., look.target] for look in looks]).mean(0)
    order = (hits + 1e-3 * shares).flatten().argsort(descending=True, stable=True).tolist()
    ranked = [divmod(index, hits.shape[1]) for index in order]
    sizes = [size for size in SIZES if least <= size <= len(ranked)] or [len(ranked)]
    best = max(sizes, key=lambda size: precision(looks, ranked[:size]))  # the fewest of those that are equal
    return ranked[:best]


def _shares(mass: Tensor) -> Tensor:
    """Every head's mass as shares of its own sum, so that heads weigh alike."""
    return mass / mass.sum(-1, keepdim=True).clamp(min=1e-9)


def _top(look: Look, heads: Sequence[tuple[int, int]]) -> int:
    return int(torch.stack([look.mass[layer, head] for layer, head in heads]).sum(0).argmax())


def measure_evidence(
    decoder: Decoder, impl: Impl, examiner: Examiner, grid: Grid, ledger: Ledger, facts: dict[str, Any]
) -> dict[str, Any]:
    """Runs the grid, writes heads.json (the heads found) and evidence.md; the object of the last line."""
    if grid.samples < 2:
        raise EvalError("Evidence needs --samples 2 or more: half of them calibrate, half of them test.")
    cells = list(grid.cells())
    with tqdm(total=len(cells) * len(grid.settings), unit="text", file=sys.stderr) as bar:
        for suite, tokens, depth, sample in cells:
            for setting in grid.settings:
                name = f"{suite.name}:{tokens}:{depth}:{sample}:{setting.name}"
                if not ledger.finished(name):
                    case = examiner.case(suite, tokens, depth, sample, grid.seed)
                    fixed: Row = {"suite": suite.name, "tokens": tokens, "sample": sample, "setting": setting.name}
                    file = f"mass-{name.replace(':', '-').replace(' ', '_')}.safetensors"
                    rows = _look(decoder, impl, examiner, case, setting, ledger.folder / file)
                    ledger.append(name, [fixed | row | {"file": file} for row in rows])
                bar.update()
    found = {
        setting: _result(rows, ledger.folder, grid.samples)
        for setting, rows in group(ledger.rows, lambda row: row["setting"]).items()
    }
    saved = {"model": decoder.fingerprint, "settings": {name: one["heads"] for name, one in found.items()}}
    (ledger.folder / "heads.json").write_text(json.dumps(saved, indent=1))
    text = markdown(found, facts)
    (ledger.folder / "evidence.md").write_text(text, "utf-8")
    print(text)
    return {**facts, "command": "evidence", "run": str(ledger.folder), "rows": len(ledger.rows), "settings": found}


def _look(decoder: Decoder, impl: Impl, examiner: Examiner, case: Case, setting: Setting, file: Path) -> list[Row]:
    """One row for each question that has its proof in one place; their masses go to `file`."""
    places = paragraphs(case.text)
    encoding, start = examiner.encode(case.text), len(examiner.opening)
    bounds = torch.tensor([encoding.tokens(place) for place in places]) + start
    held = examiner.hold(case, setting)
    rows: list[Row] = []
    masses = {}
    try:
        for number, question in enumerate(case.questions):
            answer = examiner.answer(held, question)
            if len(question.places) != 1 or not answer:
                continue
            tail = examiner.tail(question)
            masses[str(number)] = head_mass(decoder, held.handle, tail, answer, bounds, impl)
            masses[f"{number}?"] = question_mass(decoder, held.handle, tail, examiner.words(question), bounds, impl)
            text = examiner.text(answer)
            rows.append(
                {
                    "question": number + 1,
                    "kind": question.kind,
                    "answer": text,
                    "score": question.score(text),
                    "target": passage_of(places, question.places[0]),
                }
            )
    finally:
        examiner.forget(held)
    if masses:
        save_file(masses, file)
    return rows or [{"question": 0, "kind": "none", "answer": "", "score": 0.0, "target": None}]


def passage_of(places: Sequence[Place], proof: Place) -> int:
    """The passage that holds most of the proof."""
    overlap = [min(place.end, proof.end) - max(place.start, proof.start) for place in places]
    return overlap.index(max(overlap))


def _result(rows: Sequence[Row], folder: Path, samples: int) -> dict[str, Any]:
    """Heads from the first half of the samples, precision on the second."""
    learned, tested, right = [], [], []
    asked: tuple[list[Look], list[Look]] = ([], [])
    for row in rows:
        if row["target"] is None:
            continue
        masses, number = load_file(folder / row["file"]), row["question"] - 1
        look, tests = Look(masses[str(number)], row["target"]), row["sample"] >= samples // 2
        asked[tests].append(Look(masses[f"{number}?"], row["target"]))
        if tests:
            tested.append(look)
            if row["score"] == 1.0:
                right.append(look)
        else:
            learned.append(look)
    heads, question_heads = calibrate(learned), calibrate(asked[0])
    every = [(layer, head) for layer in range(len(learned[0].mass)) for head in range(learned[0].mass.shape[1])]
    return {
        "heads": [list(head) for head in heads],
        "calibrated_on": len(learned),
        "n": len(tested),
        "precision_at_1": round(precision(tested, heads), 4),
        "n_right": len(right),
        "precision_at_1_when_right": round(precision(right, heads), 4),
        "all_heads": round(precision(tested, every), 4),
        "strongest_head_of_each_layer": round(strongest(tested), 4),
        "question_heads": [list(head) for head in question_heads],
        "question_precision_at_1": round(precision(asked[1], question_heads), 4),
        "question_proof_in_3": round(in_first(asked[1], question_heads, 3), 4),
    }


def _named(heads: Sequence[Sequence[int]]) -> str:
    return f"{len(heads)}, first {', '.join(f'{layer}.{head}' for layer, head in heads[:4])}"


def markdown(found: dict[str, dict[str, Any]], facts: dict[str, Any]) -> str:
    """One row a setting."""
    header = [
        "setting",
        "precision at 1",
        "when the answer is right",
        "strongest head of each layer",
        "all heads",
        "heads",
        "from the question's words: at 1",
        "among the first 3",
        "its heads",
    ]
    table = [
        [
            setting,
            f"{percent(one['precision_at_1'])} (n = {one['n']})",
            f"{percent(one['precision_at_1_when_right'])} (n = {one['n_right']})",
            percent(one["strongest_head_of_each_layer"]),
            percent(one["all_heads"]),
            _named(one["heads"]),
            percent(one["question_precision_at_1"]),
            percent(one["question_proof_in_3"]),
            _named(one["question_heads"]),
        ]
        for setting, one in found.items()
    ]
    facts_list = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    return (
        "\n\n".join(
            ["# Evidence: does the passage looked at most prove the answer?", facts_list, rows_to_table(header, table)]
        )
        + "\n"
    )
