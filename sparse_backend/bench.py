"""Benchmarks: `python -m sparse_backend.bench SUITE [--json]`; the suites are listed by --help.

`reading` reads the same tokens with transformers' own dense forward (SDPA, same dtype, same weights) and with this
backend, in one run on one machine, then asks twice and once more after a restart of the process. A correctness check
runs first and nothing is reported when it fails. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparse_backend import (
    bench_attention,
    bench_chats,
    bench_decode,
    bench_encoders,
    bench_engine,
    bench_kvstore,
    pictures,
)
from sparse_backend.attention import sparse_attention
from sparse_backend.config import EngineOptions, Impl
from sparse_backend.embedded import NAME, ensure_embedded
from sparse_backend.engine import Engine
from sparse_backend.eval.conditions import cpu_name
from sparse_backend.layout import compile_layout
from sparse_backend.loading import load_decoder
from sparse_backend.model import Form
from sparse_backend.presets import LEVELS, preset
from sparse_backend.results import Answer, Read
from sparse_backend.segment import Segment

HOUSE = Path(__file__).resolve().parent.parent
SUITES = ["reading", "attention", "encoders", "engine", "chats", "decode", "kvstore", "patterns"]
QUESTION = 48  # tokens of the benchmark's question
ANSWER = 16  # tokens generated


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one suite; 0, or 1 when the correctness check fails."""
    parser = argparse.ArgumentParser(prog="python -m sparse_backend.bench", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--lengths", type=int, nargs="+", help="tokens; each suite has its own defaults")
    parser.add_argument("--window", type=int, help="of the attention suite; 2048 on a GPU, 1024 on a CPU")
    parser.add_argument("--levels", nargs="+", default=["balanced", "fast", "faithful"], choices=list(LEVELS))
    parser.add_argument("--model", default="embedded", help="a local Hugging Face folder")
    parser.add_argument("--data-dir", default=str(HOUSE / "data"))
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; the fastest counts")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    parser.add_argument("--save", type=Path, metavar="PNG", help="where the picture of the patterns goes")
    parser.add_argument("--restart", nargs=2, metavar=("SEGMENTS", "LENGTH"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    say: Callable[[str], None] = (lambda _text: None) if options.json else partial(print, flush=True)
    if options.suite == "patterns":
        if options.save is None:
            parser.error("the suite patterns draws a picture: say where with --save FILE.png")
        pictures.save(options.save)
        print(f"saved {options.save}")
        return 0
    if options.suite == "encoders":
        found = bench_encoders.run(options.lengths, options.rounds, say)
        print(json.dumps({"cpu": cpu_name(), "threads": torch.get_num_threads(), "encoders": found}))
        return 0
    if options.suite == "attention":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        print(json.dumps(bench_attention.run(device, options.lengths, options.window, say)))
        return 0
    if options.suite == "chats":
        folder = str(ensure_embedded(Path(options.data_dir) / "models"))
        print(json.dumps({"cpu": cpu_name(), **bench_chats.run(folder, lambda n: _tokens(folder, n)[0])}))
        return 0
    if options.suite == "engine":
        folder = "" if torch.cuda.is_available() else str(ensure_embedded(Path(options.data_dir) / "models"))
        print(json.dumps(bench_engine.run(options.lengths, folder)))
        return 0
    if options.suite == "decode":
        folder = str(ensure_embedded(Path(options.data_dir) / "models"))
        print(json.dumps({"cpu": cpu_name(), "threads": torch.get_num_threads(), **bench_decode.run(folder, say)}))
        return 0
    options.lengths = options.lengths or [2048, 4096, 8192]
    folder = str(ensure_embedded(Path(options.data_dir) / "models")) if options.model == "embedded" else options.model
    if options.restart:
        return _restarted(options, folder)
    if options.suite == "kvstore":
        ids, anchors = _tokens(folder, min(options.lengths) + bench_kvstore.POSITIONS)
        with tempfile.TemporaryDirectory() as temporary:
            engine = _engine(folder, Path(temporary), options.levels[0])
            measured = bench_kvstore.run(engine, ids, anchors, options.rounds, say)
        print(json.dumps({**conditions(options, folder), **measured}))
        return 0
    error = check()
    if error > 1.0:
        print(f"the CPU kernel disagrees with the reference ({error:.2f} of the tolerance)", file=sys.stderr)
        return 1
    result = {**conditions(options, folder), "kernel_error_of_tolerance": round(error, 3)}
    say("\n".join(f"{name}: {value}" for name, value in result.items()))
    result["reading"] = reading(options, folder, say)
    result["second_question"] = second_question(options, folder, say)
    print(json.dumps(result))
    return 0


def check() -> float:
    """The CPU kernel against the reference: largest error in bf16 over twice the reference's own bf16 error.

    At most 1 passes. Both are measured against float64 on the same bf16 inputs.
    """
    torch.manual_seed(0)
    q, k, v = (torch.randn(heads, 700, 64).bfloat16() for heads in (9, 3, 3))
    layout = compile_layout(preset("headers", "fast").deep, torch.arange(0, 700, 90), 700)
    exact = sparse_attention(q.double(), k.double(), v.double(), layout, impl=Impl.REFERENCE)
    ours = sparse_attention(q, k, v, layout, impl=Impl.CPU)
    eager = sparse_attention(q, k, v, layout, impl=Impl.REFERENCE)
    return float((ours - exact).abs().max() / (2 * (eager - exact).abs().max()))


def conditions(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What the numbers depend on."""
    git = ["git", "-C", str(HOUSE), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False)  # noqa: S603  # fixed command
    return {
        "suite": options.suite,
        "model": NAME if options.model == "embedded" else Path(folder).name,
        "dtype": "bfloat16",
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
        "matmul_gflops": round(matmul_gflops()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "rounds": options.rounds,
        "commit": commit.stdout.strip(),
    }


def matmul_gflops() -> float:
    """What this CPU gives for bf16 matmuls of the model's kind, in GFLOP/s: the ceiling of every figure."""
    a, b = torch.randn(2048, 576).bfloat16(), torch.randn(576, 1536).bfloat16()
    seconds = min(_timed(lambda: torch.mm(a, b))[0] for _ in range(20))
    return 2 * 2048 * 576 * 1536 / seconds / 1e9


def reading(options: argparse.Namespace, folder: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row per length: dense seconds, and seconds, speed-up and peak memory per level."""
    ids, anchors = _tokens(folder, max(options.lengths))
    rows = []
    for n in options.lengths:
        row: dict[str, Any] = {"tokens": n, **_dense(folder, ids[:n], options.rounds)}
        for level in options.levels:
            row[level] = _sparse(options, folder, level, ids[:n], [a for a in anchors if a < n])
            row[level]["times_faster"] = round(row["dense_s"] / row[level]["s"], 2)
        say(json.dumps(row))
        rows.append(row)
    if len(rows) > 1:
        exponents = {name: _exponent(rows, name) for name in ("dense", *options.levels)}
        say(f"growth exponents {exponents}")
        rows.append({"growth_exponent": exponents})
    return rows


def second_question(options: argparse.Namespace, folder: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds to the first token of a second question on the longest text, then after a restart of the process."""
    n = max(options.lengths)
    ids, anchors = _tokens(folder, n)
    n -= QUESTION + 2 * ANSWER + 64  # room for question and answer inside the trained range
    with tempfile.TemporaryDirectory() as temporary:
        engine = _engine(folder, Path(temporary), options.levels[0])
        segment = engine.read(ids[:n], [a for a in anchors if a < n]).segment
        question = ids[:QUESTION]
        _ask(engine, segment, question)
        again = _ask(engine, segment, [*question[1:], question[0]])
        command = [sys.executable, "-m", "sparse_backend.bench", "reading", "--model", folder]
        command += ["--levels", options.levels[0], "--restart", temporary, str(n)]
        fresh = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HOUSE)  # noqa: S603
    result = {
        "tokens": n,
        "level": options.levels[0],
        "first_token_s": round(again.first_token_s, 3),
        "cached_share_of_document": round(min(again.cached_tokens, n) / n, 4),
        "after_restart": json.loads(fresh.stdout.splitlines()[-1]),
    }
    say(json.dumps(result))
    return result


def _restarted(options: argparse.Namespace, folder: str) -> int:
    """In a fresh process: load the model and the saved segment, ask; prints the times as JSON."""
    start = time.perf_counter()
    segments, n = Path(options.restart[0]), int(options.restart[1])
    engine = _engine(folder, segments, options.levels[0])
    loaded = time.perf_counter()
    ids, anchors = _tokens(folder, n)
    asked = time.perf_counter()
    read = engine.read(ids[:n], [a for a in anchors if a < n])
    answer = _ask(engine, read.segment, ids[:QUESTION])
    first = time.perf_counter() - asked - (answer.total_s - answer.first_token_s)
    process = time.time() - psutil.Process().create_time() - (answer.total_s - answer.first_token_s)
    times = {
        "model_load_s": round(loaded - start, 3),
        "segment_and_first_token_s": round(first, 3),
        "process_start_to_first_token_s": round(process, 3),
        "cached_share_of_document": round(read.cached_tokens / n, 4),
    }
    print(json.dumps(times))
    return 0


def _dense(folder: str, ids: list[int], rounds: int) -> dict[str, Any]:
    """transformers' own forward, the cache included, as anyone would call it."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    batch = torch.tensor([ids])

    def run() -> None:
        with torch.inference_mode():
            model(batch, use_cache=True, logits_to_keep=1)

    run_once = batch[:, :64]
    with torch.inference_mode():
        model(run_once, logits_to_keep=1)
    times = [_timed(run) for _ in range(rounds)]
    return {
        "dense_s": round(min(t for t, _ in times), 3),
        "dense_peak_mb": round(max(p for _, p in times) / 1e6),
    }


def _sparse(options: argparse.Namespace, folder: str, level: str, ids: list[int], anchors: list[int]) -> dict[str, Any]:
    times, peaks, saved = [], [], 0.0
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as temporary:
            engine = _engine(folder, Path(temporary), level)
            engine.decoder.forward(ids[:64], _Idle())
            done: list[Read] = []
            _, peak = _timed(partial(_read_into, done, engine, ids, anchors))
        times.append(done[0].seconds - done[0].save_s)
        peaks.append(peak)
        saved = done[0].save_s
    return {"s": round(min(times), 3), "save_s": round(saved, 3), "peak_mb": round(max(peaks) / 1e6)}


def _read_into(done: list[Read], engine: Engine, ids: list[int], anchors: list[int]) -> None:
    done.append(engine.read(ids, anchors))


class _Idle:
    """A step that computes no attention: it warms up the linear layers."""

    def attend(self, layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, form: Form) -> torch.Tensor:
        return q.transpose(0, 1)


def _engine(folder: str, segments: Path, level: str) -> Engine:
    decoder = load_decoder(Path(folder).name, folder, torch.bfloat16, segments / "fingerprints.json")
    return Engine(decoder, EngineOptions(segments, "headers", level))


def _tokens(folder: str, n: int) -> tuple[list[int], list[int]]:
    """n tokens of real prose (our licence and texts, repeated) with a header every 94, as in a real contract."""
    text = "\n\n".join((HOUSE / name).read_text("utf-8") for name in ("LICENSE", "README.md", "CONTRIBUTING.md"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = (ids * math.ceil(n / len(ids)))[:n]
    return ids, [start + i for start in range(0, n - 4, 94) for i in range(4)]


def _ask(engine: Engine, segment: Segment, question: Sequence[int]) -> Answer:
    generator = engine.ask(segment, question, stop_ids=frozenset(), max_new_tokens=ANSWER)
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer


def _timed(work: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and bytes of resident memory at the peak above the start, sampled every 10 ms."""
    process, peak, done = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, process.memory_info().rss - before)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    done.set()
    sampler.join()
    return seconds, peak


def _exponent(rows: list[dict[str, Any]], name: str) -> float:
    """p of seconds ~ tokens^p between the first and the last row."""

    def seconds(row: dict[str, Any]) -> float:
        return float(row["dense_s"] if name == "dense" else row[name]["s"])

    first, last = rows[0], rows[-1]
    return round(math.log(seconds(last) / seconds(first)) / math.log(last["tokens"] / first["tokens"]), 3)


if __name__ == "__main__":
    sys.exit(main())
