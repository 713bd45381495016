"""Which saved keys and values hold the words of which document or conversation, so that they go when it goes.

A key cannot be told from a text without the model that read it; so it is written down before a text is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

DOCUMENT, HISTORY = "document", "history"
Forget = Callable[[str], object]  # deletes a segment from every tier: Engine.forget, SegmentStore.delete


class Holdings:
    """One file per owner under `folder`, a key a line. Safe for several processes: lines are only added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, kind: str, owner: str, keys: Iterable[str]) -> None:
        """`owner` (a document's or conversation's id) is behind the segments `keys` from now on."""
        new = [key for key in dict.fromkeys(keys) if key not in set(self.keys(kind, owner))]
        if not new:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._path(kind, owner).open("a", encoding="ascii") as stream:
            stream.write("".join(f"{key}\n" for key in new))

    def keys(self, kind: str, owner: str) -> list[str]:
        """The segments of an owner, each once."""
        return _lines(self._path(kind, owner))

    def drop(self, kind: str, owner: str, forget: Forget) -> int:
        """Forgets all segments of an owner; how many there were."""
        return _emptied(self._path(kind, owner), forget)

    def drop_all(self, kind: str, forget: Forget) -> int:
        """The same for every owner of a kind."""
        return sum(_emptied(path, forget) for path in sorted(self._folder.glob(f"{kind}-*")))

    def _path(self, kind: str, owner: str) -> Path:
        return self._folder / f"{kind}-{hashlib.sha256(owner.encode()).hexdigest()}"


def _emptied(path: Path, forget: Forget) -> int:
    keys = _lines(path)
    for key in keys:
        forget(key)
    path.unlink(missing_ok=True)  # last: after a crash the rest is still known
    return len(keys)


def _lines(path: Path) -> list[str]:
    try:
        return list(dict.fromkeys(line for line in path.read_text("ascii").split("\n") if line))
    except FileNotFoundError:
        return []
