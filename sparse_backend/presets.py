"""Presets: the published patterns by name, and the schedules by which a decoder reads a document with them.

Each function gives a form as its paper defines it. A schedule adds the document's headers and first tokens as global
tokens: a decoder that was trained densely needs them (attention sinks, Xiao et al. 2023, arXiv:2309.17453).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sparse_backend.config import UnsupportedPatternError
from sparse_backend.dynamic import Dynamic
from sparse_backend.links import BlockWindow, Dilated, Fixed, RandomBlocks, Strided
from sparse_backend.lsh import LSH
from sparse_backend.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Level:
    """Windows in tokens of the shallow and the deep layers; None is dense. `share`: how many are shallow."""

    shallow: int | None
    deep: int | None
    share: tuple[int, int] = (1, 2)


LEVELS = {
    "faithful": Level(None, 1024, (3, 4)),
    "balanced": Level(None, 1024, (2, 3)),
    "fast": Level(None, 1024, (7, 12)),
}
"""What keeps 99, 97 and 90% of the answers of a model that was trained densely; docs/quality.md has the evidence."""
TRAINED = {"balanced": Level(1024, 256), "fast": Level(512, 256)}
"""The same for a model trained under the pattern (train/packing.py), which does not drift; other levels are LEVELS."""
SPANS = {"faithful": 2048, "balanced": 1024, "fast": 512}
"""How far every layer of the other presets looks back, in tokens; what that means is each form's own."""
SINK = 64  # leading tokens that stay visible
BLOCK = 64  # tokens in a block of BigBird and of Reformer


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which pattern each layer reads with: `shallow` for the first layers, `deep` for the rest.

    `share`: how many of the layers are shallow, as a fraction, rounded up.

    Early layers carry facts across the text and lose most by a short window; late layers mostly look nearby
    (TriangleMix, arXiv:2507.21526, makes the same split). `alternate`: they take turns instead, `shallow` first, as
    Reformer's local and LSH layers do.
    """

    shallow: Pattern
    deep: Pattern
    alternate: bool = False
    share: tuple[int, int] = (1, 2)

    def of(self, layer: int, layers: int) -> Pattern:
        """The pattern of one of `layers` layers, counted from 0."""
        early = layer % 2 == 0 if self.alternate else layer < -(-layers * self.share[0] // self.share[1])
        return self.shallow if early else self.deep

    def covers(self, n: int) -> bool:
        """Whether every layer looks at everything in a text of n tokens, so that it is dense by another name."""
        return all(one.window is None or one.window >= n for one in (self.shallow, self.deep))

    @property
    def fingerprint(self) -> str:
        """Text that changes whenever the schedule would give other keys and values."""
        turns = "~" if self.alternate else "|" if self.share == (1, 2) else f"|{self.share[0]}/{self.share[1]}|"
        return f"{self.shallow.fingerprint}{turns}{self.deep.fingerprint}"


def dense(*, causal: bool = True) -> Pattern:
    """Everything (causal: everything earlier)."""
    return Pattern("dense", None, causal=causal)


def longformer(window: int, *, causal: bool = True) -> Pattern:
    """A sliding window and global anchors (Beltagy et al. 2020, arXiv:2004.05150); `window` tokens on each side."""
    return Pattern("longformer", window, anchors=True, causal=causal)


def bigbird(block: int, *, reach: int = 1, count: int = 3, seed: int = 0, causal: bool = True) -> Pattern:
    """Block window, `count` random blocks and global anchors (Zaheer et al. 2020, arXiv:2007.14062).

    `reach` blocks on each side. The paper's global blocks, the first and the last, are given as anchors.
    """
    links = (BlockWindow(block, reach, reach), RandomBlocks(block, count, seed, reach))
    return Pattern("bigbird", 0, anchors=True, causal=causal, links=links)


def strided(stride: int, *, causal: bool = True) -> Pattern:
    """The last `stride` tokens, and every `stride`-th one before (Child et al. 2019, arXiv:1904.10509, strided)."""
    return Pattern("sparse-transformer-strided", stride + 1, causal=causal, links=(Strided(stride),))


def fixed(stride: int, summary: int, *, causal: bool = True) -> Pattern:
    """The own block of `stride`, and the last `summary` tokens of every block (arXiv:1904.10509, fixed)."""
    return Pattern("sparse-transformer-fixed", 0, causal=causal, links=(Fixed(stride, summary),))


def dilated(window: int, dilations: tuple[int, ...] = (1, 2, 4, 8), *, causal: bool = True) -> Pattern:
    """Windows with gaps, another gap for every head in turn (arXiv:2004.05150, section 3.1)."""
    return Pattern("dilated", 0, causal=causal, links=(Dilated(window, dilations),))


def reformer(chunk: int, hashes: int = 4, *, causal: bool = True) -> Pattern:
    """LSH buckets (Kitaev et al. 2020, arXiv:2001.04451) for queries and keys of their own, beside a window.

    The window of one chunk lets every token see itself: keys of a decoder are not its queries.
    """
    lsh = LSH(chunk, hashes, causal=causal, shared=False, normalised=False, once=True, after=0 if causal else 1)
    return Pattern("reformer", chunk, causal=causal, content=lsh)


def dynamic(window: int, budget: int, *, causal: bool = True) -> Pattern:
    """A window, global anchors, and the `budget` blocks of keys that each head finds most promising."""
    return Pattern("dynamic", window, anchors=True, causal=causal, content=Dynamic(128, budget))


def headers(level: Level) -> Schedule:
    """Windows, the first tokens and the document's headers: the pattern of this product."""
    shallow, deep = (Pattern("headers", window, SINK, anchors=True) for window in (level.shallow, level.deep))
    return Schedule(shallow, deep, share=level.share)


def _reformer(level: str) -> Schedule:
    chunk = SPANS[level] // 8
    local = Pattern("reformer-local", 0, links=(BlockWindow(chunk, 1, 0),))
    return Schedule(_read(local), _read(reformer(chunk)), alternate=True)


def _same(pattern: Pattern) -> Schedule:
    return Schedule(_read(pattern), _read(pattern))


def _read(pattern: Pattern) -> Pattern:
    return replace(pattern, sink=SINK, anchors=True)


_SCHEDULES: dict[str, Callable[[str], Schedule]] = {
    "headers": lambda level: headers(LEVELS[level]),
    "dense": lambda level: Schedule(dense(), dense()),
    "longformer": lambda level: _same(longformer(SPANS[level])),
    "bigbird": lambda level: _same(bigbird(BLOCK, reach=SPANS[level] // BLOCK - 1)),
    "sparse-transformer-strided": lambda level: _same(strided(SPANS[level])),
    "sparse-transformer-fixed": lambda level: _same(fixed(SPANS[level], SPANS[level] // 32)),
    "dilated": lambda level: _same(dilated(SPANS[level])),
    "reformer": _reformer,
    "dynamic": lambda level: _same(dynamic(SPANS[level] // 4, SPANS[level] // 128)),
}
PATTERNS = tuple(_SCHEDULES)


def preset(name: str, level: str, *, trained: bool = False) -> Schedule:
    """How a decoder reads with the pattern `name` at quality `level`; UnsupportedPatternError lists the choices.

    `trained`: the model was trained under `headers` (Decoder.trained).
    """
    if level not in LEVELS:
        raise UnsupportedPatternError(f"There is no level “{level}”; choose one of: auto, {', '.join(LEVELS)}.")
    if name not in _SCHEDULES:
        raise UnsupportedPatternError(f"There is no pattern “{name}”; choose one of: {', '.join(PATTERNS)}.")
    if name == "headers" and trained and level in TRAINED:
        return headers(TRAINED[level])
    return _SCHEDULES[name](level)
