"""Bands: ways of reading written as text, such as “12xdense+12x1024/delta64”, for trying what no preset offers.

A band is so many layers with one window: `12x1024`, `12xdense`. Bands follow one another and start again where the
model has more layers. Behind them, divided by “/”: `delta64` corrects after every 64th row, `last256` reads the last
256 rows densely, `means` counts skipped blocks by their means, `paragraphs`, `definitions` and `numbers` are anchors
beside the headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, repeat

from sparse_backend.eval.case import EvalError
from sparse_backend.eval.settings import Setting
from sparse_backend.pattern import Pattern
from sparse_backend.presets import SINK, Schedule

_BAND = re.compile(r"(\d+)x(dense|\d+)")
_NUMBERED = re.compile(r"(delta|last)(\d+)")
_ANCHORS = ("paragraphs", "definitions", "numbers")
LOOK = re.compile(r"\d+x(?:dense|\d+)")  # how such a text begins


@dataclass(frozen=True, slots=True)
class Bands(Schedule):
    """One pattern for each of the first layers, again from the start where the model has more."""

    each: tuple[Pattern, ...] = ()

    def of(self, layer: int, layers: int) -> Pattern:
        """See Schedule."""
        return self.each[layer % len(self.each)]

    @property
    def fingerprint(self) -> str:
        """See Schedule."""
        return "bands:" + "|".join(one.fingerprint for one in self.each)


def parse_bands(text: str) -> Setting:
    """The setting that `text` describes, under this name. Raises EvalError that shows how it is written."""
    bands, *repairs = text.split("/")
    found = [_BAND.fullmatch(band) for band in bands.split("+")]
    if not all(match and int(match[1]) and match[2] != "0" for match in found):
        raise _unclear(text)
    windows = list(
        chain.from_iterable(repeat(None if m[2] == "dense" else int(m[2]), int(m[1])) for m in found if m is not None)
    )
    each = tuple(Pattern("headers", window, SINK, anchors=True) for window in windows)
    order = sorted(each, key=lambda one: one.window or 1 << 62)
    numbers = {"delta": 0, "last": 0}
    anchors = ["headers"]
    for repair in repairs:
        numbered = _NUMBERED.fullmatch(repair)
        if numbered:
            numbers[numbered[1]] = int(numbered[2])
        elif repair in _ANCHORS:
            anchors.append(repair)
        elif repair != "means":
            raise _unclear(text)
    return Setting(
        text,
        Bands(order[-1], order[0], each=each),
        anchors=tuple(anchors),
        last_rows=numbers["last"],
        correction=numbers["delta"],
        means="means" in repairs,
    )


def _unclear(text: str) -> EvalError:
    return EvalError(f"“{text}” is no setting: write bands such as 12xdense+12x1024, and repairs such as /delta64.")
