"""Readings that have begun and not ended, noted on disk: those of a server that was killed are told by the next one.

One small file a reading, locked by the process that reads: the lock goes with the process, so a file that can be locked
was left by a dead one.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "readings"
"""Of the data folder."""


@dataclass(frozen=True, slots=True)
class Left:
    """A reading that its server did not live to end; `question`: what waited for it, or empty."""

    id: str
    user: str
    name: str
    question: str = ""


class Unfinished:
    """The notes in one folder. A note that cannot be written is no reason not to read: then nothing is told later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}  # descriptors that hold the locks

    def begin(self, left: Left) -> None:
        """Notes a reading, or what is known of it by now."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            held = self._held.get(left.id)
            if held is None:
                held = os.open(self._path(left.id), os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held[left.id] = held
            note = json.dumps({"user": left.user, "name": left.name, "question": left.question}).encode()
            os.ftruncate(held, 0)
            os.pwrite(held, note, 0)

    def end(self, identity: str) -> None:
        """Takes the note of a reading away: it has ended, or its user knows that it never will."""
        held = self._held.pop(identity, None)
        if held is not None:
            with suppress(OSError):
                self._path(identity).unlink()
            os.close(held)

    def left(self) -> Iterator[Left]:
        """The readings of servers that are no more; their notes stay until `end`."""
        for path in sorted(self._folder.glob("*.json")):
            with suppress(OSError):  # another process reads it, or has just ended it
                held = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(held)
                    continue
                self._held[path.stem] = held
                try:
                    note = json.loads(os.pread(held, os.fstat(held).st_size, 0))
                    found = Left(path.stem, str(note["user"]), str(note["name"]), str(note["question"]))
                except (ValueError, KeyError, TypeError):  # killed while it was written
                    self.end(path.stem)
                    continue
                yield found

    def _path(self, identity: str) -> Path:
        return self._folder / f"{identity}.json"


def forget(folder: Path, user: str) -> None:
    """Deletes the notes of a person who is erased, whoever holds them."""
    for path in folder.glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            if json.loads(path.read_bytes()).get("user") == user:
                path.unlink()
