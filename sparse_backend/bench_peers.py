"""`python -m sparse_backend.bench_peers`: reading and decoding on a CPU beside transformers and llama.cpp.

All compute the embedded model as it was published, from the same GGUF file: llama.cpp as it stands (4 bits), the
others its weights restored to bf16, ours also packed to 8 and 4 bits. Decoding is greedy, one token a step, without
drafts; each peer runs in a process of its own, one after the other, in one call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from sparse_backend.config import EngineOptions, Impl
from sparse_backend.embedded import ensure_embedded, find_gguf
from sparse_backend.engine import Engine
from sparse_backend.loading import load_decoder
from sparse_backend.packed import Weights, parse_weights

LENGTHS, ANSWER, QUESTION = (2048, 4096, 8000), 40, 16
_LLAMA = """
import json, sys, time, statistics
from llama_cpp import Llama
path, threads, lengths, answer = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
model = Llama(path, n_ctx=8192, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)
for n in lengths:
    ids = [(i * 7919) % 40000 + 100 for i in range(n)]
    model.reset()
    begin = time.perf_counter()
    model.eval(ids)
    read, gaps = time.perf_counter() - begin, []
    token = ids[0]
    for _ in range(answer):
        begin = time.perf_counter()
        model.eval([token])
        token = model.sample(temp=0.0)
        gaps.append(time.perf_counter() - begin)
    print(json.dumps({"tokens": n, "read_s": round(read, 3), "token_ms": round(1000 * statistics.median(gaps[4:]), 2)}))
"""


def ids_of(n: int) -> list[int]:
    """The same tokens for every peer; what they say does not change the work."""
    return [(i * 7919) % 40000 + 100 for i in range(n)]


def ours(folder: Path, weights: str, lengths: list[int], level: str) -> list[dict[str, Any]]:
    """This backend; rows of seconds and milliseconds."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        decoder = load_decoder("m", str(folder), torch.bfloat16, Path(scratch) / "f.json", parse_weights(weights))
        decoder.trained = True  # the published weights in the windows of those that were trained under the pattern
        engine = Engine(decoder, EngineOptions(Path(scratch) / "s", "headers", level, Impl.CPU, drafts=False))
        engine.read(ids_of(512), [0])
        for n in lengths:
            read = engine.read(ids_of(n), list(range(0, n, 94)))
            running = engine.ask(read.segment, ids_of(QUESTION), stop_ids=frozenset(), max_new_tokens=ANSWER)
            times = [time.perf_counter() for _ in running]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times[4:])]
            seconds = read.seconds - read.save_s
            rows.append(row(n, seconds, gaps))
    return rows


def theirs(folder: Path, lengths: list[int]) -> list[dict[str, Any]]:
    """transformers' own model, attention (SDPA) and cache."""
    from transformers import AutoModelForCausalLM, DynamicCache

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    rows = []
    with torch.inference_mode():
        model(torch.tensor([ids_of(64)]), logits_to_keep=1)
        for n in lengths:
            cache, begin = DynamicCache(), time.perf_counter()
            logits = model(torch.tensor([ids_of(n)]), past_key_values=cache, logits_to_keep=1).logits
            read, gaps = time.perf_counter() - begin, []
            for _ in range(ANSWER):
                begin = time.perf_counter()
                logits = model(logits[:, -1:].argmax(-1), past_key_values=cache, logits_to_keep=1).logits
                gaps.append(time.perf_counter() - begin)
            rows.append(row(n, read, gaps[4:]))
    return rows


def row(n: int, seconds: float, gaps: list[float]) -> dict[str, Any]:
    """One length; the median of the answer's tokens, the first few left out."""
    if not gaps:
        return {"tokens": n, "read_s": round(seconds, 3), "token_ms": None}
    return {"tokens": n, "read_s": round(seconds, 3), "token_ms": round(1000 * statistics.median(gaps), 2)}


def main() -> None:
    """Prints one JSON line for each peer."""
    parser = argparse.ArgumentParser(prog="python -m sparse_backend.bench_peers", description=__doc__)
    parser.add_argument("--llama", metavar="PYTHON", help="an interpreter that has llama-cpp-python")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS))
    parser.add_argument("--level", default="balanced")
    parser.add_argument("--peer", help="run this one alone: transformers, exact, int8 or int4")
    options = parser.parse_args()
    folder = ensure_embedded(options.data_dir / "models", reader=False)
    if options.peer:
        alone = options.peer
        found = (
            theirs(folder, options.lengths)
            if alone == "transformers"
            else ours(folder, alone, options.lengths, options.level)
        )
        print(json.dumps(found))  # noqa: T201
        return
    threads = torch.get_num_threads()
    for peer in ("transformers", *(kind.value for kind in Weights)):
        lengths = [str(n) for n in options.lengths]
        command = [sys.executable, "-m", "sparse_backend.bench_peers", "--peer", peer, "--level", options.level]
        command += ["--data-dir", str(options.data_dir), "--lengths", *lengths]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own words
        rows = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps({"peer": peer, "threads": threads, "rows": rows}), flush=True)  # noqa: T201  # the results
    if options.llama:
        arguments = [str(find_gguf()), str(threads), json.dumps(options.lengths), str(ANSWER)]
        done = subprocess.run([options.llama, "-c", _LLAMA, *arguments], capture_output=True, text=True, check=True)  # noqa: S603  # our own words
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        print(json.dumps({"peer": "llama.cpp", "threads": threads, "rows": rows}))  # noqa: T201


if __name__ == "__main__":
    main()
