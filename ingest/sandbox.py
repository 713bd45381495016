"""Runs a worker over hostile bytes in a child process: time, memory and output limits, cancel, JSON back.

The child is a fresh interpreter (never a fork, never the parent's __main__), so it starts the same from
app.py, pytest, a thread or stdin. The file is its stdin; a message is one line of JSON; stderr is closed.
A worker is a module with `work(data: bytes, request: dict, send: Callable[[dict], None]) -> None`.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ingest.document import BrokenFileError, IngestCancelled, IngestError, LimitError, Limits

Message = dict[str, Any]

POLL_SECONDS = 0.05  # how soon a cancel is seen
READ_BYTES = 1 << 16
BYTES_PER_CHAR = 16  # JSON escapes of one character, with room for styles: bounds what a child may send
SPARE_BYTES = 64_000_000
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from ingest.sandbox import child_main; child_main()"


def messages(
    worker: str,
    source: BinaryIO,
    request: Message,
    *,
    name: str,
    limits: Limits,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[Message]:
    """Yields the messages of `worker` (a module name) over `source`; the child never outlives the iteration.

    Raises IngestCancelled, LimitError (seconds, bytes of memory, output) or BrokenFileError (the child died).
    """
    settings = {**request, "seconds": limits.parse_seconds, "memory": limits.parse_memory_bytes}
    command = [sys.executable, "-P", "-W", "ignore", "-c", _BOOT, str(Path(__file__).resolve().parents[1])]
    deadline = time.monotonic() + limits.parse_seconds
    os.lseek(source.fileno(), 0, os.SEEK_SET)  # the place the child sees, which a buffered seek need not move
    child = subprocess.Popen(  # noqa: S603  # our own interpreter, our own code, no shell
        [*command, worker, json.dumps(settings)],
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C goes to the parent, which then ends the child
    )
    assert child.stdout is not None
    try:
        budget = limits.max_chars * BYTES_PER_CHAR + SPARE_BYTES
        finished = False
        for line in _lines(child.stdout.fileno(), name, limits, deadline, budget, cancel):
            message = _parse(line, name)
            if message.get("sandbox") == "done":
                finished = True
            elif "sandbox" in message:
                raise _failure(str(message["sandbox"]), name, limits)
            else:
                yield message
        if not finished:
            status = child.wait(timeout=max(POLL_SECONDS, deadline - time.monotonic()))
            raise _failure("time" if status == -signal.SIGXCPU else "crash", name, limits)
    except subprocess.TimeoutExpired:
        raise _failure("time", name, limits) from None
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def _lines(
    pipe: int, name: str, limits: Limits, deadline: float, budget: int, cancel: Callable[[], bool] | None
) -> Iterator[bytes]:
    rest: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if cancel is not None and cancel():
                raise IngestCancelled(f"Reading {name} was cancelled.")
            left = deadline - time.monotonic()
            if left <= 0:
                raise _failure("time", name, limits)
            if not selector.select(min(POLL_SECONDS, left)):
                continue
            data = os.read(pipe, READ_BYTES)
            budget -= len(data)
            if budget < 0:
                raise _failure("output", name, limits)
            if not data:
                return
            first, *more = data.split(b"\n")
            rest.append(first)
            for piece in more:
                yield b"".join(rest)
                rest = [piece]


def _parse(line: bytes, name: str) -> Message:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise BrokenFileError(f"{name} could not be read: its parser gave nonsense; the file is likely damaged.")
    return message


def _failure(kind: str, name: str, limits: Limits) -> IngestError:
    if kind == "time":
        return LimitError(
            f"{name} could not be read within {limits.parse_seconds:g} seconds: split it or raise the limit."
        )
    if kind == "memory":
        size = limits.parse_memory_bytes / 1e6
        return LimitError(f"{name} needs more than {size:,.0f} MB to be read: split it or raise the limit.")
    if kind == "output":
        return LimitError(f"{name} unpacks to more text than the limit of {limits.max_chars:,} characters: split it.")
    return BrokenFileError(f"{name} is damaged and cannot be read: open it in a viewer and save it again.")


def child_main() -> None:
    """Entry of the child: limits first, then the worker; argv is [root, worker, request as JSON]."""
    worker, request = sys.argv[2], json.loads(sys.argv[3])
    _limit_self(float(request["seconds"]), int(request["memory"]))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not end up among the messages

    def send(message: Message) -> None:
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()

    try:
        importlib.import_module(worker).work(sys.stdin.buffer.read(), request, send)
        send({"sandbox": "done"})
    except MemoryError:
        send({"sandbox": "memory"})
    except Exception:
        send({"sandbox": "crash"})  # the parent words it: a hostile file must not write our messages
    os._exit(0)  # no exit handlers: the parent has everything


def _limit_self(seconds: float, memory: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's wall clock still holds
        return
    for which, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, math.ceil(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
