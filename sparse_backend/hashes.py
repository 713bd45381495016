"""SHA-256 of large files, remembered by path, size and time of change, so that a start does not read them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path


def file_hashes(files: Sequence[Path], cache: Path) -> list[str]:
    """The hex hash of each file; `cache` is the JSON file that remembers them. Raises OSError for unreadable files."""
    known, added = _read(cache), False
    found = []
    for file in files:
        stat = file.stat()
        identity = f"{file.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
        if identity not in known:
            with file.open("rb") as stream:
                known[identity] = hashlib.file_digest(stream, "sha256").hexdigest()
            added = True
        found.append(known[identity])
    if added:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known))
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
