"""python -m ingest.bench PATH [--beside NAME=COMMAND …]: how fast and in how much memory a tree is read.

Checks first that files read and files left out are all files there; without that no speed is told. COMMAND is another
tool, run on the same tree: {path} and {out} in it are replaced. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from ingest import Document, load

SAMPLE_SECONDS = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table, and the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="python -m ingest.bench", description="Speed and memory of reading a tree.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    there, size = inventory(options.path)
    print(f"{options.path}: {there:,} files, {size / 1e6:,.1f} MB; {os.cpu_count()} cores, {platform.python_version()}")
    document = load([options.path])
    read, left = document.report.files, len(document.report.files_unread)
    if options.path.is_dir() and read + left != there:
        print(
            f"{read:,} read and {left:,} left out are not the {there:,} files there: no speed is told", file=sys.stderr
        )
        return 2
    rows = [ours(options.path, options.rounds, document)]
    rows += [
        beside(pair.partition("=")[0], pair.partition("=")[2], options.path, options.rounds) for pair in options.beside
    ]
    for row in rows:
        print(
            f"{row['name']:<12} {row['seconds']:7.2f} s  {row['mb']:7.1f} MB of text  {row['mb_per_s']:6.2f} MB/s  "
            f"peak {row['peak_mb']:,.0f} MB"
        )
    counts = {"files": there, "files_read": read, "files_left_out": left, "sections": len(document.sections)}
    print(json.dumps({"path": str(options.path), "cores": os.cpu_count(), **counts, "rows": rows}))
    return 0


def inventory(path: Path) -> tuple[int, int]:
    """Files (links included, version control as one) below `path`, and their bytes."""
    if path.is_file():
        return 1, path.stat().st_size
    count = size = 0
    for root, folders, names in os.walk(path):
        linked = [name for name in folders if Path(root, name).is_symlink()]
        if ".git" in folders:
            folders.remove(".git")
            count += 1
        count += len(names) + len(linked)
        size += sum(Path(root, name).lstat().st_size for name in names)
    return count, size


def ours(path: Path, rounds: int, document: Document) -> dict[str, Any]:
    """This package, children included."""
    best, peak = float("inf"), 0
    for _ in range(rounds):
        with _Peak(psutil.Process()) as watch:
            start = time.perf_counter()
            load([path])
            best = min(best, time.perf_counter() - start)
        peak = max(peak, watch.peak)
    return _row("unabridged", best, len(document.text.encode()), peak)


def beside(name: str, command: str, path: Path, rounds: int) -> dict[str, Any]:
    """Another tool's best time, its memory, and how much it wrote to {out}."""
    best, peak, written = float("inf"), 0, 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.txt"
            words = [word.format(path=path, out=out) for word in shlex.split(command)]
            start = time.perf_counter()
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  # the user's own words
            with _Peak(psutil.Process(process.pid)) as watch:
                status = process.wait()
            best = min(best, time.perf_counter() - start)
            if status:
                raise SystemExit(f"{name} ended with status {status}")
            written, peak = out.stat().st_size if out.exists() else 0, max(peak, watch.peak)
    return _row(name, best, written, peak)


def _row(name: str, seconds: float, size: int, peak: int) -> dict[str, Any]:
    return {
        "name": name,
        "seconds": round(seconds, 3),
        "mb": round(size / 1e6, 2),
        "mb_per_s": round(size / 1e6 / seconds, 2),
        "peak_mb": round(peak / 1e6),
    }


class _Peak:
    """The most memory (RSS, bytes) a process and its children held together, sampled."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self.peak, self._stop = process, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            total = 0
            for each in self._family():
                try:
                    total += each.memory_info().rss
                except psutil.Error:  # ended meanwhile
                    continue
            self.peak = max(self.peak, total)

    def _family(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return []


if __name__ == "__main__":
    sys.exit(main())
