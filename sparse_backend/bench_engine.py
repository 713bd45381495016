"""`bench engine`: reading, the first token of a question and decoding, at several lengths, on one device.

On a GPU: a decoder of Llama-3.1-8B's shape with random weights, made on the spot. On a CPU: the embedded model. Dense
attention is timed for one layer, by the fastest kernel there is, and multiplied by the layers.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from sparse_backend import gpu
from sparse_backend.config import EngineOptions, Impl
from sparse_backend.engine import Engine
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.loading import load_decoder
from sparse_backend.model import NAME, Decoder, register
from sparse_backend.proof import examine
from sparse_backend.quantize import KVFormat, packed_bytes
from sparse_backend.segment import Segment

SHAPE: dict[str, Any] = {
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "bos_token_id": None,
    "eos_token_id": None,
}
HEADER = 64  # tokens between two headers
QUESTION, ANSWER = 64, 72  # tokens; the choice of an answer beyond the trained range is renewed twice


def run(lengths: Sequence[int] | None, folder: str) -> dict[str, Any]:
    """All figures; on a GPU also dense attention and copies beside them. `folder`: the model on a CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = lengths or ([8192, 32768, 130000, 524288, 1048576] if device == "cuda" else [2048, 8000])
    result = conditions(device)
    result["rows"] = measure(chosen, device=device, folder=folder, chunk=8192 if device == "cuda" else 512)
    if device == "cuda":
        result["dense_attention_s"] = {n: round(dense_attention_s(n), 3) for n in chosen if n <= 131072}
        result["copies"] = [moves(n) for n in chosen if n <= 131072]
    return result


def measure(
    lengths: Sequence[int], *, device: str, folder: str = "", level: str = "balanced", chunk: int
) -> list[dict[str, Any]]:
    """One row of figures for each length; seconds, milliseconds and bytes as the names say."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-engine-"))
    try:
        decoder = random_decoder() if device == "cuda" else _embedded(folder, scratch)
        impl = Impl.TRITON if device == "cuda" else Impl.CPU
        rows = []
        for index, n in enumerate([min(lengths), *lengths]):  # the first one warms up and is not shown
            form = smallest_loss(decoder, n, device)
            engine = Engine(decoder, EngineOptions(scratch / str(index), "headers", level, impl, chunk=chunk))
            engine.store = _Nowhere(scratch, StoreOptions(kv_format=form))  # the disk is timed apart
            row = {**one(engine, n), "kv": form.value}
            rows += [row] if index else []
            print(row, flush=True)  # noqa: T201  # a long run shows how far it is
            del engine
            if device == "cuda":
                torch.cuda.empty_cache()
        return rows
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def one(engine: Engine, n: int) -> dict[str, Any]:
    """Reads n random tokens with a header each HEADER tokens, at most 8,192, and asks two questions."""
    generator = torch.Generator().manual_seed(n)
    ids = torch.randint(engine.decoder.vocabulary, (n,), generator=generator).tolist()
    anchors = list(range(0, n, max(HEADER, n // 8192)))
    on_gpu = engine.options.impl.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    read = engine.read(ids, anchors)
    firsts, gaps, exact = [], [], True
    for turn in range(3):
        question = torch.randint(engine.decoder.vocabulary, (QUESTION,), generator=generator).tolist()
        running = engine.ask(read.segment, question, stop_ids=frozenset(), max_new_tokens=ANSWER)
        begin, times = time.perf_counter(), list[float]()
        while True:
            try:
                next(running)
                times.append(time.perf_counter())
            except StopIteration as end:
                exact = end.value.exact
                break
        if turn:  # the first question warms up
            firsts.append(times[0] - begin)
            gaps += [later - earlier for earlier, later in itertools.pairwise(times[4 : 4 + 64])]
    return {
        "tokens": n,
        "read_s": round(read.seconds, 3),
        "read_tokens_per_s": round(n / read.seconds),
        "first_token_ms": round(1000 * statistics.median(firsts), 1),
        "decode_ms": round(1000 * statistics.fmean(gaps), 2),
        "decode_median_ms": round(1000 * statistics.median(gaps), 2),
        "exact": exact,
        "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
    }


def smallest_loss(decoder: Decoder, n: int, device: str) -> KVFormat:
    """The first form whose keys and values of n tokens fit the device beside the weights, with 6 GB to work in."""
    room = gpu.free_bytes(device) - (6 << 30)
    return next((form for form in KVFormat if packed_bytes(decoder.shape, n, form) < room), KVFormat.INT4)


def random_decoder() -> Decoder:
    """A decoder of SHAPE on the GPU with random bf16 weights, which proves itself like any other."""
    register()
    torch.manual_seed(0)
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        try:
            model = AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE), attn_implementation=NAME).eval()
        finally:
            torch.set_default_dtype(torch.float32)
    decoder = Decoder(model, "random 8B", "random")
    decoder.trained = True  # random weights cannot drift: the windows are those of a model trained under the pattern
    examine(decoder)
    return decoder


def dense_attention_s(n: int) -> float:
    """Seconds of dense causal attention over n tokens in all layers of SHAPE: one layer timed, times the layers."""
    from sparse_backend.gpu import _dense

    q = torch.randn(32, n, 128, device="cuda", dtype=torch.bfloat16)
    k, v = (torch.randn(8, n, 128, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(3):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        _dense(q, k, v, 128**-0.5)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times) * int(SHAPE["num_hidden_layers"])


def moves(n: int) -> dict[str, float]:
    """Seconds to bring keys and values of n tokens of SHAPE onto the GPU from pinned memory."""
    layers = int(SHAPE["num_hidden_layers"])
    host = torch.empty(2, layers, 8, n, 128, dtype=torch.bfloat16, pin_memory=True)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    there = host.to("cuda", non_blocking=True)
    torch.cuda.synchronize()
    return {"tokens": n, "gb": round(there.nbytes / 1e9, 2), "from_ram_s": round(time.perf_counter() - begin, 4)}


class _Nowhere(SegmentStore):
    """A store that keeps nothing."""

    def check_space(self, size: int) -> None:
        """There is always room."""

    def has(self, key: str) -> bool:
        """What is resident counts as kept."""
        return True

    def load(self, key: str, device: str = "cpu") -> None:
        """Never there."""

    def save(self, segment: Segment, *, parent: str = "") -> Segment:
        """Gone."""
        return segment


def _embedded(folder: str, scratch: Path) -> Decoder:
    return load_decoder(Path(folder).name, folder, torch.bfloat16, scratch / "fingerprints.json")


def conditions(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    return {"device": name, "torch": torch.__version__, "free_gb": round(gpu.free_bytes(device) / 1e9, 1)}
