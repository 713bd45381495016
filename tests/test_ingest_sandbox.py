"""The sandbox with real children: limits hold, nothing leaks, nothing is left running."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.document import BrokenFileError, IngestCancelled, IngestError, LimitError, Limits
from ingest.sandbox import messages

WORKER = "tests.fixtures.ingest_worker"
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 1000)
    return path


def run(path: Path, request: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        file.read(100)  # the child must see the file from its start whatever was read before
        return list(messages(WORKER, file, request, name="file.bin", **{"limits": Limits(), **more}))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_messages_come_back_and_prints_do_not(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(source, {"do": "echo"}) == [{"bytes": 1000, "main": "__main__", "torch": False}]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("do", ["sleep", "loop"])
def test_a_child_that_hangs_is_killed_at_the_time_limit(source: Path, do: str) -> None:
    seen: list[dict[str, Any]] = []
    begun = time.monotonic()
    with source.open("rb") as file, pytest.raises(LimitError, match=r"file\.bin .* within 1\.5 seconds"):
        for message in messages(WORKER, file, {"do": do}, name="file.bin", limits=Limits(parse_seconds=1.5)):
            seen.append(message)
    assert time.monotonic() - begun < 6
    assert seen and not is_running(seen[0]["pid"])


def test_cancel_ends_the_child(source: Path) -> None:
    seen: list[dict[str, Any]] = []
    with source.open("rb") as file, pytest.raises(IngestCancelled):
        cancel = {"cancel": lambda: bool(seen)}
        for message in messages(WORKER, file, {"do": "sleep"}, name="f", limits=Limits(), **cancel):
            seen.append(message)
    assert not is_running(seen[0]["pid"])


def test_a_caller_that_stops_early_leaves_no_child(source: Path) -> None:
    with source.open("rb") as file:
        stream = messages(WORKER, file, {"do": "sleep"}, name="f", limits=Limits())
        pid = next(stream)["pid"]
        stream.close()  # type: ignore[attr-defined]
    assert not is_running(pid)


def test_memory_is_bounded(source: Path) -> None:
    with pytest.raises(LimitError, match="more than 400 MB"):
        run(source, {"do": "memory"}, limits=Limits(parse_memory_bytes=400_000_000))


def test_output_is_bounded(source: Path) -> None:
    with pytest.raises(LimitError, match="more text than the limit"):
        run(source, {"do": "flood"}, limits=Limits(max_chars=1000))


def test_the_child_cannot_write_files(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises(BrokenFileError):
        run(source, {"do": "write", "path": str(target)})
    assert not target.exists() or target.stat().st_size == 0


@pytest.mark.parametrize("do", ["die", "nonsense", "raise"])
def test_a_child_that_fails_says_so_in_our_words(source: Path, do: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenFileError, match=r"^file\.bin .*\.$") as caught:
        run(source, {"do": do})
    assert "secret" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_cannot_be_imported_is_no_damaged_file(source: Path) -> None:
    with (
        source.open("rb") as file,
        pytest.raises(IngestError, match=r"^f was not read: no_such_part of this") as caught,
    ):
        list(messages("no_such_part", file, {}, name="f", limits=Limits()))
    assert not isinstance(caught.value, BrokenFileError)


def test_it_works_from_a_thread(source: Path) -> None:
    results: list[list[dict[str, Any]]] = []
    thread = threading.Thread(target=lambda: results.append(run(source, {"do": "echo"})))
    thread.start()
    thread.join(20)
    assert results[0][0]["bytes"] == 1000


def test_it_works_from_a_script_on_stdin(source: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from ingest.document import Limits\n"
        "from ingest.sandbox import messages\n"
        f"file = open({str(source)!r}, 'rb')\n"
        f"found = list(messages({WORKER!r}, file, {{'do': 'echo'}}, name='f', limits=Limits()))\n"
        "sys.stdout.write(str(found[0]['bytes']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-"], input=script, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("1000", "")
