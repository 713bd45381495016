"""Paired comparison with dense attention: the same questions under both, so that luck with easy texts cancels out.

Beside the share of dense reading stands its standard error, from texts drawn again with replacement inside each suite
(bootstrap); questions on one text are not independent of each other, so texts are drawn, not questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from statistics import mean, pstdev
from typing import Any

from sparse_backend.eval.ledger import Row
from sparse_backend.eval.report import DENSE, group, percent, rows_to_table

DRAWS = 1000
SILENT = 0.1  # a suite whose dense mean is lower says nothing of a pattern

Text = list[tuple[float, float]]  # scores of the questions of one text: of the setting, and dense


@dataclass(frozen=True, slots=True)
class Paired:
    """One setting beside dense reading, over `n` questions.

    `ratio` of the suites' means and its standard error `error`; `better`, `worse`: questions with a higher and a lower
    score than dense; `worst`, `worst_ratio`, `worst_error`: the suite that loses most. `told`, `told_error`: the same
    ratio without the suites named in `silent`, where dense reading itself scores below SILENT; `worst` is never one.
    """

    setting: str
    n: int
    ratio: float
    error: float
    better: int
    worse: int
    worst: str
    worst_ratio: float
    worst_error: float
    told: float
    told_error: float
    silent: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For the last line of stdout."""
        return {name: round(one, 4) if isinstance(one, float) else one for name, one in asdict(self).items()}


def compare(rows: Sequence[Row]) -> list[Paired]:
    """Every setting but dense, on the questions that both were asked; none without a dense column."""
    settings = group(rows, lambda row: row["setting"])
    exact = {_question(row): row["score"] for row in settings.pop(DENSE, [])}
    found = [_compare(name, mine, exact) for name, mine in settings.items()]
    return [one for one in found if one is not None]


def _compare(name: str, rows: Sequence[Row], exact: dict[tuple[Any, ...], float]) -> Paired | None:
    both = [row for row in rows if _question(row) in exact]
    suites = {
        suite: [[(row["score"], exact[_question(row)]) for row in text] for text in group(mine, _text).values()]
        for suite, mine in group(both, lambda row: row["suite"]).items()
    }
    loud = {suite: texts for suite, texts in suites.items() if _means(texts)[1] >= SILENT}
    if not loud:
        return None
    ratios = {suite: _ratio([texts]) for suite, texts in loud.items()}
    worst = min(ratios, key=lambda suite: ratios[suite])
    every, told = list(suites.values()), list(loud.values())
    return Paired(
        setting=name,
        n=len(both),
        ratio=_ratio(every),
        error=standard_error(every),
        better=sum(row["score"] > exact[_question(row)] for row in both),
        worse=sum(row["score"] < exact[_question(row)] for row in both),
        worst=worst,
        worst_ratio=ratios[worst],
        worst_error=standard_error([loud[worst]]),
        told=_ratio(told),
        told_error=standard_error(told),
        silent=tuple(suite for suite in suites if suite not in loud),
    )


def standard_error(suites: Sequence[Sequence[Text]]) -> float:
    """Of the ratio of means, over DRAWS draws of texts inside each suite; the same texts give the same number."""
    random = Random(0)
    drawn = [_ratio([random.choices(texts, k=len(texts)) for texts in suites]) for _ in range(DRAWS)]
    return pstdev(drawn)


def _ratio(suites: Sequence[Sequence[Text]]) -> float:
    """Mean of the suites' means, sparse over dense; 1 where both are nothing."""
    pairs = [_means(texts) for texts in suites]
    mine, theirs = (mean(column) for column in zip(*pairs, strict=True))
    return mine / theirs if theirs else 1.0 if not mine else 2.0


def _means(texts: Sequence[Text]) -> tuple[float, float]:
    """Mean scores over all questions of some texts."""
    pairs = [pair for text in texts for pair in text]
    return mean(pair[0] for pair in pairs), mean(pair[1] for pair in pairs)


def table(rows: Sequence[Row]) -> str:
    """One row a setting; empty without a dense column."""
    found = compare(rows)
    if not found:
        return ""
    header = ["setting", "of dense ± s.e.", "better / worse than dense", "worst suite of dense ± s.e."]
    header += ["without silent suites", "silent suites", "questions"]
    body = [
        [
            one.setting,
            f"{percent(one.ratio)} ± {100 * one.error:.1f}",
            f"{one.better} / {one.worse}",
            f"{one.worst} {percent(one.worst_ratio)} ± {100 * one.worst_error:.1f}",
            f"{percent(one.told)} ± {100 * one.told_error:.1f}",
            ", ".join(one.silent) or "–",
            str(one.n),
        ]
        for one in found
    ]
    return rows_to_table(header, body)


def section(rows: Sequence[Row]) -> str:
    """The table with its heading, for a report; empty without a dense column."""
    text = table(rows)
    about = f"Silent: suites whose dense mean is below {SILENT:.0%}. Standard errors by drawing texts again."
    return f"\n## Question by question beside dense attention\n\n{about}\n\n{text}\n" if text else ""


def _question(row: Row) -> tuple[Any, ...]:
    return *_text(row), row["question"]


def _text(row: Row) -> tuple[Any, ...]:
    return row["suite"], row["tokens"], row["asked_depth"], row["sample"]
