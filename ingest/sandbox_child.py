"""The child's side of the sandbox: limits on itself first, then one worker run for each file handed over."""

from __future__ import annotations

import importlib
import json
import math
import os
import socket
import sys
from typing import Any

HEADER_BYTES = 1 << 16


def main() -> None:
    """Serves files until the parent hangs up; argv is [root, number of the socket]."""
    channel = socket.socket(fileno=int(sys.argv[2]))
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not end up among the messages
    while (job := _next(channel)) is not None:
        header, data_file = job
        request = header["request"]
        seconds = float(request["seconds"])
        _limit_self(int(request["memory"]))
        _limit_time(seconds)

        def send(message: dict[str, Any], data: bytes = b"", seconds: float = seconds) -> None:
            pipe.write(_line(message))
            pipe.write(data)
            pipe.flush()
            if data:
                _limit_time(seconds)

        try:
            worker = importlib.import_module(header["worker"])
        except MemoryError:
            os.close(data_file)
            send({"sandbox": "memory"})
            continue
        except Exception as error:  # no byte of the file was looked at yet: the installation's fault
            os.close(data_file)
            send({"sandbox": "install", "module": str(getattr(error, "name", None) or header["worker"])})
            continue
        try:
            with os.fdopen(data_file, "rb") as source:
                data = source.read()
            worker.work(data, request, send)
            send({"sandbox": "done"})
        except MemoryError:
            send({"sandbox": "memory"})
        except Exception:
            send({"sandbox": "crash"})  # the parent words it: a hostile file must not write our messages
        data = b""
    os._exit(0)  # no exit handlers: the parent has everything


def _next(channel: socket.socket) -> tuple[dict[str, Any], int] | None:
    text, files, _, _ = socket.recv_fds(channel, HEADER_BYTES, 1)
    while text and not text.endswith(b"\n"):
        more = channel.recv(HEADER_BYTES)
        if not more:
            return None
        text += more
    return (json.loads(text), files[0]) if text and files else None


def _line(message: dict[str, Any]) -> bytes:
    try:
        return json.dumps(message, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half a character in a file's name
        return json.dumps(message).encode() + b"\n"


def _limit_self(memory: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's wall clock still holds
        return
    for which, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def _limit_time(seconds: float) -> None:
    """From now on; should the parent die, the child ends by itself."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard == resource.RLIM_INFINITY or limit <= hard:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
