"""Parts parsed before, on disk, by content: a file that was slow to parse is parsed once, whatever it is read with.

Entries are JSON, compressed, written whole or not at all; a damaged one counts as absent. The oldest go first when
the folder grows over its limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
import zlib
from pathlib import Path
from typing import Any

from ingest.part import Part, from_wire, to_wire

VERSION = 5  # raise it when a reader gives other parts than before
SLOW_SECONDS = 0.2  # what parses faster is not worth a file


class PartCache:
    """At most `max_bytes` of parsed parts under `folder`; safe for several processes."""

    def __init__(self, folder: Path, max_bytes: int = 500_000_000) -> None:
        self._folder, self._max_bytes = folder, max_bytes

    def key(self, content_sha256: str, **settings: Any) -> str:
        """The name of the part of a file with this content, read with these settings."""
        text = json.dumps([VERSION, content_sha256, settings], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, key: str) -> Part | None:
        """The part, or None."""
        path = self._folder / key
        try:
            part = from_wire(json.loads(zlib.decompress(path.read_bytes())))
            os.utime(path)
        except (OSError, ValueError, TypeError, KeyError, zlib.error):
            return None
        return part

    def put(self, key: str, part: Part) -> None:
        """Keeps the part; a full disk or a folder that cannot be written only means that it is parsed again."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial = self._folder / f".{uuid.uuid4().hex}"
            try:
                partial.write_bytes(zlib.compress(json.dumps(to_wire(part)).encode(), 1))
                partial.rename(self._folder / key)
            finally:
                partial.unlink(missing_ok=True)
            self._shrink()

    def clear(self) -> None:
        """Forgets everything: nothing of a deleted document may stay here."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _shrink(self) -> None:
        files = [(file.stat(), file) for file in self._folder.iterdir()]
        total = sum(stat.st_size for stat, _ in files)
        for stat, file in sorted(files, key=lambda item: item[0].st_mtime):
            if total <= self._max_bytes:
                return
            file.unlink(missing_ok=True)
            total -= stat.st_size
