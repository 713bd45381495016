"""Leases: which segments are in use, in this process and, by a shared lock on the file, in every other.

The kernel drops a dead process's locks with it, so nothing stays in use for ever.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType


class Lease:
    """Keeps one segment from being evicted until it is closed; a context manager. Deleting is not held up by it."""

    def __init__(self, owner: Leases, key: str) -> None:
        self._owner: Leases | None = owner
        self._key = key

    def close(self) -> None:
        """Ends the lease; a second time does nothing."""
        if self._owner is not None:
            self._owner.ended(self._key)
        self._owner = None

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Leases:
    """The leases of this process, counted by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._files: dict[str, int] = {}  # descriptors that hold the shared locks

    def take(self, key: str, path: Path) -> Lease:
        """A lease on `key`, whose file is or will be `path`."""
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            if key not in self._files:
                self._hold(key, path)
        return Lease(self, key)

    def renew(self, key: str, path: Path) -> None:
        """Moves the lock, if `key` is leased, to the file that has just taken the place of an older one."""
        with self._lock:
            if key in self._counts:
                self._drop(key)
                self._hold(key, path)

    def held(self, key: str) -> bool:
        """Whether this process uses `key`."""
        with self._lock:
            return key in self._counts

    def ended(self, key: str) -> None:
        """Counts one lease less."""
        with self._lock:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]
                self._drop(key)

    def _hold(self, key: str, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return  # not there yet; `renew` comes with its saving
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # it is being evicted at this moment
            os.close(descriptor)
        else:
            self._files[key] = descriptor

    def _drop(self, key: str) -> None:
        descriptor = self._files.pop(key, None)
        if descriptor is not None:
            os.close(descriptor)


def remove_unused(path: Path) -> bool:
    """Unlinks `path` unless some process holds a lease on it; whether it is gone now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):  # else somebody has just saved it anew
            path.unlink()
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def in_use(path: Path) -> bool:
    """Whether some process holds a lease on `path`."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
