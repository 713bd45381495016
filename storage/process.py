"""Which process writes an answer, and whether it still runs: `host/boot/pid/started`, kept beside the answer.

A process id alone is not enough: ids are reused, and after a restart of the machine all of them start anew.
"""

import os
import socket
from pathlib import Path

_PROC = Path("/proc")


def current_tag() -> str:
    """The identity of this process; equal for its whole life, and never equal for another one."""
    return "/".join((socket.gethostname(), _boot(), str(os.getpid()), _started(os.getpid()) or "0"))


def is_gone(tag: str) -> bool | None:
    """True: that process has ended. False: it runs. None: it is of another machine, so it cannot be known."""
    host, _, rest = tag.partition("/")
    boot, pid, started = (*rest.split("/"), "", "", "")[:3]
    if host != socket.gethostname() or not pid.isdigit():
        return None
    if boot != _boot():
        return True
    if not _PROC.joinpath("self").exists():
        return not _answers(int(pid))
    return _started(int(pid)) != started


def _boot() -> str:
    """The first letters of the kernel's boot id; empty where the system has none."""
    try:
        return _PROC.joinpath("sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None when there is none, or only its corpse."""
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return None if state in "ZX" else fields[18]


def _answers(pid: int) -> bool:
    """For systems without /proc: whether any process has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
