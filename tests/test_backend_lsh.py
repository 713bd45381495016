"""LSH attention against its definition written out pair by pair, and the properties that Reformer claims for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from sparse_backend.lsh import LSH, OWN, _chunks, assign, attend, normalise, rotations
from tests.tiny import one_thread

HEADS, DIM = 2, 8
SCALE = DIM**-0.5
EXACT = 1e-12  # float64 on both sides


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def draw(n: int, seed: int, count: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(HEADS, n, DIM, dtype=torch.float64, generator=generator) for _ in range(count)]


def hashed(vectors: Tensor, spec: LSH) -> Tensor:
    """Buckets pair by pair: the axis, or its opposite, with the largest product."""
    n, factors = vectors.shape[1], spec.factors(vectors.shape[1])
    turned = rotations(spec, HEADS, DIM, n)
    found = torch.zeros(HEADS, spec.hashes, n, dtype=torch.int64)
    for head in range(HEADS):
        for turn in range(spec.hashes):
            for i in range(n):
                start, product = 0, 1
                for factor in factors:
                    axes = turned[head, :, turn, start : start + factor // 2].T @ vectors[head, i]
                    found[head, turn, i] += product * int(torch.cat([axes, -axes]).argmax())
                    start, product = start + factor // 2, product * factor
    return found


def rows(buckets: Tensor, chunk: int, places: int) -> list[list[int]]:
    """One round's tokens in chunks, sorted by (bucket, position); None-places are left out at the end."""
    order: list[int] = sorted(range(len(buckets)), key=lambda i: (int(buckets[i]), i))
    return [order[low : low + chunk] for low in range(0, places, chunk)]


def seen(spec: LSH, ours: Tensor, theirs: Tensor, places: int) -> list[Counter[int]]:
    """How often each query of one head meets each key; ours, theirs [hashes, n]."""
    n = ours.shape[1]
    met: list[Counter[int]] = [Counter() for _ in range(n)]
    queries = [rows(one, spec.chunk, places) for one in ours]
    keys = [rows(one, spec.chunk, places) for one in theirs]
    ring = [chunk for one in keys for chunk in one]
    for turn, chunks in enumerate(queries):
        fresh: list[set[int]] = [set() for _ in range(n)]
        for number, chunk in enumerate(chunks):
            for shift in range(-spec.before, spec.after + 1):
                if spec.once:
                    near = keys[turn][number + shift] if 0 <= number + shift < len(chunks) else []
                else:
                    near = ring[(turn * len(chunks) + number + shift) % len(ring)]
                for i in chunk:
                    allowed = [j for j in near if j <= i or not spec.causal]
                    met[i].update([] if spec.once else allowed)
                    fresh[i].update(allowed)
        if spec.once:
            for i in range(n):
                met[i].update(fresh[i] - set(met[i]))
    return met


def written(q: Tensor, k: Tensor | None, v: Tensor, spec: LSH, buckets: tuple[Tensor, Tensor], places: int) -> Tensor:
    """One softmax over everything met in any round; a pair that meets twice weighs twice."""
    keys = q if k is None else k
    keys = normalise(keys) if spec.normalised else keys
    out = torch.zeros(q.shape[1], HEADS, DIM, dtype=torch.float64)
    for head in range(HEADS):
        for i, met in enumerate(seen(spec, buckets[0][head], buckets[1][head], places)):
            chosen = sorted(met)
            if not chosen:
                continue
            scores = keys[head, chosen] @ q[head, i] * SCALE
            if spec.shared and i in met:
                scores[chosen.index(i)] = OWN
            scores = scores + torch.tensor([math.log(met[j]) for j in chosen], dtype=torch.float64)
            out[i, head] = torch.softmax(scores, 0) @ v[head, chosen]
    return out


CASES: list[tuple[int, dict[str, Any]]] = [
    (32, {}),
    (32, {"causal": False, "after": 1}),
    (29, {"hashes": 3}),
    (29, {"causal": False, "hashes": 2, "before": 0}),
    (29, {"causal": False, "buckets": (2, 4), "after": 1}),
    (29, {"once": True}),
    (32, {"once": True, "causal": False, "after": 1, "hashes": 3}),
    (30, {"shared": False}),
    (30, {"shared": False, "normalised": False, "causal": False, "before": 0, "once": True}),
    (3, {}),
    (7, {"causal": False, "before": 2, "after": 2, "hashes": 1}),
]


@pytest.mark.parametrize(("n", "options"), CASES)
def test_rounds_merge_to_one_softmax_over_what_they_meet(n: int, options: dict[str, Any]) -> None:
    spec = LSH(4, **{"hashes": 4, "seed": n, **options})
    q, k, v = draw(n, seed=n)
    given = None if spec.shared else k
    ours = hashed(q, spec)
    buckets = (ours, ours if given is None else hashed(k, spec))
    expected = written(q, given, v, spec, buckets, -(-n // 4) * 4)
    out, lse = attend(q, given, v, spec, SCALE)
    assert float((out - expected).abs().max()) < EXACT
    assert out.shape == (n, HEADS, DIM) and lse.shape == (HEADS, n)


def test_a_pair_that_meets_in_two_rounds_counts_twice() -> None:
    """Two rounds with the same buckets are one round for the weights, and twice its sum."""
    n = 24
    q, _, v = draw(n, seed=1)
    one = LSH(4, 1, before=0, causal=False)
    first = assign(q, rotations(one, HEADS, DIM, n), one.factors(n))
    out, lse = attend(q, None, v, one, SCALE, buckets=(first, first))
    twice = (first.repeat(1, 2, 1),) * 2
    again, their = attend(q, None, v, LSH(4, 2, before=0, causal=False), SCALE, buckets=twice)
    assert float((again - out).abs().max()) < EXACT
    assert float((their - lse - math.log(2)).abs().max()) < 1e-11 * abs(OWN)  # alone, the sum is near OWN
    only, same = attend(q, None, v, LSH(4, 2, before=0, causal=False, once=True), SCALE, buckets=twice)
    assert torch.equal(only, out) and torch.equal(same, lse)


@pytest.mark.parametrize("n", [1, 4, 21, 64])
def test_sorting_by_bucket_is_a_permutation(n: int) -> None:
    spec = LSH(4, 3)
    q = draw(n, seed=n)[0]
    buckets = assign(q, rotations(spec, HEADS, DIM, n), spec.factors(n))
    assert torch.equal(buckets, hashed(q, spec))
    places = -(-n // 4) * 4 + 8
    for head in range(HEADS):
        chunks = _chunks((buckets, buckets), head, places, 4)[0]
        assert chunks.shape == (3, places // 4, 4)
        for turn, positions in enumerate(chunks.flatten(1)):
            assert torch.equal(positions[:n].sort().values, torch.arange(n)) and bool((positions[n:] == -1).all())
            order = list(zip(buckets[head, turn][positions[:n]].tolist(), positions[:n].tolist(), strict=True))
            assert order == sorted(order)


def test_causal_queries_are_blind_to_what_follows() -> None:
    n, later = 40, 23
    spec = LSH(4, 4)
    q, _, v = draw(n, seed=2)
    buckets = (hashed(q, spec),) * 2
    other_q, _, other_v = draw(n, seed=3)
    other_q[:, :later], other_v[:, :later] = q[:, :later], v[:, :later]
    before, after = (attend(a, None, b, spec, SCALE, buckets=buckets)[0] for a, b in ((q, v), (other_q, other_v)))
    assert torch.equal(before[:later], after[:later])
    assert not torch.allclose(before[later:], after[later:])
    open_ = LSH(4, 4, causal=False)
    before, after = (attend(a, None, b, open_, SCALE, buckets=buckets)[0] for a, b in ((q, v), (other_q, other_v)))
    assert not torch.allclose(before[:later], after[:later])


def test_a_token_sees_itself_only_when_alone() -> None:
    n = 32
    spec = LSH(4, 2)
    q, _, v = draw(n, seed=4)
    buckets = (hashed(q, spec),) * 2
    out = attend(q, None, v, spec, SCALE, buckets=buckets)[0]
    assert float((out[0] - v[:, 0]).abs().max()) < EXACT, "the first token has nobody else"
    met = [seen(spec, buckets[0][head], buckets[0][head], n) for head in range(HEADS)]
    for i in range(n):
        moved = v.clone()
        moved[:, i] += 100.0
        again = attend(q, None, moved, spec, SCALE, buckets=buckets)[0]
        for head in range(HEADS):
            alone = set(met[head][i]) == {i}
            assert torch.equal(again[i, head], out[i, head]) != alone


def test_who_sees_nothing_gets_zero() -> None:
    """Apart, queries and keys of other chunks may lie in the future."""
    q, k, v = draw(4, seed=5)
    buckets = (torch.tensor([[[0, 0, 1, 1]]] * HEADS), torch.tensor([[[1, 1, 0, 0]]] * HEADS))
    out, lse = attend(q, k, v, LSH(2, 1, before=0, shared=False), SCALE, buckets=buckets)
    assert not bool(out[:2].any()) and bool((lse[:, :2] == -math.inf).all())
    assert bool(out[2:].any()) and bool(lse[:, 2:].isfinite().all())


def test_more_slots_are_places_for_padding() -> None:
    """Empty places change who stands in the neighbouring chunk of the ring, and nothing else."""
    n = 10
    spec = LSH(4, 2, causal=False, after=1)
    q, _, v = draw(n, seed=6)
    buckets = (hashed(q, spec),) * 2
    out = attend(q, None, v, spec, SCALE, buckets=buckets, slots=18)[0]
    assert float((out - written(q, None, v, spec, buckets, 20)).abs().max()) < EXACT
    assert not torch.allclose(out, attend(q, None, v, spec, SCALE, buckets=buckets)[0])


def test_low_precision_is_computed_in_float32() -> None:
    q, _, v = draw(32, seed=7)
    spec = LSH(4, 2)
    low_q, low_v = q.bfloat16(), v.bfloat16()
    buckets = (hashed(q, spec),) * 2
    out, lse = attend(low_q, None, low_v, spec, SCALE, buckets=buckets)
    exact = attend(low_q.double(), None, low_v.double(), spec, SCALE, buckets=buckets)[0]
    assert out.dtype == torch.bfloat16 and lse.dtype == torch.float32
    assert float((out.double() - exact).abs().max()) <= torch.finfo(torch.bfloat16).eps * float(low_v.abs().max())


def test_a_token_alone_keeps_its_value_in_float32() -> None:
    """Its sum is near OWN, where float32 resolves 0.008: weights must not be taken from there."""
    q, _, v = (x.float() for x in draw(32, seed=7))
    out = attend(q, None, v, LSH(4, 4), SCALE)[0]
    assert float((out[0] - v[:, 0]).abs().max()) < 4 * torch.finfo(torch.float32).eps * float(v.abs().max())


def test_near_vectors_share_a_bucket() -> None:
    spec, n = LSH(8, 16), 64
    q = draw(n, seed=8)[0]
    turned, factors = rotations(spec, HEADS, DIM, n), spec.factors(n)
    first = assign(q, turned, factors)
    near, far = (assign(other, turned, factors) for other in (q * 3 + 0.02 * draw(n, seed=9)[0], draw(n, seed=10)[0]))
    assert float((first == near).double().mean()) > 0.95
    assert float((first == far).double().mean()) < 3 / factors[0]
    assert not bool((first == assign(-q, turned, factors)).any()), "opposite vectors never meet"


@pytest.mark.parametrize(
    ("chunk", "n", "buckets", "expected"),
    [(8, 64, (), (16,)), (4, 3, (), (2,)), (4, 20, (), (8,)), (4, 63, (), (4, 4)), (4, 100, (6, 2), (6, 2))],
)
def test_factors(chunk: int, n: int, buckets: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert LSH(chunk, buckets=buckets).factors(n) == expected


def test_rotations_never_change() -> None:
    first = rotations(LSH(4, 2, seed=3), HEADS, DIM, 32)
    assert first.shape == (HEADS, DIM, 2, 4) and first.dtype == torch.float64
    frozen = [0.906571087018289, -0.08460701404091381, 1.5425463479748052]
    assert first.flatten()[:3].tolist() == pytest.approx(frozen, abs=1e-12)
    assert LSH(4).fingerprint != LSH(4, seed=1).fingerprint


@pytest.mark.parametrize(
    "options",
    [{"chunk": 0}, {"hashes": 0}, {"before": -1}, {"buckets": (3,)}, {"buckets": (0,)}, {"normalised": False}],
)
def test_a_spec_is_validated(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|even|normalised"):
        LSH(**{"chunk": 4, **options})


@pytest.mark.parametrize("shared", [True, False])
def test_keys_belong_to_queries_that_do_not_share(shared: bool) -> None:
    q, k, v = draw(8, seed=11)
    with pytest.raises(ValueError, match="keys"):
        attend(q, k if shared else None, v, LSH(4, shared=shared), SCALE)
