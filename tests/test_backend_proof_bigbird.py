"""Our bidirectional Pattern gives what transformers' own BigBird self-attention gives, with the same random blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BigBirdConfig
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention, BigBirdModel

from sparse_backend.encoders.bigbird import global_blocks
from sparse_backend.encoders.padding import split
from sparse_backend.kernels import blocks, reference
from sparse_backend.links import Blocks, BlockWindow, Link, RandomBlocks
from sparse_backend.passes import compile_passes
from sparse_backend.pattern import Pattern
from tests.tiny import one_thread

HEADS, DIM, BLOCK = 2, 8, 4
EXACT = 1e-12  # float64 on both sides
Lists = list[list[list[int]]]  # [head][row between the global ones][chosen blocks]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def _module(count: int, seed: int, longest: int = 4096) -> Any:
    torch.manual_seed(seed)
    config = BigBirdConfig(
        hidden_size=HEADS * DIM,
        num_attention_heads=HEADS,
        block_size=BLOCK,
        num_random_blocks=count,
        max_position_embeddings=longest,
        attention_probs_dropout_prob=0.0,
    )
    module = BigBirdBlockSparseAttention(config, seed=seed).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)
    return module


def _theirs(module: Any, hidden: Tensor, real: int) -> Tensor:
    mask = torch.zeros(1, len(hidden), dtype=hidden.dtype)
    mask[0, :real] = 1.0
    blocked, band, from_mask, to_mask = BigBirdModel.create_masks_for_block_sparse_attn(mask, BLOCK)
    with torch.no_grad():
        out = module(hidden[None], band, from_mask, to_mask, blocked, blocked)[0]
    return out[0, :real]  # type: ignore[no-any-return]


def _spied(module: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """What the module draws from now on, call by call."""
    drawn: list[Any] = []
    real = getattr(module, name)

    def note(*args: Any, **options: Any) -> Any:
        drawn.append(real(*args, **options))
        return drawn[-1]

    monkeypatch.setattr(module, name, note)
    return drawn


def _ours(module: Any, hidden: Tensor, n: int, links: tuple[Link, ...], by_blocks: bool) -> Tensor:
    """`hidden`: the real tokens of n."""
    pattern = Pattern("bigbird", 0, anchors=True, causal=False, links=(BlockWindow(BLOCK, 1, 1), *links))
    anchors = global_blocks(n, BLOCK)
    with torch.no_grad():
        q, k, v = (split(project(hidden), HEADS) for project in (module.query, module.key, module.value))
    if by_blocks:
        return blocks.attend(q, k, v, compile_passes(pattern, anchors, n, HEADS, 8), DIM**-0.5)[0].flatten(1)
    index = torch.arange(n)
    is_global = torch.isin(index, anchors)
    head = torch.arange(HEADS)[:, None, None]
    options: dict[str, Any] = {"from_global": is_global[:, None], "head": head, "n": n}
    allowed = pattern.allows(index[:, None], index, is_global, **options).expand(HEADS, n, n)
    outs = [
        reference.attention(one, key, value, allowed[h, : len(hidden), : len(hidden)], DIM**-0.5)[0]
        for h, (one, key, value) in enumerate(zip(q[:, None], k[:, None], v[:, None], strict=True))
    ]
    return torch.cat(outs).transpose(0, 1).flatten(1)


def _link(lists: Any) -> Blocks:
    """Their lists as a link: the first and the last block, which have no list, see everything anyway."""
    return Blocks(
        BLOCK, tuple(((), *(tuple(int(key) for key in row) for row in head), ()) for head in np.array(lists).tolist())
    )


@pytest.mark.parametrize("by_blocks", [True, False], ids=["blocks", "reference"])
@pytest.mark.parametrize(("n", "real", "count"), [(64, 64, 2), (60, 57, 2), (48, 46, 1), (100, 99, 3), (80, 77, 4)])
def test_same_random_blocks_same_output(
    n: int, real: int, count: int, by_blocks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = _module(count, seed=n).train()  # it draws in training only; there is no dropout
    hidden = torch.randn(n, HEADS * DIM, dtype=torch.float64)
    drawn = _spied(module, monkeypatch, "_bigbird_block_rand_mask_with_head")
    theirs = _theirs(module, hidden, real)
    assert len({str(head) for head in drawn[0]}) == HEADS, "each head draws its own blocks"
    ours = _ours(module, hidden[:real], n, (_link(drawn[0]),), by_blocks)
    assert float((ours - theirs).abs().max()) < EXACT


def test_our_random_blocks_in_their_code(monkeypatch: pytest.MonkeyPatch) -> None:
    n, count = 64, 2
    module = _module(count, seed=4)
    hidden = torch.randn(n, HEADS * DIM, dtype=torch.float64)
    link = RandomBlocks(BLOCK, count, seed=11)
    token = torch.arange(0, n, BLOCK)
    head = torch.arange(HEADS)[:, None, None]
    allowed = Pattern("random", 0, causal=False, links=(link,)).allows(
        token[:, None], token, torch.zeros(len(token), dtype=torch.bool),
        from_global=torch.zeros(len(token), 1, dtype=torch.bool), head=head, n=n,
    )  # fmt: skip
    lists = [[row.nonzero().flatten().tolist() for row in one[1:-1]] for one in allowed]
    assert {len(row) for one in lists for row in one} == {count}
    monkeypatch.setattr(module, "_bigbird_block_rand_mask_with_head", lambda **_: np.array(lists))
    ours = _ours(module, hidden, n, (link,), True)
    assert float((ours - _theirs(module, hidden, n)).abs().max()) < EXACT
    other = _ours(module, hidden, n, (RandomBlocks(BLOCK, count, seed=12),), True)
    assert float((ours - other).abs().max()) > 1e-3


def test_plans_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,024 tokens are drawn by rules of their own; where these draw a block twice, it counts twice there."""
    n = 1024
    module = _module(2, seed=5, longest=n).train()
    hidden = torch.randn(n, HEADS * DIM, dtype=torch.float64)
    drawn = _spied(module, monkeypatch, "_bigbird_block_rand_mask")
    theirs = _theirs(module, hidden, n)
    ours = _ours(module, hidden, n, (_link(np.stack(drawn)[:, : n // BLOCK - 2]),), True)
    once = torch.tensor([
        all(_new(row, key, n // BLOCK) for head in drawn for key in head[row - 1])
        for row in range(1, n // BLOCK - 1)
    ])  # fmt: skip
    rows = torch.cat([torch.tensor([True]), once, torch.tensor([True])]).repeat_interleave(BLOCK)
    assert int(rows.sum()) > 0.9 * n
    assert float((ours - theirs)[rows].abs().max()) < EXACT


def _new(row: int, key: int, count: int) -> bool:
    return key not in (0, count - 1, row - 1, row, row + 1)


@pytest.mark.parametrize("links", [(), (BlockWindow(BLOCK, 2, 1),)])
def test_other_blocks_differ(links: tuple[Link, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module(2, seed=3).train()
    hidden = torch.randn(64, HEADS * DIM, dtype=torch.float64)
    theirs = _theirs(module, hidden, 64)
    assert float((_ours(module, hidden, 64, links, True) - theirs).abs().max()) > 1e-3
