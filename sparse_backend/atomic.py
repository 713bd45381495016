"""Files that are complete or absent: written under another name, flushed, renamed. Leftovers of the dead are found."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """Yields a path beside `target`; what was written there replaces `target` at the end, or vanishes on an error."""
    partial = _partial(target)
    try:
        yield partial
        flush(partial)
        os.replace(partial, target)
        flush(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def create(target: Path, content: bytes) -> bool:
    """Writes `target` unless it exists; whether it was written. Of several processes exactly one writes."""
    partial = _partial(target)
    try:
        partial.write_bytes(content)
        flush(partial)
        os.link(partial, target)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    flush(target.parent)
    return True


def remove_leftovers(folder: Path) -> None:
    """Removes what dead processes left half written."""
    for partial in folder.glob("*.partial"):
        if not writer_alive(partial):
            partial.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Makes a file or a folder's list of names durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def writer_alive(partial: Path) -> bool:
    """Whether the process still runs whose id is the second part of the name (`name.pid.unique.partial`).

    Ids are used again, in containers at every start: a process younger than the file is not its writer.
    """
    try:
        writer = psutil.Process(int(partial.name.split(".")[1]))
        return bool(writer.status() != psutil.STATUS_ZOMBIE and writer.create_time() <= partial.stat().st_mtime)
    except (IndexError, ValueError, FileNotFoundError, psutil.NoSuchProcess):
        return False
    except psutil.AccessDenied:
        return True


def _partial(target: Path) -> Path:
    return target.parent / f"{target.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
