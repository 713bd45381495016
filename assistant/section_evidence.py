"""Where the model looked while it answered, summed up by section: what the heat bar beside an answer shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest import Document, Encoded, Section
from storage.records import SectionEvidence

LEAST = 0.0005  # share below which a section is not kept: nobody could see its bar
MOST = 400  # sections kept with one answer, those looked at most
BEFORE = -1  # the words before the first header


def section_evidence(
    document: Document, encoded: Encoded, mass: npt.NDArray[np.float32]
) -> tuple[SectionEvidence, ...]:
    """The share of `mass` [document tokens] on each section's own words, without its subsections; by section."""
    starts, owners = _own_ranges(document.sections, len(document.text))
    total = float(mass.sum(dtype=np.float64))
    if not total or not len(mass):
        return ()
    places = np.asarray(encoded.offsets.starts, dtype=np.int64)[: len(mass)]
    of_token = owners[np.searchsorted(starts, places, side="right") - 1]
    sums = np.bincount(of_token + 1, weights=mass[: len(places)], minlength=1) / total
    kept = [(float(share), index - 1) for index, share in enumerate(sums) if share >= LEAST]
    kept = sorted(kept, reverse=True)[:MOST]
    return tuple(SectionEvidence(index, round(share, 5)) for share, index in sorted(kept, key=lambda each: each[1]))


def own_parts(document: Document) -> list[tuple[int, list[tuple[int, int]]]]:
    """Each section (BEFORE first, where words stand there) with the ranges of text that belong to no subsection."""
    starts, owners = _own_ranges(document.sections, len(document.text))
    parts: dict[int, list[tuple[int, int]]] = {index: [] for index in range(BEFORE, len(document.sections))}
    for (start, end), owner in zip(pairwise([*starts.tolist(), len(document.text)]), owners.tolist(), strict=True):
        if end > start:
            parts[owner].append((start, end))
    return [(index, ranges) for index, ranges in parts.items() if ranges or index >= 0]


def _own_ranges(sections: Sequence[Section], length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the innermost section changes, in order, and its index from there on."""
    changes: list[tuple[int, int]] = [(0, BEFORE)]
    opened: list[int] = []
    for index, section in enumerate(sections):
        _close(opened, sections, section.start, changes)
        opened.append(index)
        changes.append((section.start, index))
    _close(opened, sections, length, changes)
    last = dict(changes)  # of several changes at one place the last one holds
    return np.array(list(last), dtype=np.int64), np.array(list(last.values()), dtype=np.int64)


def _close(opened: list[int], sections: Sequence[Section], until: int, changes: list[tuple[int, int]]) -> None:
    while opened and sections[opened[-1]].end <= until:
        end = sections[opened.pop()].end
        changes.append((end, opened[-1] if opened else BEFORE))
