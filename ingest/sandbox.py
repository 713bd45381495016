"""Runs workers over hostile bytes in a child process: time, memory and output limits, cancel, plain data back.

The child is a fresh interpreter (never a fork, never the parent's __main__), so it starts the same from app.py,
pytest, a thread or stdin; it takes one file after the other as an open descriptor over a socket. A message is one
line of JSON; "raw": n in it announces n raw bytes after it. A worker is a module with
`work(data: bytes, request: dict, send: Callable[[dict], None]) -> None`.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

from ingest.document import BrokenFileError, IngestCancelled, IngestError, LimitError, Limits

Message = dict[str, Any]
Cancel = Callable[[], bool]

POLL_SECONDS = 0.05  # how soon a cancel is seen
READ_BYTES = 1 << 18
BYTES_PER_CHAR = 16  # JSON escapes of one character, with room for styles: bounds what a child may send
SPARE_BYTES = 64_000_000
FILES_PER_CHILD = 500  # then a fresh one: what a parser leaks does not add up
# The package's own __init__ imports all that the parent needs; without it a child starts five times faster.
_BOOT = """
import sys, types
sys.path.insert(0, sys.argv[1])
sys.modules["ingest"] = types.ModuleType("ingest")
sys.modules["ingest"].__path__ = [sys.argv[1] + "/ingest"]
from ingest.sandbox_child import main
main()
"""
_ROOT = str(Path(__file__).resolve().parents[1])


class Sandbox:
    """One child, started when needed and replaced after a failure; use it in one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._files = 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child at once."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            assert self._child.stdout is not None and self._socket is not None
            self._child.stdout.close()
            self._socket.close()
        self._child = self._socket = None

    def messages(
        self,
        worker: str,
        source: BinaryIO | bytes,
        request: Message,
        *,
        name: str,
        cancel: Cancel | None = None,
        renew: bool = False,
    ) -> Iterator[Message]:
        """Yields the messages of `worker` (a module name) over `source`; raw bytes come as message["data"].

        The time limit counts the waiting for the child only, with `renew` for each message anew. Raises
        IngestCancelled, LimitError (seconds, memory, output), BrokenFileError (the child died) or IngestError (the
        worker cannot be imported here).
        """
        whole = False
        try:
            child = self._ready()
            assert child.stdout is not None
            pipe = _Pipe(child.stdout.fileno(), name, self._limits, cancel, renew=renew)
            self._hand_over(worker, source, request)
            while (message := pipe.message()) is not None:
                if message.get("sandbox") == "done":
                    whole = True
                    return
                if message.get("sandbox") == "install":
                    raise _not_installed(str(message.get("module", "")), name)
                if "sandbox" in message:
                    raise _failure(str(message["sandbox"]), name, self._limits)
                yield message
            status = child.wait(timeout=self._limits.parse_seconds)
            raise _failure("time" if status == -signal.SIGXCPU else "crash", name, self._limits)
        except (subprocess.TimeoutExpired, BrokenPipeError, ConnectionError):
            raise _failure("crash", name, self._limits) from None
        finally:
            if not whole:
                self.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._files >= FILES_PER_CHILD:
            self.close()
        if self._child is None:
            ours, theirs = socket.socketpair()
            command = [sys.executable, "-P", "-W", "ignore", "-c", _BOOT, _ROOT, str(theirs.fileno())]
            self._child = subprocess.Popen(  # noqa: S603  # our own interpreter, our own code, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C goes to the parent, which then ends the child
            )
            theirs.close()
            self._socket, self._files = ours, 0
        self._files += 1
        return self._child

    def _hand_over(self, worker: str, source: BinaryIO | bytes, request: Message) -> None:
        assert self._socket is not None
        settings = {"seconds": self._limits.parse_seconds, "memory": self._limits.parse_memory_bytes}
        header = json.dumps({"worker": worker, "request": {**request, **settings}}).encode() + b"\n"
        file = _in_memory(source) if isinstance(source, bytes) else source
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # the place the child sees, which a buffered seek need not move
        sent = socket.send_fds(self._socket, [header], [file.fileno()])
        self._socket.sendall(header[sent:])
        if file is not source:
            file.close()


def messages(
    worker: str,
    source: BinaryIO | bytes,
    request: Message,
    *,
    name: str,
    limits: Limits,
    cancel: Cancel | None = None,
) -> Iterator[Message]:
    """The messages of one worker over one file in a child of its own, which never outlives the iteration."""
    with Sandbox(limits) as sandbox:
        yield from sandbox.messages(worker, source, request, name=name, cancel=cancel)


class _Pipe:
    """What the child writes, message by message, within the limits."""

    def __init__(self, handle: int, name: str, limits: Limits, cancel: Cancel | None, *, renew: bool) -> None:
        self.handle, self.name, self.limits, self.cancel, self.renew = handle, name, limits, cancel, renew
        self.left = limits.parse_seconds
        self.budget = limits.max_chars * BYTES_PER_CHAR + SPARE_BYTES
        self.pieces: list[bytes] = []

    def message(self) -> Message | None:
        """The next message; None when the child has closed its end."""
        if self.renew:
            self.left, self.budget = self.limits.parse_seconds, self.limits.max_file_bytes + SPARE_BYTES
        line = self._line()
        if line is None:
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(size := message.get("raw", 0), int) or size < 0:
            raise BrokenFileError(
                f"{self.name} could not be read: its parser gave nonsense; the file is likely damaged."
            )
        if "raw" in message:
            message["data"] = self._exactly(size)
        return message

    def _line(self) -> bytes | None:
        held = self.pieces
        while not held or b"\n" not in held[-1]:
            data = self._more()
            if not data:
                return None
            held.append(data)
        line, _, rest = held[-1].partition(b"\n")
        whole = b"".join([*held[:-1], line])
        self.pieces = [rest] if rest else []
        return whole

    def _exactly(self, size: int) -> bytes:
        held, have = self.pieces, sum(map(len, self.pieces))
        while have < size:
            data = self._more()
            if not data:
                raise _failure("crash", self.name, self.limits)
            held.append(data)
            have += len(data)
        whole = b"".join(held)
        self.pieces = [whole[size:]] if len(whole) > size else []
        return whole[:size]

    def _more(self) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self.handle, selectors.EVENT_READ)
            while True:
                if self.cancel is not None and self.cancel():
                    raise IngestCancelled(f"Reading {self.name} was cancelled.")
                if self.left <= 0:
                    raise _failure("time", self.name, self.limits)
                start = time.monotonic()
                ready = selector.select(min(POLL_SECONDS, self.left))
                self.left -= time.monotonic() - start
                if ready:
                    break
        data = os.read(self.handle, READ_BYTES)
        self.budget -= len(data)
        if self.budget < 0:
            raise _failure("output", self.name, self.limits)
        return data


def _in_memory(data: bytes) -> IO[bytes]:
    """An open file that holds `data` and has no name."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("file"), "w+b", buffering=0)
    else:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # the caller closes it
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    return file


def _not_installed(module: str, name: str) -> IngestError:
    part = module if re.fullmatch(r"[\w.]{1,80}", module) else "a part"  # the child's word, so never a sentence
    return IngestError(f"{name} was not read: {part} of this installation does not load; install it again.")


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
