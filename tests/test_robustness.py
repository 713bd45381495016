"""The whole app under bad luck: no network, killed while reading, a full disk, two processes on one folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import HOUSE
from tests.whole import contract, data, run

__all__ = ["contract", "data"]  # fixtures

OFFLINE = """
import socket, sys
def refuse(*_a, **_k): raise OSError("this test has no network")
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.create_connection = refuse
sys.argv[0] = "app.py"
sys.path.insert(0, {house!r})
import app
sys.exit(app.main({arguments!r}))
"""


@pytest.mark.model
def test_the_job_works_without_network(contract: Path, data: Path) -> None:
    arguments = ["ask", str(contract), "-q", "What law governs this agreement?", "--json", "--data-dir", str(data)]
    code = OFFLINE.format(house=str(HOUSE), arguments=arguments)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer["answer"]
    assert answer["coverage"]["tokens_read"] == answer["coverage"]["tokens"]


@pytest.mark.model
def test_killed_while_reading_the_next_start_is_clean(tmp_path: Path, data: Path) -> None:
    long = tmp_path / "long.md"
    clauses = (f"## {n}. Clause\n\nThe supplier delivers item {n} within {n + 3} days of order." for n in range(1, 170))
    long.write_text("\n\n".join(clauses))
    arguments = ["ask", str(long), "-q", "When is item 7 delivered?", "--json", "--data-dir", str(data)]
    reader = subprocess.Popen([sys.executable, str(HOUSE / "app.py"), *arguments], stdout=subprocess.DEVNULL)
    waiting_until = time.monotonic() + 120
    while not (data / "segments").is_dir() and time.monotonic() < waiting_until:
        time.sleep(0.05)  # the folder is made when the model is loaded: reading begins
    time.sleep(0.5)
    assert reader.poll() is None, "it ended before it could be killed"
    reader.send_signal(signal.SIGKILL)
    reader.wait()
    assert not list((data / "segments").glob("*.safetensors"))

    result = run(data, *arguments[:5])
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout.splitlines()[-1])
    assert answer["cached_tokens"] == 0
    assert answer["coverage"]["tokens_read"] == answer["coverage"]["tokens"] > 3000
    assert [path.suffix for path in (data / "segments").iterdir() if path.suffix != ".json"] == [".safetensors"]


@pytest.fixture
def small_disk(tmp_path: Path, data: Path) -> Iterator[Path]:
    """A data folder on a disk of 12 MB, with the model borrowed from outside."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk can only be mounted by root")
    (disk / "models").symlink_to(data / "models")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.model
def test_a_full_disk_is_told_and_nothing_is_left(contract: Path, small_disk: Path) -> None:
    result = run(small_disk, "ask", str(contract), "-q", "What law governs this agreement?")
    assert result.returncode == 2
    assert result.stdout == ""
    assert "MB free" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert list((small_disk / "segments").iterdir()) == []
    assert list((small_disk / "documents").iterdir()) == []


@pytest.mark.model
def test_two_processes_share_a_data_folder(contract: Path, data: Path) -> None:
    command = [sys.executable, str(HOUSE / "app.py"), "ask", str(contract), "--json", "--data-dir", str(data), "-q"]
    questions = ("What law governs this agreement?", "Where must notices be sent?")
    both = [subprocess.Popen([*command, question], stdout=subprocess.PIPE, text=True) for question in questions]
    answers = [json.loads(process.communicate(timeout=200)[0].splitlines()[-1]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0]["conversation"] != answers[1]["conversation"]
    assert len(list((data / "segments").glob("*.safetensors"))) == 1
    assert not list((data / "segments").glob("*.partial"))
