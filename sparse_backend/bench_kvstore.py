"""What keeping keys and values costs: bytes, seconds and accuracy of each form, and loading against reading again.

Accuracy: a text is read once, the same 100 tokens that follow it are fed behind the kept segment, and the next-token
distributions are compared with those behind the segment as it was read. Suite `kvstore` of sparse_backend.bench.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse_backend.engine import Engine
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.quantize import KVFormat, packed_bytes, roundtrip
from sparse_backend.segment import Context, KVBuffer, KVShape, Segment
from sparse_backend.steps import TailStep

POSITIONS = 100
Say = Callable[[str], None]


def run(engine: Engine, ids: Sequence[int], anchors: Sequence[int], rounds: int, say: Say) -> dict[str, Any]:
    """Reads all but the last POSITIONS of `ids` once and measures how each form keeps them."""
    n = len(ids) - POSITIONS
    read = engine.read(ids[:n], [anchor for anchor in anchors if anchor < n])
    return {
        "tokens": n,
        "read_s": round(read.seconds - read.save_s, 3),
        "kv_mb": ideal_mb(engine.decoder.shape, n),
        "loading": loading(read.segment, rounds, engine.options.segments, say),
        "accuracy": accuracy(engine, read.segment, ids[n:], say),
    }


def accuracy(engine: Engine, segment: Segment, following: Sequence[int], say: Say) -> dict[str, Any]:
    """KL divergence in nats, largest change of any probability, share of equal most likely tokens; per form."""
    exact = _log_probabilities(engine, segment, following)
    rows = {}
    for form in KVFormat:
        kept = _log_probabilities(engine, roundtrip(segment, form), following)
        divergence = (exact.exp() * (exact - kept)).sum(-1)
        change = (exact.exp() - kept.exp()).abs().amax(-1)
        rows[form.value] = {
            "kl_mean": round(float(divergence.mean()), 5),
            "kl_max": round(float(divergence.max()), 4),
            "change_mean": round(float(change.mean()), 4),
            "change_max": round(float(change.max()), 4),
            "argmax_equal": float((exact.argmax(-1) == kept.argmax(-1)).double().mean()),
        }
        say(f"{form.value}: {rows[form.value]}")
    return rows


def loading(segment: Segment, rounds: int, folder: Path, say: Say, device: str = "cpu") -> list[dict[str, Any]]:
    """Fastest of `rounds` for every form, plain and encrypted: saving, the first and a later load from disk, RAM.

    The file is in the system's page cache: what is measured is this code, not the disk. A load ends when every number
    has been touched on `device`.
    """
    rows = []
    for form in KVFormat:
        for key in (None, bytes(32)):
            times: dict[str, list[float]] = {"save_s": [], "disk_first_s": [], "disk_again_s": [], "ram_s": []}
            for _ in range(rounds):
                with tempfile.TemporaryDirectory(dir=folder) as temporary:
                    size = _round(segment, Path(temporary), StoreOptions(kv_format=form, key=key), times, device)
            row = {"form": form.value, "encrypted": key is not None, "mb": round(size / 1e6, 1)}
            rows.append(row | {name: round(min(seconds), 4) for name, seconds in times.items()})
            say(str(rows[-1]))
    return rows


def ideal_mb(shape: KVShape, n: int) -> dict[str, float]:
    """Megabytes of keys and values, per form."""
    return {form.value: round(packed_bytes(shape, n, form) / 1e6, 1) for form in KVFormat}


def _log_probabilities(engine: Engine, segment: Segment, following: Sequence[int]) -> Tensor:
    """[len(following), vocabulary], float32."""
    kv, rows = KVBuffer(engine.decoder.shape, len(following)), []
    for token in following:
        logits = engine.decoder.forward([token], TailStep(engine.decoder, kv, Context((segment,))))
        assert logits is not None
        rows.append(logits.float().log_softmax(-1))
        kv.advance(1)
    return torch.cat(rows)


def _round(segment: Segment, folder: Path, options: StoreOptions, times: dict[str, list[float]], device: str) -> int:
    """One saving and its loads; bytes on disk."""
    store = SegmentStore(folder, options)
    store.open()
    start = time.perf_counter()
    store.save(segment)
    times["save_s"].append(time.perf_counter() - start)
    for name in ("disk_first_s", "disk_again_s"):
        times[name].append(_load(store, segment.key, device))
    ram = StoreOptions(1 << 40, kv_format=options.kv_format, key=options.key)
    store = SegmentStore(folder, ram)
    _load(store, segment.key, device)
    times["ram_s"].append(_load(store, segment.key, device))
    return store.usage()[1]


def _load(store: SegmentStore, key: str, device: str) -> float:
    start = time.perf_counter()
    segment = store.load(key, device)
    assert segment is not None
    float(segment.keys.view(torch.int16).max()) + float(segment.values.view(torch.int16).max())  # touches every number
    return time.perf_counter() - start
