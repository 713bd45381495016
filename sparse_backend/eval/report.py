"""Report of a run: tables by suite, length and depth, the worst of each setting, what was better than dense or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from sparse_backend.eval.ledger import Row

BUCKETS = 5  # of depth
DENSE = "dense"


@dataclass(frozen=True, slots=True)
class Worst:
    """The suite or depth with the lowest mean score, over `n` questions."""

    name: str
    score: float
    n: int


@dataclass(frozen=True, slots=True)
class Summary:
    """One setting. `mean`: of the suites' means, so that every task counts alike; `read_s`: mean by length.

    `ratio` and `worst_ratio`: of that mean and of the lowest suite to dense attention on the same texts; None without
    a dense column. `first`, `later`: mean score of question 1 and of those after it.
    """

    setting: str
    n: int
    mean: float
    worst_suite: Worst
    worst_depth: Worst | None
    first: float | None
    later: float | None
    ratio: float | None
    worst_ratio: Worst | None
    read_s: dict[int, float]

    def as_json(self) -> dict[str, Any]:
        """For the last line of stdout."""
        found: dict[str, Any] = {"n": self.n, "mean": round(self.mean, 4), "worst_suite": _json(self.worst_suite)}
        found |= {"worst_depth": _json(self.worst_depth), "worst_ratio": _json(self.worst_ratio)}
        found |= {name: _rounded(getattr(self, name)) for name in ("first", "later", "ratio")}
        return found | {"read_s": {str(tokens): round(value, 2) for tokens, value in self.read_s.items()}}


def bucket(at: float) -> str:
    """The depth class of a place in [0, 1], such as “40–60%”."""
    index = min(int(at * BUCKETS), BUCKETS - 1)
    step = 100 // BUCKETS
    return f"{index * step}–{(index + 1) * step}%"


def group(rows: Sequence[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by `key`, in order of first appearance; rows whose key is None are left out."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        name = key(row)
        if name is not None:
            found[name].append(row)
    return dict(found)


def score(rows: Sequence[Row]) -> float:
    """Mean score of some rows."""
    return float(mean(row["score"] for row in rows))


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """One Summary a setting, in order of first appearance."""
    settings = group(rows, lambda row: row["setting"])
    exact = settings.get(DENSE)
    return [_summary(name, mine, exact) for name, mine in settings.items()]


def _summary(name: str, rows: list[Row], exact: list[Row] | None) -> Summary:
    suites = group(rows, lambda row: row["suite"])
    depths = group(rows, _bucket_of)
    ratio, worst_ratio = _ratios(rows, exact) if exact else (None, None)
    firsts = [row for row in rows if row["question"] == 1]
    laters = [row for row in rows if row["question"] > 1]
    return Summary(
        setting=name,
        n=len(rows),
        mean=mean(score(mine) for mine in suites.values()),
        worst_suite=_worst(suites),
        worst_depth=_worst(depths) if depths else None,
        first=score(firsts) if firsts else None,
        later=score(laters) if laters else None,
        ratio=ratio,
        worst_ratio=worst_ratio,
        read_s={tokens: mean(row["read_s"] for row in mine) for tokens, mine in group(rows, _tokens).items()},
    )


def _ratios(rows: list[Row], exact: list[Row]) -> tuple[float | None, Worst | None]:
    """On the cells that both have, so that a run stopped half way compares like with like."""
    both = {_cell(row) for row in rows} & {_cell(row) for row in exact}
    mine, theirs = (group([r for r in some if _cell(r) in both], lambda row: row["suite"]) for some in (rows, exact))
    shares = {name: score(mine[name]) / score(theirs[name]) for name in mine if score(theirs[name]) > 0}
    if not shares:
        return None, None
    total = mean(score(some) for some in mine.values()) / mean(score(some) for some in theirs.values())
    lowest = min(shares, key=lambda name: shares[name])
    return total, Worst(lowest, shares[lowest], len(mine[lowest]))


def _worst(groups: dict[Any, list[Row]]) -> Worst:
    name = min(groups, key=lambda one: score(groups[one]))
    return Worst(str(name), score(groups[name]), len(groups[name]))


def markdown(rows: Sequence[Row], head: dict[str, Any], pictures: Sequence[str] = ()) -> str:
    """The whole report; `head`: the conditions, `pictures`: file names of heat maps beside it."""
    if not rows:
        return "# Evaluation\n\nNothing was measured yet.\n"
    parts = ["# Evaluation", "\n".join(f"- {name}: {value}" for name, value in head.items())]
    parts += ["## Settings", settings_table(summarise(rows))]
    parts += ["## Mean score by suite", _matrix(rows, "suite", lambda row: row["suite"])]
    if len(group(rows, _tokens)) > 1:
        parts += ["## Mean score by length", _matrix(rows, "tokens", _tokens)]
    if any(_bucket_of(row) for row in rows):
        parts += ["## Mean score by depth (facts in one place)", _matrix(rows, "depth", _bucket_of, ordered=True)]
    parts += ["## Mean score by kind of question", _matrix(rows, "kind", lambda row: row["kind"])]
    parts += [f"![scores by length and depth]({picture})" for picture in pictures]
    return "\n\n".join(parts) + "\n"


def settings_table(summaries: Sequence[Summary]) -> str:
    """One row a setting; the worst suite and the worst depth always among the columns."""
    lengths = sorted({tokens for one in summaries for tokens in one.read_s})
    header = ["setting", "mean", "of dense", "worst suite", "worst of dense", "worst depth", "question 1", "later"]
    header += [f"reads {tokens:,} in" for tokens in lengths] + ["answers"]
    table = [
        [
            one.setting,
            percent(one.mean),
            percent(one.ratio),
            worst_text(one.worst_suite),
            worst_text(one.worst_ratio),
            worst_text(one.worst_depth),
            percent(one.first),
            percent(one.later),
            *(f"{one.read_s[tokens]:.1f} s" if tokens in one.read_s else "–" for tokens in lengths),
            str(one.n),
        ]
        for one in summaries
    ]
    return rows_to_table(header, table)


def rows_to_table(header: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in table])


def percent(value: float | None) -> str:
    """“93.8%”, or a dash."""
    return "–" if value is None else f"{100 * value:.1f}%"


def worst_text(worst: Worst | None) -> str:
    """“multikey 75.0% (n = 8)”, or a dash."""
    return "–" if worst is None else f"{worst.name} {percent(worst.score)} (n = {worst.n})"


def _matrix(rows: Sequence[Row], title: str, key: Callable[[Row], Any], *, ordered: bool = False) -> str:
    """Settings down, the values of `key` across; n is that of the first setting."""
    settings = group(rows, lambda row: row["setting"])
    names = list(group(rows, key))
    names = sorted(names, key=lambda name: int(str(name).split("–")[0])) if ordered else names
    counts = group(next(iter(settings.values())), key)
    header = [title] + [f"{name} (n = {len(counts.get(name, []))})" for name in names]
    table = []
    for setting, mine in settings.items():
        found = group(mine, key)
        table.append([setting] + [percent(score(found[name])) if name in found else "–" for name in names])
    return rows_to_table(header, table)


def _bucket_of(row: Row) -> str | None:
    return None if row["at"] is None else bucket(row["at"])


def _tokens(row: Row) -> int:
    return int(row["tokens"])


def _cell(row: Row) -> tuple[Any, ...]:
    return row["suite"], row["tokens"], row["asked_depth"], row["sample"], row["question"]


def _json(worst: Worst | None) -> dict[str, Any] | None:
    return None if worst is None else {"name": worst.name, "score": round(worst.score, 4), "n": worst.n}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
