"""Layout: the pairs its rows name are exactly the pattern's, each once, and their number is linear in the tokens."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_backend.layout import BLOCK, Layout, compile_layout
from sparse_backend.pattern import Pattern
from sparse_backend.presets import SINK


def named_pairs(layout: Layout, start: int, stop: int, n: int) -> torch.Tensor:
    """int [n, n]: how often each (query, key) is computed for the queries [start, stop)."""
    counts = torch.zeros(n, n, dtype=torch.int64)
    for row in layout.rows(start, stop):
        size = row.stop - row.start
        keys = torch.cat([layout.globals_[: row.bank], torch.arange(row.low, row.stop)])
        seen = torch.ones(size, len(keys), dtype=torch.bool)
        if row.mask is not None:
            seen[:, row.bank : row.bank + row.mask.shape[1]] &= row.mask
        seen[:, -size:] &= torch.ones(size, size, dtype=torch.bool).tril()
        for i in range(size):
            counts[row.start + i].index_add_(0, keys[seen[i]], torch.ones(int(seen[i].sum()), dtype=torch.int64))
    return counts


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 300),
    window=st.one_of(st.none(), st.integers(1, 310)),
    sink=st.sampled_from([0, 1, 64]),
    anchored=st.booleans(),
    data=st.data(),
)
def test_rows_name_each_allowed_pair_exactly_once(
    n: int, window: int | None, sink: int, anchored: bool, data: st.DataObject
) -> None:
    anchors = data.draw(st.sets(st.integers(0, n - 1), max_size=12))
    start = data.draw(st.integers(0, n - 1))
    layout = compile_layout(Pattern("p", window, sink, anchored), torch.tensor(sorted(anchors), dtype=torch.int64), n)
    i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
    near = torch.ones(n, n, dtype=torch.bool) if window is None else i - j < window
    kept = (j < sink) | (torch.isin(j, torch.tensor(sorted(anchors), dtype=torch.int64)) if anchored else j < 0)
    want = (j <= i) & (near | kept) & (i >= start)
    assert torch.equal(named_pairs(layout, start, n, n), want.long())


def test_every_small_layout_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_backend.layout.BLOCK", 4)
    for n in range(1, 12):
        i, j = torch.arange(n)[:, None], torch.arange(n)[None, :]
        for window in range(1, 13):
            for anchors in ([], [n // 2], [0, n - 1]):
                layout = compile_layout(Pattern("p", window, anchors=True), torch.tensor(anchors, dtype=torch.int64), n)
                kept = torch.tensor([[key in anchors for key in range(n)]])
                want = (j <= i) & ((i - j < window) | kept)
                assert torch.equal(named_pairs(layout, 0, n, n), want.long()), (n, window, anchors)


def test_is_global_is_right_for_every_range() -> None:
    layout = compile_layout(Pattern("p", 4, sink=2, anchors=True), torch.tensor([9, 5]), 12)
    want = torch.tensor([j in (0, 1, 5, 9) for j in range(12)])
    for start in range(12):
        for stop in range(start, 13):
            assert torch.equal(layout.is_global(start, stop), want[start:stop])


def test_pairs_counts_what_the_rows_compute() -> None:
    layout = compile_layout(Pattern("p", 5, sink=2), torch.tensor([], dtype=torch.int64), BLOCK + 3)
    assert layout.pairs(BLOCK + 3) == BLOCK * BLOCK + 3 * (2 + 4 + 3)


@pytest.mark.parametrize("anchors", [0, 100])
def test_cost_is_linear_in_the_tokens(anchors: int) -> None:
    def pairs(n: int) -> int:
        where = torch.arange(anchors) * (n // 100)
        return compile_layout(Pattern("headers", 256, SINK, anchors=True), where, n).pairs(n)

    for n in (2_000, 4_000, 8_000, 64_000):
        assert pairs(2 * n) <= 2.2 * pairs(n)
    assert pairs(64_000) <= 64_000 * (256 + BLOCK + SINK + anchors)


def test_dense_cost_is_quadratic_so_the_count_can_tell() -> None:
    layout = compile_layout(Pattern("dense", None), torch.tensor([], dtype=torch.int64), 8_000)
    assert layout.pairs(8_000) > 3.5 * layout.pairs(4_000)


@pytest.mark.parametrize("anchor", [-1, 10])
def test_anchors_outside_the_document_are_refused(anchor: int) -> None:
    with pytest.raises(ValueError, match=r"\[0, 10\)"):
        compile_layout(Pattern("p", 4, anchors=True), torch.tensor([3, anchor]), 10)
