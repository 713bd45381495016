"""`bench chats`: many conversations at once on one device, and a long reading beside them, with the embedded model."""

from __future__ import annotations

import itertools
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from sparse_backend.config import EngineOptions, Impl
from sparse_backend.engine import Engine
from sparse_backend.loading import load_decoder
from sparse_backend.segment import Segment

DOCUMENTS, CHATS, ANSWER = 8, 24, 32  # conversations share documents; tokens of an answer
TOKENS, LONG = 2000, 30_000  # of a document, of the reading beside the answers
TURNS = 500


def run(folder: str, tokens: Callable[[int], list[int]], *, turns: int = TURNS, long: int = LONG) -> dict[str, Any]:
    """All figures. `tokens` gives so many token ids of real text; `turns` are asked while memory is watched."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-chats-"))
    try:
        decoder = load_decoder(Path(folder).name, folder, torch.bfloat16, scratch / "fingerprints.json")
        options = EngineOptions(scratch / "segments", resident_segments=DOCUMENTS + 1, live_tails=CHATS)
        engine = Engine(decoder, options)
        assert options.impl is Impl.CPU
        text = tokens(DOCUMENTS * TOKENS)
        parts = [text[start : start + TOKENS] for start in range(0, len(text), TOKENS)]
        segments = [engine.read(part, range(0, TOKENS, 94)).segment for part in parts]
        questions = [text[at * 7 : at * 7 + 24] for at in range(CHATS)]
        jobs = [(segments[at % DOCUMENTS], question) for at, question in enumerate(questions)]
        alone = _rate(lambda: [_answer(engine, *job) for job in jobs])
        together = _rate(lambda: _at_once(engine, jobs))
        beside = _beside(engine, jobs, tokens(long))
        return {
            "threads": torch.get_num_threads(),
            "chats": CHATS,
            "documents": DOCUMENTS,
            "one_at_a_time_tokens_per_s": round(alone, 1),
            "together_tokens_per_s": round(together, 1),
            **beside,
            **_memory(engine, jobs, turns),
        }
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _answer(engine: Engine, segment: Segment, question: Sequence[int], times: list[float] | None = None) -> int:
    count = 0
    for _ in engine.ask(segment, question, stop_ids=frozenset(), max_new_tokens=ANSWER):
        count += 1
        if times is not None:
            times.append(time.perf_counter())
    return count


def _at_once(engine: Engine, jobs: Sequence[tuple[Segment, Sequence[int]]]) -> list[int]:
    counts: list[int] = [0] * len(jobs)

    def ask(number: int) -> None:
        counts[number] = _answer(engine, *jobs[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def _rate(work: Callable[[], list[int]]) -> float:
    begin = time.perf_counter()
    return sum(work()) / (time.perf_counter() - begin)


def _beside(engine: Engine, jobs: Sequence[tuple[Segment, Sequence[int]]], long: list[int]) -> dict[str, Any]:
    """Gaps between streamed tokens of one chat after the other, alone and while a long text is read."""
    quiet = _gaps(engine, jobs[:3])
    done = threading.Event()

    def read() -> None:
        engine.read(long, range(0, len(long), 94), cancel=done.is_set)

    reader = threading.Thread(target=_quietly, args=(read,))
    reader.start()
    time.sleep(1.0)
    busy = _gaps(engine, jobs[3:9])
    done.set()
    reader.join()
    return {
        "gap_ms_alone_p50_p99": [round(1000 * x, 1) for x in quiet],
        "gap_ms_beside_a_reading_p50_p99": [round(1000 * x, 1) for x in busy],
    }


def _gaps(engine: Engine, jobs: Sequence[tuple[Segment, Sequence[int]]]) -> tuple[float, float]:
    gaps: list[float] = []
    for segment, question in jobs:
        times: list[float] = []
        _answer(engine, segment, question, times)
        gaps += [later - earlier for earlier, later in itertools.pairwise(times)]
    gaps.sort()
    return statistics.median(gaps), gaps[min(len(gaps) - 1, int(0.99 * len(gaps)))]


def _memory(engine: Engine, jobs: Sequence[tuple[Segment, Sequence[int]]], turns: int) -> dict[str, Any]:
    """Resident memory after each tenth of the turns; an answer of two tokens each."""
    process, marks = psutil.Process(), []
    for turn in range(turns):
        segment, question = jobs[turn % len(jobs)]
        for _ in engine.ask(segment, [*question, turn], stop_ids=frozenset(), max_new_tokens=2):
            pass
        if (turn + 1) % max(1, turns // 10) == 0:
            marks.append(round(process.memory_info().rss / 1e6))
    return {"turns": turns, "rss_mb_after_each_tenth": marks}


def _quietly(work: Callable[[], None]) -> None:
    from sparse_backend.config import Cancelled

    try:
        work()
    except Cancelled:
        return
