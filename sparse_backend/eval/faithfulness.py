"""Faithfulness: sparse against dense reading on the same weights, question by question and layer by layer.

Both answer freely, and both are led through the dense answer token by token, where their next-token distributions are
compared. Layers are compared on the text: how much dense attention mass the pattern keeps, how far outputs and the
keys and values left behind are off.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_backend.config import Impl
from sparse_backend.eval import forward
from sparse_backend.eval.anchors import anchors
from sparse_backend.eval.case import Case, EvalError
from sparse_backend.eval.grid import Examiner, Grid
from sparse_backend.eval.ledger import Ledger, Row
from sparse_backend.eval.report import group, percent, rows_to_table
from sparse_backend.eval.runner import Held
from sparse_backend.eval.settings import Setting, dense_setting
from sparse_backend.model import Decoder


@dataclass(frozen=True, slots=True)
class Distance:
    """Two models' next-token distributions over some steps.

    `kl` and `kl_max`: mean and largest KL(dense ‖ sparse) in nats; `delta_p`: largest difference of one token's
    probability; `top1`: share of steps with the same likeliest token.
    """

    kl: float
    kl_max: float
    delta_p: float
    top1: float


def distance(exact: Tensor, sparse: Tensor) -> Distance:
    """`exact`, `sparse` [steps, vocab]: log-probabilities; -inf where both rule a token out is no difference."""
    p, q = exact.double(), sparse.double()
    gap = torch.where(p == float("-inf"), torch.zeros_like(p), p - q)
    kl = (p.exp() * gap).sum(-1)
    delta = (p.exp() - q.exp()).abs().amax()
    same = (p.argmax(-1) == q.argmax(-1)).double().mean()
    return Distance(float(kl.mean()), float(kl.amax()), float(delta), float(same))


def agreement(exact: Sequence[int], sparse: Sequence[int]) -> float:
    """The share of the dense answer that the sparse one begins with; 1 where both are the same."""
    if list(exact) == list(sparse):
        return 1.0
    same = 0
    for mine, other in zip(exact, sparse, strict=False):
        if mine != other:
            break
        same += 1
    return same / max(len(exact), len(sparse))


def measure_faithfulness(
    decoder: Decoder,
    impl: Impl,
    examiner: Examiner,
    grid: Grid,
    ledger: Ledger,
    facts: dict[str, Any],
    *,
    layers: bool = True,
) -> dict[str, Any]:
    """Runs the grid, writes rows and faithfulness.md; the object of the last line. `layers`: they are probed too."""
    sparse = [setting for setting in grid.settings if setting.name != "dense"]
    if not sparse:
        raise EvalError("Faithfulness compares with dense attention: give a --level or --settings beside it.")
    cells = list(grid.cells())
    with tqdm(total=len(cells), unit="text", file=sys.stderr) as bar:
        for suite, tokens, depth, sample in cells:
            name = f"{suite.name}:{tokens}:{depth}:{sample}"
            if not ledger.finished(name):
                case = examiner.case(suite, tokens, depth, sample, grid.seed)
                fixed: Row = {"suite": suite.name, "tokens": tokens, "asked_depth": depth, "sample": sample}
                ledger.append(name, [fixed | row for row in _compare(decoder, impl, examiner, case, sparse, layers)])
            bar.update()
    table = summary(ledger.rows)
    text = markdown(ledger.rows, facts)
    (ledger.folder / "faithfulness.md").write_text(text, "utf-8")
    print(text)
    return {**facts, "command": "faithfulness", "run": str(ledger.folder), "rows": len(ledger.rows), "settings": table}


def _compare(
    decoder: Decoder, impl: Impl, examiner: Examiner, case: Case, settings: Sequence[Setting], probed: bool
) -> list[Row]:
    exact = examiner.hold(case, dense_setting())
    rows = []
    try:
        answers = [examiner.answer(exact, question) for question in case.questions]
        tails = [examiner.tail(question) for question in case.questions]
        expected = [
            forward.distributions(decoder, exact.handle, tail, answer, impl)
            for tail, answer in zip(tails, answers, strict=True)
        ]
        for setting in settings:
            held = examiner.hold(case, setting)
            try:
                layers = _layers(decoder, impl, examiner, case, setting, held, exact) if probed else {}
                for number, question in enumerate(case.questions):
                    mine = examiner.answer(held, question)
                    found = forward.distributions(decoder, held.handle, tails[number], answers[number], impl)
                    texts = [examiner.text(ids) for ids in (answers[number], mine)]
                    rows.append(
                        {
                            "setting": setting.name,
                            "question": number + 1,
                            "kind": question.kind,
                            "dense_answer": texts[0],
                            "answer": texts[1],
                            "dense_score": question.score(texts[0]),
                            "score": question.score(texts[1]),
                            "read_s": round(held.seconds, 3),
                            "same": answers[number] == mine,
                            "agreement": agreement(answers[number], mine),
                            **asdict(distance(expected[number], found)),
                            **(layers if number == 0 else {}),
                        }
                    )
            finally:
                examiner.forget(held)
    finally:
        examiner.forget(exact)
    return rows


def _layers(
    decoder: Decoder, impl: Impl, examiner: Examiner, case: Case, setting: Setting, held: Held, exact: Held
) -> Row:
    """Per layer: attention mass inside the pattern by head, error of outputs, drift of keys and values."""
    keys, values = forward.drift(held.handle, exact.handle)
    encoding = examiner.encode(case.text)
    start = len(examiner.opening)
    own = [start + one for one in anchors(case.text, case.headers, encoding, setting.anchors)]
    probe = forward.probe_layers(decoder, held.handle.token_ids, own, setting.schedule, impl)
    return {
        "mass": _rounded(probe.mass[:-1]),  # the last layer's output is never needed while reading
        "error": _rounded(probe.error[:-1]),
        "key_drift": _rounded(keys),
        "value_drift": _rounded(values),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Figures by setting."""
    found = {}
    for setting, mine in group(rows, lambda row: row["setting"]).items():
        found[setting] = {
            "n": len(mine),
            "same_answer": round(mean(row["same"] for row in mine), 4),
            "agreement": round(mean(row["agreement"] for row in mine), 4),
            "score": round(mean(row["score"] for row in mine), 4),
            "dense_score": round(mean(row["dense_score"] for row in mine), 4),
            "kl": round(mean(row["kl"] for row in mine), 5),
            "kl_max": round(max(row["kl_max"] for row in mine), 4),
            "delta_p": round(mean(row["delta_p"] for row in mine), 4),
            "delta_p_max": round(max(row["delta_p"] for row in mine), 4),
            "top1": round(mean(row["top1"] for row in mine), 4),
        }
    return found


def markdown(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    """The tables: by setting, and by layer for each setting."""
    parts = ["# Faithfulness to dense attention", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    header = [
        "setting",
        "same answer",
        "agreement",
        "score (dense)",
        "same top token",
        "KL mean / max",
        "Δp mean / max",
    ]
    table = [
        [
            f"{setting} (n = {one['n']})",
            percent(one["same_answer"]),
            percent(one["agreement"]),
            f"{percent(one['score'])} ({percent(one['dense_score'])})",
            percent(one["top1"]),
            f"{one['kl']:.4f} / {one['kl_max']:.3f}",
            f"{one['delta_p']:.3f} / {one['delta_p_max']:.3f}",
        ]
        for setting, one in summary(rows).items()
    ]
    parts.append(rows_to_table(header, table))
    for setting, mine in group(rows, lambda row: row["setting"]).items():
        probed = [row for row in mine if "mass" in row]
        if probed:
            parts += [f"## By layer: {setting} ({len(probed)} texts)", _layer_table(probed)]
    return "\n\n".join(parts) + "\n"


def _layer_table(rows: Sequence[Row]) -> str:
    mass = torch.tensor([row["mass"] for row in rows]).mean(0)  # [layers - 1, heads]
    error, keys, values = (
        torch.tensor([row[name] for row in rows]).mean(0).tolist() for name in ("error", "key_drift", "value_drift")
    )
    header = ["layer", "mass inside, mean", "lowest head", "output error", "key drift", "value drift"]
    table = []
    for layer in range(len(keys)):
        probed = layer < len(mass)
        heads = mass[layer] if probed else None
        table.append(
            [
                str(layer),
                percent(float(heads.mean())) if heads is not None else "–",
                f"{percent(float(heads.min()))} (head {int(heads.argmin())})" if heads is not None else "–",
                f"{error[layer]:.3f}" if probed else "–",
                f"{keys[layer]:.3f}",
                f"{values[layer]:.3f}",
            ]
        )
    return rows_to_table(header, table)


def _rounded(values: Tensor) -> Any:
    return (values * 10**5).round().div(10**5).tolist()
