"""Settings: how a text is read in one column of a table: schedule, anchors, repairs, or the retrieval rival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparse_backend.eval.case import EvalError
from sparse_backend.pattern import Pattern
from sparse_backend.presets import LEVELS, SINK, Schedule, dense, preset

TOP = 5  # chunks that the rival reads
MEAN_BLOCK = 64  # keys behind one mean


@dataclass(frozen=True, slots=True)
class FirstDense(Schedule):
    """`shallow` for the first `layers_dense` layers only, `deep` for all others."""

    layers_dense: int = 0

    def of(self, layer: int, layers: int) -> Pattern:
        """See Schedule."""
        return self.shallow if layer < self.layers_dense else self.deep

    @property
    def fingerprint(self) -> str:
        """See Schedule."""
        return f"{self.shallow.fingerprint}x{self.layers_dense}|{self.deep.fingerprint}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One way of reading. Lengths are in tokens.

    `last_rows`: so many last tokens of the document see everything (Tri-shape, arXiv:2412.10319). `correction`: every
    so many rows one is computed densely and its difference is added to the rows up to the next one (Delta Attention,
    arXiv:2505.11254). `means`: blocks of keys that the pattern skips count by their mean key and value (zero-order
    correction of FlashPrefill V2). `reread`: so many passages that the model looked at most while it answered are
    repeated before the question, which is then asked again. `retrieval`: not the document is read, but so many chunks
    of it that an embedding model finds nearest to the question. `budgets`: a window for each layer and key head in
    place of the schedule's, see budgets.py. `always`: the schedule holds for short texts too, which the engine reads
    densely where that is faster.
    """

    name: str
    schedule: Schedule
    anchors: tuple[str, ...] = ("headers",)
    last_rows: int = 0
    correction: int = 0
    means: bool = False
    reread: int = 0
    retrieval: int = 0
    budgets: tuple[tuple[int, ...], ...] = ()
    always: bool = False

    @property
    def repaired(self) -> bool:
        """Whether reading needs what the engine does not do: rows or blocks that are treated apart."""
        return bool(self.last_rows or self.correction or self.means or self.budgets or self.always)

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the answers could."""
        extra = (self.anchors, self.last_rows, self.correction, self.means, self.reread, self.retrieval)
        text = f"{self.schedule.fingerprint}:{extra}" + (f":{self.budgets}" if self.budgets else "")
        return f"{text}:always" if self.always else text


def windows(shallow: int | None, deep: int | None, name: str | None = None) -> Schedule:
    """Windows with sink and header anchors for the first and the second half of the layers; None is dense."""
    label = name or "headers"
    return Schedule(Pattern(label, shallow, SINK, anchors=True), Pattern(label, deep, SINK, anchors=True))


def dense_setting() -> Setting:
    """Everything sees everything: what the others are measured against."""
    return Setting("dense", Schedule(dense(), dense()))


def level_setting(pattern: str, level: str, *, trained: bool = False) -> Setting:
    """A preset of the product, as `preset` says; raises UnsupportedPatternError for an unknown one."""
    return Setting(level if pattern == "headers" else f"{pattern} {level}", preset(pattern, level, trained=trained))


def rival_setting(top: int = TOP) -> Setting:
    """Top-k retrieval before a dense reading of what was found."""
    return Setting("retrieval", Schedule(dense(), dense()), retrieval=top)


def first_dense(layers: int, window: int) -> Schedule:
    """The first `layers` layers dense, a window with anchors in all others."""
    return FirstDense(dense(), Pattern("headers", window, SINK, anchors=True), layers_dense=layers)


def ablation(trained: bool = False) -> tuple[Setting, ...]:
    """The repairs, each alone on the same short window, and the levels they are compared with, as `preset` says."""
    base = 256
    plain = windows(base, base)
    more = ("headers", "paragraphs")
    return (
        dense_setting(),
        *(level_setting("headers", level, trained=trained) for level in LEVELS),
        Setting(f"window {base}", plain),
        Setting("window 1024", windows(1024, 1024)),
        Setting("window 2048", windows(2048, 2048)),
        Setting(f"first 4 layers dense, {base}", first_dense(4, base)),
        Setting(f"first half dense, {base}", windows(None, base)),
        Setting(f"second half dense, {base}", windows(base, None)),
        Setting(f"window {base}, anchors on paragraphs", plain, anchors=more),
        Setting(f"window {base}, anchors on definitions", plain, anchors=("headers", "definitions")),
        Setting(f"window {base}, anchors on numbers", plain, anchors=("headers", "numbers")),
        Setting(f"window {base}, last 256 rows dense", plain, last_rows=256),
        Setting(f"window {base}, every 16th row dense (Δ)", plain, correction=16),
        Setting(f"window {base}, every 64th row dense (Δ)", plain, correction=64),
        Setting(f"window {base}, means of skipped blocks", plain, means=True),
        Setting(f"window {base}, 3 passages reread", plain, reread=3),
    )


def named(names: Sequence[str], known: Sequence[Setting]) -> list[Setting]:
    """The settings of `known` called `names`; raises EvalError that lists them."""
    table = {setting.name: setting for setting in known}
    for name in names:
        if name not in table:
            raise EvalError(f"There is no setting “{name}”; choose from: {'; '.join(table)}.")
    return [table[name] for name in names]
