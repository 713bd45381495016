"""Where files of the page lie for a while: a folder of this process alone, swept, and removed in the end.

Gradio leaves behind what an upload that broke off had written, and everything when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import psutil

OLD_S = 2 * 3600.0  # what nobody touched for so long belongs to no upload and no open page
EVERY_S = 600.0


class Scratch:
    """`folder` is for this process, and readable for its user only; those of processes that are gone are removed."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        for other in root.iterdir():
            if other.name == str(os.getpid()) or not _lives(other.name):
                shutil.rmtree(other, ignore_errors=True)
        self.folder = root / str(os.getpid())
        self.folder.mkdir(mode=0o700)
        self._ended = threading.Event()
        threading.Thread(target=self._keep_clean, name="scratch", daemon=True).start()

    def sweep(self, now: float) -> int:
        """Removes files not touched for OLD_S before `now` (seconds since 1970), and empty folders; how many files."""
        swept = 0
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what lies deeper comes first
            with contextlib.suppress(OSError):  # it may go, or be filled, at this moment
                if path.is_dir() and not path.is_symlink():
                    if path.stat().st_mtime < now - OLD_S:
                        path.rmdir()
                elif path.lstat().st_mtime < now - OLD_S:
                    path.unlink()
                    swept += 1
        return swept

    def close(self) -> None:
        """Removes everything."""
        self._ended.set()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep_clean(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.sweep(time.time())


def _lives(name: str) -> bool:
    """Whether the folder is named after a process that runs."""
    return name.isdecimal() and len(name) < 10 and psutil.pid_exists(int(name))
