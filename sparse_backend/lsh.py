"""LSH attention (Reformer, Kitaev et al. 2020, arXiv:2001.04451).

Each round of hashing turns the vectors at random and names the bucket by the nearest axis. Tokens are sorted by
(bucket, position) and cut into chunks; a chunk of queries sees its own chunk of keys and its neighbours. Rounds are
merged by log-sum-exp. Time and memory are O(n * hashes * chunk).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_backend.merge import merge
from sparse_backend.random_blocks import normal

OWN = -1e5  # Reformer's score of a token for itself: it counts where nothing else is seen


@dataclass(frozen=True, slots=True)
class LSH:
    """How tokens are hashed and who sees whom.

    `chunk`: tokens. `hashes`: rounds. `buckets`: their number, even, as a product of factors; () chooses 2 n / chunk,
    rounded down to a power of two. `before`, `after`: neighbouring chunks seen. `causal`: only positions up to the
    query's own.

    `shared`: keys are the queries at unit length, and a token sees itself only where it sees nothing else. Otherwise
    queries and keys are hashed and sorted apart, and a chunk of queries sees the chunk of keys with its number (as in
    SMYRF, Daras et al. 2020, arXiv:2010.05315); `normalised`: those keys too are brought to unit length.

    `once` off is Reformer's own form: a pair counts as often as it meets, and all rounds stand in one ring of chunks,
    whose ends are neighbours. `once` on counts each pair once; rounds do not touch and have two ends.
    """

    chunk: int
    hashes: int = 4
    buckets: tuple[int, ...] = ()
    before: int = 1
    after: int = 0
    causal: bool = True
    shared: bool = True
    normalised: bool = True
    once: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("chunk", 1), ("hashes", 1), ("before", 0), ("after", 0), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, not {getattr(self, name)}")
        if any(factor < 2 or factor % 2 for factor in self.buckets):
            raise ValueError("the factors of buckets must be even and at least 2")
        if self.shared and not self.normalised:
            raise ValueError("shared keys are always normalised")

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the attention would give other values."""
        return repr(self)

    def factors(self, n: int) -> tuple[int, ...]:
        """The factors of the number of buckets for n tokens; more than 2 * chunk of them are split."""
        if self.buckets:
            return self.buckets
        power = max(1, (2 * n // self.chunk).bit_length() - 1)
        return (2**power,) if 2**power <= 2 * self.chunk else (2 ** (power // 2), 2 ** (power - power // 2))


def rotations(spec: LSH, heads: int, dim: int, n: int) -> Tensor:
    """float64 [heads, dim, hashes, half the sum of the factors], the same on every machine."""
    return normal(spec.seed, heads, dim, spec.hashes, sum(spec.factors(n)) // 2)


def assign(vectors: Tensor, turned: Tensor, factors: tuple[int, ...]) -> Tensor:
    """The buckets int64 [heads, hashes, n] of vectors [heads, n, dim] under rotations (see `rotations`)."""
    rotated = torch.einsum("hnd,hdrs->hrns", vectors, turned.to(vectors))
    found, product = torch.zeros(rotated.shape[:3], dtype=torch.int64, device=vectors.device), 1
    for part, factor in zip(torch.split(rotated, [factor // 2 for factor in factors], -1), factors, strict=True):
        found += product * torch.cat([part, -part], -1).argmax(-1)
        product *= factor
    return found


def normalise(x: Tensor) -> Tensor:
    """Vectors of mean square 1, so that scores over sqrt(dim) are products with keys of unit length."""
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6)


def attend(
    q: Tensor,
    k: Tensor | None,
    v: Tensor,
    spec: LSH,
    scale: float,
    *,
    buckets: tuple[Tensor, Tensor] | None = None,
    slots: int | None = None,
    skip: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """q, k, v [H, n, D] from position 0 on (k None when shared) -> [n, H, D] in q's dtype and log-sum-exp [H, n].

    bf16 and fp16 are computed in float32, float64 in float64. `buckets` [H, hashes, n] of the queries and of the keys
    replace hashing. Each round has `slots` places for tokens, n at least; by default n rounded up to whole chunks.
    `skip`(query, key, head) names pairs of positions that are computed elsewhere. Who sees nothing gets 0 and -inf.
    """
    if spec.shared != (k is None):
        raise ValueError("shared LSH attention takes no keys, and any other needs them")
    heads, n, dim = q.shape
    exact = torch.float64 if q.dtype == torch.float64 else torch.float32
    queries, values = q.to(exact), v.to(exact)
    given = queries if k is None else k.to(exact)
    if buckets is None:
        turned, factors = rotations(spec, heads, dim, n), spec.factors(n)
        ours = assign(queries, turned, factors)
        buckets = (ours, ours if k is None else assign(given, turned, factors))
    keys = normalise(given) if spec.normalised else given
    places = -(-max(n, slots or 0) // spec.chunk) * spec.chunk
    outs, lses = zip(
        *(
            _head(
                queries[head],
                keys[head],
                values[head],
                spec,
                scale,
                _chunks(buckets, head, places, spec.chunk),
                None if skip is None else _for_head(skip, head),
            )
            for head in range(heads)
        ),
        strict=True,
    )
    return torch.stack(outs, 1).to(q.dtype), torch.stack(lses)


def _for_head(skip: Callable[[Tensor, Tensor, Tensor], Tensor], head: int) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda query, key: skip(query, key, torch.tensor(head))


def _chunks(buckets: tuple[Tensor, Tensor], head: int, places: int, chunk: int) -> tuple[Tensor, Tensor]:
    """Positions of queries and of keys sorted by bucket, int64 [hashes, chunks, chunk]; -1 where nobody stands."""
    both = []
    for assigned in buckets:
        order = torch.argsort(assigned[head], dim=-1, stable=True)
        padded = torch.nn.functional.pad(order, (0, places - order.shape[-1]), value=-1)
        both.append(padded.view(len(order), -1, chunk))
    return both[0], both[1]


def _neighbours(positions: Tensor, spec: LSH) -> Tensor:
    """What each chunk sees, int64 [hashes, chunks, width]; -1 where nobody stands."""
    shifts = range(-spec.before, spec.after + 1)
    if not spec.once:
        ring = positions.flatten(0, 1)
        turned = [torch.cat([ring[shift:], ring[:shift]]) for shift in shifts]  # farther than all round: not turned
        return torch.cat(turned, -1).view(*positions.shape[:2], -1)
    count = positions.shape[1]
    padded = torch.nn.functional.pad(positions, (0, 0, spec.before, spec.after), value=-1)
    return torch.cat([padded[:, low : low + count] for low in range(len(shifts))], -1)


def _head(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    spec: LSH,
    scale: float,
    sorted_: tuple[Tensor, Tensor],
    skip: Callable[[Tensor, Tensor], Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """One head: q, k, v [n, D] -> [n, D], [n]. One round of hashing at a time."""
    n, dim = q.shape
    rows, seen = sorted_[0], _neighbours(sorted_[1], spec)
    chunk_of = [_chunk_of(positions, n) for positions in sorted_]
    outs = q.new_zeros(spec.hashes, n, dim)
    lses = q.new_full((spec.hashes, n), -math.inf)
    for turn in range(spec.hashes):
        query, key = rows[turn][..., None], seen[turn][:, None]  # [chunks, chunk, 1], [chunks, 1, width]
        visible = (query >= 0) & (key >= 0)
        if spec.causal:
            visible &= key <= query
        if skip is not None:
            visible &= ~skip(query, key)
        if spec.once:
            for earlier in range(turn):
                ahead = chunk_of[1][earlier][key] - chunk_of[0][earlier][query]
                visible &= (ahead < -spec.before) | (ahead > spec.after)
        scores = (q[rows[turn]] @ k[seen[turn]].transpose(1, 2)).mul_(scale)
        if spec.shared:
            scores.masked_fill_(query == key, OWN)
        scores.masked_fill_(~visible, -math.inf)
        lse = torch.logsumexp(scores, -1)
        weights = torch.softmax(scores, -1).nan_to_num(0.0)  # nan: nothing was seen
        stands = rows[turn] >= 0
        outs[turn, rows[turn][stands]] = (weights @ v[seen[turn]])[stands]
        lses[turn, rows[turn][stands]] = lse[stands]
    peak = lses.amax(0).clamp(min=torch.finfo(lses.dtype).min)
    out, lse = merge(outs, lses - peak)  # near OWN, float32 has two decimals: shares are taken near 0
    return out, lse + peak


def _chunk_of(positions: Tensor, n: int) -> Tensor:
    """int64 [hashes, n]: the number of the chunk where each position stands."""
    hashes, chunks, chunk = positions.shape
    found = positions.new_zeros(hashes, n + 1)  # position -1 writes to the last column
    number = torch.arange(chunks, device=positions.device).repeat_interleave(chunk).expand(hashes, -1)
    return found.scatter_(1, positions.view(hashes, -1) % (n + 1), number)[:, :n]
