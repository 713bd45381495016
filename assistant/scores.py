"""Scores of answers on a document: right, cited rightly, refused where the document is silent; worst kind first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparse_backend.eval.ledger import Row
from sparse_backend.eval.report import group, percent, rows_to_table, score

ABSENT = "absent"


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Figures by setting. Shares are None where there is nothing to count."""
    return {setting: _figures(mine) for setting, mine in group(rows, lambda row: row["setting"]).items()}


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    told = [row for row in rows if row["kind"] != ABSENT]
    silent = [row for row in rows if row["kind"] == ABSENT]
    right = [row for row in told if row["score"] == 1.0]
    kinds = {kind: round(score(mine), 4) for kind, mine in group(rows, lambda row: row["kind"]).items()}
    return {
        "n": len(rows),
        "right": round(score(rows), 4),
        "kinds": kinds,
        "worst_kind": min(kinds, key=lambda kind: kinds[kind]),
        "right_and_cited": _share([row["score"] == 1.0 and row["citation_right"] for row in told]),
        "citation_right_when_right": _share([row["citation_right"] for row in right]),
        "proof_shown": _share([bool(row.get("proof_shown", row["citation_right"])) for row in told]),
        **_proof_figures(told, silent),
        "refused_absent": _share([row["refused"] for row in silent]),
        "refused_wrongly": _share([row["refused"] for row in told]),
        "read_s": round(sum(row["read_s"] for row in rows) / len(rows), 2),
        "first_token_s": round(sum(row["first_token_s"] for row in rows) / len(rows), 2),
        "context": round(sum(row["context"] for row in rows) / len(rows)),
    }


def _proof_figures(told: Sequence[Row], silent: Sequence[Row]) -> dict[str, Any]:
    """Precision and recall of citations, and how often “supported” was said of wrong and of right answers."""
    answered = [row for row in (*told, *silent) if not row["refused"]]
    wrong = [row for row in answered if row["score"] < 1.0]
    right = [row for row in answered if row["score"] == 1.0]
    given = sum(row.get("citations", 0) for row in told if not row["refused"])
    on_proof = sum(row.get("citations_right", 0) for row in told if not row["refused"])
    return {
        "citation_precision": round(on_proof / given, 4) if given else None,
        "citation_recall": _share([row["citation_right"] for row in told]),
        "wrong_called_supported": f"{sum(row.get('supported', False) for row in wrong)} of {len(wrong)}",
        "wrong_cited": f"{sum(row.get('citations', 0) > 0 for row in wrong)} of {len(wrong)}",
        "right_called_supported": f"{sum(row.get('supported', False) for row in right)} of {len(right)}",
    }


def _share(flags: Sequence[bool]) -> float | None:
    return round(sum(flags) / len(flags), 4) if flags else None


def markdown(rows: Sequence[Row], facts: dict[str, Any]) -> str:
    """Conditions, one row a setting, then every question whose answer differs between settings."""
    header = ["setting", "right", "worst kind", "by kind", "right and cited rightly", "cited rightly when right"]
    header += [
        "proof shown (cited or beside)",
        "citations: precision, recall",
        "called supported: wrong, right answers",
    ]
    header += ["refused where absent", "refused wrongly", "tokens read", "reads in", "first word"]
    table = [
        [
            f"{setting} (n = {one['n']})",
            percent(one["right"]),
            f"{one['worst_kind']} {percent(one['kinds'][one['worst_kind']])}",
            ", ".join(f"{kind} {percent(value)}" for kind, value in one["kinds"].items()),
            percent(one["right_and_cited"]),
            percent(one["citation_right_when_right"]),
            percent(one["proof_shown"]),
            f"{percent(one['citation_precision'])}, {percent(one['citation_recall'])}",
            f"{one['wrong_called_supported']}, {one['right_called_supported']}",
            percent(one["refused_absent"]),
            percent(one["refused_wrongly"]),
            f"{one['context']:,}",
            f"{one['read_s']:.1f} s",
            f"{one['first_token_s']:.2f} s",
        ]
        for setting, one in summary(rows).items()
    ]
    parts = ["# Questions on a document", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    parts += [rows_to_table(header, table), "## Questions that not every setting answers alike", _differences(rows)]
    return "\n\n".join(parts) + "\n"


def _differences(rows: Sequence[Row]) -> str:
    settings = list(group(rows, lambda row: row["setting"]))
    table = []
    for identity, mine in group(rows, lambda row: row["id"]).items():
        scores = {row["setting"]: row["score"] for row in mine}
        if len(set(scores.values())) > 1:
            marks = [{1.0: "right", 0.0: "wrong"}.get(scores[one], "–") if one in scores else "–" for one in settings]
            table.append([identity, mine[0]["kind"], *marks])
    return rows_to_table(["question", "kind", *settings], table) if table else "None."
