"""Numbering as contracts of many countries and trades use it: found headers against truth written by hand."""

from __future__ import annotations

from tests.ingest_contract_cases import STYLES, score

LEAST = 0.95


def test_headings_over_all_styles() -> None:
    scores = [score(path) for path in STYLES]
    assert len(scores) >= 15
    right = sum(each.right for each in scores)
    missed = [miss for each in scores for miss in each.missed]
    extra = [miss for each in scores for miss in each.extra]
    recall, precision = right / (right + len(missed)), right / (right + len(extra))
    print(f"{right} headers right: precision {precision:.3f}, recall {recall:.3f}")
    for word, misses in (("missed", missed), ("wrong", extra)):
        for miss in misses:
            print(f"{word}: {miss}")
    assert precision >= LEAST and recall >= LEAST, (missed, extra)
