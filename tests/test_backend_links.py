"""Every link against its paper's definition, written out pair by pair in plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sparse_backend.links import Blocks, BlockWindow, DenseRows, Dilated, Fixed, Link, RandomBlocks, Strided, Window
from sparse_backend.pattern import Pattern
from sparse_backend.random_blocks import draw
from sparse_backend.routes import Frame

Rule = Callable[[int, int, int], bool]  # head, query, key
LENGTHS = (1, 7, 24, 41)
FROZEN = [[2, 9], [3, 6], [7, 8], [6, 9], [1, 10], [1, 3], [1, 8], [3, 5], [2, 5], [4, 6], [2, 8], [1, 9]]
FROZEN_CAUSAL = [[-1, -1], [-1, -1], [-1, -1], [1, -1], [1, 2], [1, 2], [1, 3], [1, 3], [3, 4]]


def mask(link: Link, n: int, heads: int = 1, *, causal: bool = False) -> Tensor:
    """bool [heads, n, n] as the link states it: both ways, even in a causal frame."""
    index, head = torch.arange(n), torch.arange(heads)[:, None, None]
    return link.allows(index[:, None], index[None], head, Frame(n, causal)).expand(heads, n, n)


def by_parts(link: Link, n: int, heads: int = 1, *, causal: bool = False) -> Tensor:
    """The same from what is computed: the union of the link's parts."""
    index, found = torch.arange(n), torch.zeros(heads, n, n, dtype=torch.bool)
    for part in link.parts(Frame(n, causal), heads):
        for head in range(heads) if part.heads is None else part.heads:
            found[head] |= part.allows(index[:, None], index[None], torch.tensor(head))
    return found


def written(rule: Rule, n: int, heads: int = 1) -> Tensor:
    return torch.tensor([[[rule(h, i, j) for j in range(n)] for i in range(n)] for h in range(heads)])


def test_sparse_transformer_strided_is_the_papers() -> None:
    """Child et al. 2019, section 4.3: A1 = {t, ..., i}, t = max(0, i - l); A2 = {j : (i - j) mod l = 0}."""
    stride, n = 5, 23
    pattern = Pattern("strided", 0, links=(Window(stride), Strided(stride)))
    index = torch.arange(n)
    allowed = pattern.allows(index[:, None], index[None], torch.zeros(n, dtype=torch.bool)[None], n=n)
    for i in range(n):
        first = set(range(max(0, i - stride), i + 1))
        second = {j for j in range(i + 1) if (i - j) % stride == 0}
        assert set(allowed[i].nonzero().flatten().tolist()) == first | second, i


@pytest.mark.parametrize("summary", [1, 2, 6])
def test_sparse_transformer_fixed_is_the_papers(summary: int) -> None:
    """A1 = {j : floor(j / l) = floor(i / l)}; A2 = {j : j mod l in {t, ..., l - 1}}, t = l - c."""
    stride, n = 6, 27
    pattern = Pattern("fixed", 0, links=(Fixed(stride, summary),))
    index = torch.arange(n)
    allowed = pattern.allows(index[:, None], index[None], torch.zeros(n, dtype=torch.bool)[None], n=n)
    for i in range(n):
        first = {j for j in range(i + 1) if j // stride == i // stride}
        second = {j for j in range(i + 1) if j % stride in range(stride - summary, stride)}
        assert set(allowed[i].nonzero().flatten().tolist()) == first | second, i


CASES: list[tuple[Link, int, Rule]] = [
    (Window(3), 1, lambda _h, i, j: i - 3 <= j <= i),
    (Window(0, 2), 1, lambda _h, i, j: i <= j <= i + 2),
    (Window(4, 4), 1, lambda _h, i, j: abs(i - j) <= 4),  # Longformer: half of w on each side
    (BlockWindow(4), 1, lambda _h, i, j: abs(i // 4 - j // 4) <= 1),  # BigBird: three blocks
    (BlockWindow(3, 2, 0), 1, lambda _h, i, j: 0 <= i // 3 - j // 3 <= 2),
    (Strided(1), 1, lambda _h, _i, _j: True),
    (Strided(7), 1, lambda _h, i, j: abs(i - j) in range(0, 1000, 7)),
    (Fixed(5, 2), 1, lambda _h, i, j: i // 5 == j // 5 or j % 5 in (3, 4)),
    (Fixed(3, 3), 1, lambda _h, _i, _j: True),
    # Longformer, section 3.1: window w with gaps of d, other gaps for other heads
    (Dilated(3, (2,)), 1, lambda _h, i, j: j in (i - 4, i - 2, i, i + 2, i + 4)),
    (Dilated(2, (1, 3)), 4, lambda h, i, j: j - i in ((-1, 0, 1) if h % 2 == 0 else (-3, 0, 3))),
    (Dilated(1, (5, 9)), 2, lambda _h, i, j: i == j),
    (DenseRows((2, 5)), 1, lambda _h, i, _j: i in (2, 5)),
    (Blocks(4, (((0,), (0, 5)),)), 1, lambda _h, i, j: (i // 4, j // 4) in ((0, 0), (1, 0), (1, 5))),
    (Blocks(8, (((), (0,)), ((1,),))), 2, lambda h, i, j: (h, i // 8, j // 8) in ((0, 1, 0), (1, 0, 1))),
]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize(
    ("link", "heads", "rule"), CASES, ids=lambda value: None if callable(value) else repr(value)[:40]
)
def test_links_are_their_definitions(link: Link, heads: int, rule: Rule, n: int) -> None:
    expected = written(rule, n, heads)
    assert torch.equal(mask(link, n, heads), expected)
    assert torch.equal(by_parts(link, n, heads), expected)


@pytest.mark.parametrize("n", LENGTHS)
def test_the_last_rows_are_counted_from_the_end(n: int) -> None:
    expected = written(lambda _h, i, _j: i == 1 or i >= n - 3, n)
    assert torch.equal(mask(DenseRows((1,), 3), n), expected)
    assert torch.equal(by_parts(DenseRows((1,), 3), n), expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("block", "count", "reach", "edge"), [(4, 3, 1, 1), (5, 2, 0, 0), (3, 40, 2, 1)])
def test_random_blocks_are_distinct_and_drawn_where_they_may(
    block: int, count: int, reach: int, edge: int, causal: bool
) -> None:
    """BigBird, appendix D: r blocks for each query block, none of them in its window or global."""
    n, heads = 83, 3
    link = RandomBlocks(block, count, seed=5, reach=reach, edge=edge)
    found = mask(link, n, heads, causal=causal)
    assert torch.equal(found, by_parts(link, n, heads, causal=causal))
    total = -(-n // block)
    for head in range(heads):
        for i in range(n):
            keys = set(found[head, i].nonzero().flatten().tolist())
            chosen = {j // block for j in keys}
            assert keys == {j for j in range(n) if j // block in chosen}, "whole blocks"
            mine = i // block
            may = {b for b in range(edge, mine - reach if causal else total - edge) if abs(b - mine) > reach}
            assert chosen <= may
            assert len(chosen) == min(count, len(may))


def test_random_blocks_are_uniform_and_differ_by_head_and_seed() -> None:
    drawn = draw(64, 40, 3, 0, 1, 1, False)
    for row in (2, 20, 39):
        free = [b for b in range(1, 39) if abs(b - row) > 1]
        often = torch.bincount(drawn[:, row].flatten(), minlength=40)[free]
        assert int(often.sum()) == 64 * 3
        expected = 64 * 3 / len(free)
        assert float(((often - expected) ** 2 / expected).sum()) < 80, "chi-squared, 34 to 37 degrees: p < 1e-4 above"
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn, draw(64, 40, 3, 1, 1, 1, False))


def test_random_blocks_never_change() -> None:
    """The numbers are part of a saved document's identity."""
    assert draw(1, 12, 2, 0, 1, 1, False)[0].tolist() == FROZEN
    assert draw(1, 9, 2, 7, 1, 1, True)[0].tolist() == FROZEN_CAUSAL


@pytest.mark.parametrize(("short", "long"), [(9, 10), (31, 57)])
def test_causal_random_blocks_do_not_depend_on_what_follows(short: int, long: int) -> None:
    link = RandomBlocks(2, 2)
    assert torch.equal(mask(link, short, 2, causal=True), mask(link, long, 2, causal=True)[:, :short, :short])


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 60),
    blocks=st.lists(st.lists(st.sets(st.integers(0, 12), max_size=4), max_size=8), min_size=1, max_size=2),
    size=st.integers(1, 9),
)
def test_named_blocks_are_their_lists(n: int, blocks: list[list[set[int]]], size: int) -> None:
    order = random.Random(n)
    lists = tuple(tuple(tuple(order.sample(sorted(keys), len(keys))) for keys in rows) for rows in blocks)
    link = Blocks(size, lists)

    def rule(head: int, i: int, j: int) -> bool:
        rows = blocks[head % len(blocks)]
        return i // size < len(rows) and j // size in rows[i // size]

    heads = len(blocks)
    assert torch.equal(mask(link, n, heads), written(rule, n, heads))
    assert torch.equal(by_parts(link, n, heads), written(rule, n, heads))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Window(-1), "behind"),
        (lambda: Window(1, -1), "ahead"),
        (lambda: BlockWindow(0), "block"),
        (lambda: Strided(0), "stride"),
        (lambda: Fixed(4, 5), "summary"),
        (lambda: Fixed(4, 0), "summary"),
        (lambda: Dilated(0, (1,)), "window"),
        (lambda: Dilated(2, ()), "dilations"),
        (lambda: Dilated(2, (1, 0)), "dilations"),
        (lambda: RandomBlocks(4, 0), "count"),
        (lambda: RandomBlocks(4, 1, edge=-1), "edge"),
        (lambda: Blocks(4, ()), "lists"),
        (lambda: DenseRows((-1,)), "positions"),
        (lambda: DenseRows((), -1), "last"),
    ],
)
def test_impossible_links_are_refused(make: Callable[[], Link], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def test_lists_must_fit_the_heads() -> None:
    with pytest.raises(ValueError, match="2 heads; 3 or 1"):
        Blocks(4, (((0,),), ((0,),))).parts(Frame(8, False), 3)


def test_fingerprints_differ_wherever_pairs_would() -> None:
    links = [link for link, _, _ in CASES] + [
        RandomBlocks(4, 2), RandomBlocks(4, 2, 1), RandomBlocks(4, 2, reach=2), RandomBlocks(4, 2, edge=0),
        DenseRows((2,), 5), Fixed(5, 1),
    ]  # fmt: skip
    assert len({link.fingerprint for link in links}) == len(links)
    many = Blocks(1, (tuple((i,) for i in range(3000)),))
    assert len(many.fingerprint) < 100
