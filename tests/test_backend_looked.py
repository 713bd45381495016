"""What generated tokens looked at: rows of any length in bounded memory, their mean as if all of them were there."""

from __future__ import annotations

import pytest
import torch

from sparse_backend import looked
from sparse_backend.looked import Looked, row_of
from sparse_backend.probe import Evidence


def test_rows_are_sliced_averaged_and_laid_out() -> None:
    rows = torch.rand(3, 7)
    kept = Looked(7, tuple(row_of(row) for row in rows))
    assert len(kept) == 3 and kept.shape == (3, 7) and kept[1:].shape == (2, 7)
    assert torch.equal(kept.dense(), rows) and torch.allclose(kept[1:].mean(), rows[1:].mean(0))
    assert Looked(7).mean().tolist() == [0.0] * 7 and Looked(7).dense().shape == (0, 7)


def test_of_a_long_context_the_strongest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looked, "MOST", 10)
    rows = torch.rand(4, 100)
    rows[:, [3, 77]] = 5.0
    kept = Looked(100, tuple(row_of(row, 5) for row in rows))
    rows[:, :5] = 0.0
    assert all(places is not None and len(places) == len(shares) == 10 for shares, places in kept.rows)
    for ours, row in zip(kept.dense(), rows, strict=True):
        strongest = row.topk(10).indices
        assert torch.equal(ours[strongest], row[strongest]) and int((ours > 0).sum()) == 10
    assert torch.allclose(kept.mean(), kept.dense().mean(0))


def test_what_was_selected_is_kept_whole_where_it_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded rows and whole ones give the same figures when a token met no more than the bound."""
    index, weights = torch.stack([torch.randperm(90)[:8] for _ in range(2)]), torch.rand(4, 1, 8)
    found = []
    for most in (16, 1000):
        monkeypatch.setattr(looked, "MOST", most)
        evidence = Evidence(1, 90, 0, [(0, 0), (0, 3)])
        evidence.expect(1)
        evidence.add(0, weights, index)
        evidence.keep(1)
        found.append(evidence.looked())
    assert found[0].rows[0][1] is not None and found[1].rows[0][1] is None
    assert torch.equal(found[0].dense(), found[1].dense()) and found[0].mean().max() > 0


def test_rows_of_drafts_that_proved_wrong_take_no_memory() -> None:
    evidence = Evidence(1, 50, 0)
    evidence.expect(17)
    evidence.add(0, torch.rand(2, 17, 50))
    evidence.keep(2)
    kept = evidence.looked()
    assert len(kept) == 2 and all(shares.untyped_storage().nbytes() == 200 for shares, _ in kept.rows)
