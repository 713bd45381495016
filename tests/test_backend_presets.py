"""Presets: the papers' definitions written out pair by pair, and reading with them chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sparse_backend import presets
from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl, UnsupportedPatternError
from sparse_backend.dynamic import Dynamic, choose, estimate
from sparse_backend.kernels import reference
from sparse_backend.layout import compile_layout
from sparse_backend.pattern import Pattern
from sparse_backend.presets import LEVELS, PATTERNS, Schedule, preset
from sparse_backend.random_blocks import draw
from sparse_backend.routes import Frame
from tests.tiny import one_thread

HEADS, KV, DIM = 4, 2, 16
EXACT = 1e-12


def tensors(n: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    make = torch.Generator().manual_seed(n)
    q, k, v = (torch.randn(heads, n, DIM, generator=make, dtype=torch.float64) for heads in (HEADS, KV, KV))
    return q.to(dtype), k.to(dtype), v.to(dtype)


def seen(pattern: Pattern, n: int, anchors: list[int]) -> Tensor:
    """bool [HEADS, n, n]: who really has a share in whose output, by values that are each one token."""
    q, k, _ = tensors(n)
    layout = compile_layout(pattern, torch.tensor(anchors, dtype=torch.int64), n)
    found = torch.zeros(HEADS, n, n, dtype=torch.bool)
    for low in range(0, n, DIM):
        v = torch.zeros(KV, n, DIM, dtype=torch.float64)
        width = min(DIM, n - low)
        v[:, low : low + width, :width] = torch.eye(width, dtype=torch.float64)
        out = sparse_attention(q, k, v, layout, impl=Impl.CPU)
        found[:, :, low : low + width] = (out.transpose(0, 1) > 0)[..., :width]
    return found


Rule = Callable[[int, int, int], bool]
N, ANCHORS = 60, [0, 17, 44]


def drawn(h: int, i: int, j: int, *, causal: bool) -> bool:
    blocks = draw(HEADS, 15, 2, 0, 1, 1, causal)[h, i // 4].tolist()
    return j // 4 in blocks


WRITTEN: list[tuple[Callable[[bool], Pattern], Rule, Rule]] = [
    # the pattern, its rule looking back, and its rule looking both ways
    (lambda c: presets.dense(causal=c), lambda h, i, j: True, lambda h, i, j: True),
    (lambda c: presets.longformer(9, causal=c),
     lambda h, i, j: i - j < 9 or j in ANCHORS,
     lambda h, i, j: abs(i - j) < 9 or j in ANCHORS or i in ANCHORS),
    (lambda c: presets.strided(7, causal=c),
     lambda h, i, j: i - j <= 7 or (i - j) % 7 == 0,
     lambda h, i, j: abs(i - j) <= 7 or (i - j) % 7 == 0),
    (lambda c: presets.fixed(10, 2, causal=c),
     lambda h, i, j: i // 10 == j // 10 or j % 10 in (8, 9),
     lambda h, i, j: i // 10 == j // 10 or j % 10 in (8, 9)),
    (lambda c: presets.dilated(5, (1, 3), causal=c),
     lambda h, i, j: (i - j) % (1, 3)[h % 2] == 0 and i - j < 5 * (1, 3)[h % 2],
     lambda h, i, j: (i - j) % (1, 3)[h % 2] == 0 and abs(i - j) < 5 * (1, 3)[h % 2]),
    (lambda c: presets.bigbird(4, count=2, causal=c),
     lambda h, i, j: abs(i // 4 - j // 4) <= 1 or drawn(h, i, j, causal=True) or j in ANCHORS,
     lambda h, i, j: abs(i // 4 - j // 4) <= 1 or drawn(h, i, j, causal=False) or j in ANCHORS or i in ANCHORS),
]  # fmt: skip


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case[0](True).name)
def test_who_sees_whom_is_what_the_paper_says(case: tuple[Callable[[bool], Pattern], Rule, Rule], causal: bool) -> None:
    make, back, around = case
    rule = back if causal else around
    expected = torch.tensor([
        [[rule(h, i, j) and (j <= i or not causal) for j in range(N)] for i in range(N)] for h in range(HEADS)
    ])  # fmt: skip
    assert torch.equal(seen(make(causal), N, ANCHORS), expected)


STATIC = [name for name in PATTERNS if name not in ("reformer", "dynamic")]


def small(name: str) -> Schedule:
    """The schedule of a preset, as `preset` builds it, for texts of a few hundred tokens."""
    shrunk = {"faithful": 64, "balanced": 64, "fast": 64}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presets, "SPANS", shrunk)
        patch.setattr(presets, "LEVELS", {"balanced": presets.Level(64, 16)})
        patch.setattr(presets, "BLOCK", 16)
        patch.setattr(presets, "SINK", 3)
        if name == "dynamic":
            pattern = Pattern("dynamic", 16, 3, anchors=True, content=Dynamic(32, 2, stride=8))
            return Schedule(pattern, pattern)
        return preset(name, "balanced")


@pytest.mark.parametrize("name", STATIC)
@pytest.mark.parametrize("n", [1, 63, 200])
def test_the_cpu_computes_what_the_reference_says(name: str, n: int) -> None:
    q, k, v = tensors(n)
    for pattern in (small(name).shallow, small(name).deep):
        layout = compile_layout(pattern, torch.arange(0, n, 31), n)
        ours, exact = (sparse_attention(q, k, v, layout, impl=impl) for impl in (Impl.CPU, Impl.REFERENCE))
        assert float((ours - exact).abs().max()) < EXACT


@pytest.mark.parametrize("name", [*STATIC, "dynamic"])
def test_a_text_read_in_chunks_is_the_text_read_at_once(name: str) -> None:
    n, chunk = 230, 64
    q, k, v = tensors(n)
    for pattern in (small(name).shallow, small(name).deep):
        layout = compile_layout(pattern, torch.arange(0, n, 31), n)
        whole = sparse_attention(q, k, v, layout, impl=Impl.CPU)
        parts = [
            sparse_attention(q[:, low : low + chunk], k, v, layout, offset=low, impl=Impl.CPU)
            for low in range(0, n, chunk)
        ]
        assert float((torch.cat(parts) - whole).abs().max()) < EXACT


@pytest.mark.parametrize("name", [*STATIC, "dynamic"])
def test_what_follows_changes_nothing_before(name: str) -> None:
    """prefill(a + b) restricted to a is prefill(a)."""
    n, more = 192, 75
    q, k, v = tensors(n + more)
    for pattern in (small(name).shallow, small(name).deep):
        anchors = torch.arange(0, n + more, 31)
        both = sparse_attention(q, k, v, compile_layout(pattern, anchors, n + more), impl=Impl.CPU)
        q1, k1, v1 = (x[:, :n] for x in (q, k, v))
        alone = sparse_attention(q1, k1, v1, compile_layout(pattern, anchors[anchors < n], n), impl=Impl.CPU)
        assert float((both[:n] - alone).abs().max()) < EXACT


@pytest.mark.parametrize("causal", [True, False])
def test_hashed_pairs_count_once_beside_the_window(causal: bool) -> None:
    """With one bucket and one chunk LSH sees everything, so the sum of both is dense attention."""
    n = 50
    q, k, v = tensors(n)
    pattern = presets.reformer(64, 2, causal=causal)
    layout = compile_layout(Pattern("r", 5, 2, True, causal, content=pattern.content), torch.tensor([9, 30]), n)
    allowed = torch.ones(n, n, dtype=torch.bool).tril() if causal else torch.ones(n, n, dtype=torch.bool)
    exact = reference.attention(q, k, v, allowed, DIM**-0.5)[0].transpose(0, 1)
    assert float((sparse_attention(q, k, v, layout, impl=Impl.CPU) - exact).abs().max()) < EXACT


def test_reformer_sees_the_similar_far_away() -> None:
    n = 400
    q, k, v = tensors(n)
    k[:, 11] = q[::2, 390] * 5
    q[1::2, 390] = q[::2, 390]
    layout = compile_layout(presets.reformer(16, 8), torch.empty(0, dtype=torch.int64), n)
    marked = v.clone()
    marked[:, 11] += 100
    before, after = (sparse_attention(q, k, x, layout, impl=Impl.CPU) for x in (v, marked))
    assert float((after - before)[390].abs().min()) > 10
    assert float((after - before)[:11].abs().max()) == 0


@pytest.mark.parametrize("name", ["reformer"])
def test_what_needs_the_whole_text_says_so(name: str) -> None:
    q, k, v = tensors(40)
    layout = compile_layout(small(name).deep, torch.tensor([0]), 80)
    with pytest.raises(UnsupportedPatternError, match="whole text of 80 tokens"):
        sparse_attention(q, k, v, layout, impl=Impl.CPU)


@pytest.mark.parametrize("name", ["reformer", "dynamic"])
def test_content_has_no_mask_to_refer_to(name: str) -> None:
    q, k, v = tensors(40)
    layout = compile_layout(small(name).deep, torch.tensor([0]), 40)
    with pytest.raises(UnsupportedPatternError, match="choose “cpu”"):
        sparse_attention(q, k, v, layout, impl=Impl.REFERENCE)


@pytest.mark.parametrize("method", ["pooled", "antidiagonal"])
def test_dynamic_blocks_are_the_oracle_s(method: Any) -> None:
    n = 150
    q, k, v = tensors(n)
    spec = Dynamic(16, 2, method, stride=4)
    pattern = Pattern("dynamic", 8, 3, anchors=True, content=spec)
    layout = compile_layout(pattern, torch.tensor([70]), n)
    out = sparse_attention(q, k, v, layout, impl=Impl.CPU)
    listed = choose(q, k, spec, Frame(n, True), DIM**-0.5)
    at, head = torch.arange(n), torch.arange(HEADS)[:, None, None]
    allowed = layout.allows(at[:, None], at[None], head) | listed.allows(at[:, None], at[None], head)
    allowed = allowed & (at[None] <= at[:, None])
    exact = reference.attention(q, k, v, allowed, DIM**-0.5)[0].transpose(0, 1)
    assert float((out - exact).abs().max()) < EXACT
    assert bool((allowed.sum((1, 2)) != allowed[0].sum()).any()), "heads choose for themselves"


def test_estimates_are_what_they_are_called() -> None:
    q, k, _ = tensors(40)
    pooled = estimate(q, k, Dynamic(16, 1, "pooled"), 1.0)
    assert pooled.shape == (HEADS, 3, 3)
    assert float(pooled[1, 2, 0]) == pytest.approx(float(q[1, 32:].mean(0) @ k[0, :16].mean(0)), abs=1e-5)
    found = estimate(q, k, Dynamic(16, 1, "antidiagonal", stride=4), 1.0)
    pairs = [(i, j) for i in range(16) for j in range(16) if (i + j) % 4 == 0]
    mean = sum(float(q[3, 16 + i] @ k[1, j]) for i, j in pairs) / len(pairs)
    assert float(found[3, 1, 0]) == pytest.approx(mean, abs=1e-5)


def test_one_strong_pair_is_found_by_antidiagonals() -> None:
    n = 512
    q, k, _ = (x * 0.1 for x in tensors(n))
    q[:, 500] = 3.0
    k[:, 37 + (500 + 37) % 2] = 3.0
    blocks = choose(q, k, Dynamic(64, 1, "antidiagonal", stride=2), Frame(n, True), 1.0)
    wanted = torch.full((HEADS, 1, 1), 500), torch.full((HEADS, 1, 1), 40), torch.arange(HEADS)[:, None, None]
    assert bool(blocks.allows(*wanted).all())


@pytest.mark.parametrize("options", [{"block": 0}, {"budget": 0}, {"stride": 7}, {"method": "guess"}])
def test_dynamic_is_validated(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|divide|method"):
        Dynamic(**{"block": 16, "budget": 1, **options})


@pytest.mark.parametrize("name", PATTERNS)
def test_every_preset_has_every_level_and_its_own_fingerprint(name: str) -> None:
    prints = {preset(name, level).fingerprint for level in LEVELS}
    assert len(prints) == (1 if name == "dense" else len(LEVELS))
    others = {preset(other, level).fingerprint for other in PATTERNS if other != name for level in LEVELS}
    assert not prints & others


def test_alternate_layers_take_turns() -> None:
    schedule = preset("reformer", "fast")
    assert [schedule.of(layer, 4).name for layer in range(4)] == ["reformer-local", "reformer"] * 2


@pytest.mark.parametrize("name", PATTERNS)
def test_the_engine_reads_with_every_preset(name: str, tmp_path: Any) -> None:
    from tests import tiny

    decoder = tiny.load(tiny.save(tmp_path / "model", tiny.llama()))
    with one_thread():
        made = tiny.engine(decoder, tmp_path / "segments", pattern=name, level="fast", chunk=128)
        made.schedule = small(name)
        ids = tiny.tokens(300)
        segment = made.read(ids, [0, 50, 200]).segment
        at_once = tiny.engine(decoder, tmp_path / "other", pattern=name, level="fast", chunk=512)
        at_once.schedule = small(name)
        whole = at_once.read(ids, [0, 50, 200]).segment
    for ours, theirs in zip(segment.keys, whole.keys, strict=True):
        assert float((ours - theirs).abs().max()) < 1e-4
    assert made.pattern_for(300) == name


def test_short_texts_are_read_densely_and_the_receipt_says_so(tmp_path: Any) -> None:
    from tests import tiny

    decoder = tiny.load(tiny.save(tmp_path / "model", tiny.llama()))
    made = tiny.engine(decoder, tmp_path / "segments", pattern="longformer", level="fast")
    assert made.pattern_for(512) == "dense" and made.pattern_for(513) == "longformer"
    ids = tiny.tokens(100)
    other = tiny.engine(decoder, tmp_path / "segments", pattern="longformer", level="faithful")
    assert made.key(ids, [0]) == other.key(ids, [0]), "both are dense, so what one has read serves the other"
    assert made.key(ids, [0]) != made.key(ids, [0, 7])
