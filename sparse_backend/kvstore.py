"""Read segments on disk: one safetensors file per content hash, written atomically, mapped on load.

A file appears under its final name only when it is complete and flushed, so a crash or a full disk leaves nothing
that could be mistaken for a segment. What a killed process left half written is removed at the next start.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from pathlib import Path

import psutil
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sparse_backend.config import DiskFullError, SegmentStoreError
from sparse_backend.segment import FORMAT, Segment

MARGIN = 16 << 20  # bytes that must stay free beside a new segment, for the database and its log


class SegmentStore:
    """Segments in the folder `root`, shared safely by several processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> None:
        """Creates the folder and removes what dead processes left half written."""
        self.root.mkdir(parents=True, exist_ok=True)
        for partial in self.root.glob("*.partial"):
            if not writer_alive(partial):
                partial.unlink(missing_ok=True)

    def has(self, key: str) -> bool:
        """Whether the segment `key` is on disk."""
        return self._path(key).exists()

    def check_space(self, size: int) -> None:
        """Raises DiskFullError when `size` bytes would not fit, before any time is spent on reading."""
        free = shutil.disk_usage(self.root).free
        if free < size + MARGIN:
            raise self._full(size, free)

    def save(self, segment: Segment) -> None:
        """Writes `segment`; raises DiskFullError or SegmentStoreError and leaves nothing behind."""
        partial = self.root / f"{segment.key}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
        tensors = {
            "keys": segment.keys.contiguous().cpu(),
            "values": segment.values.contiguous().cpu(),
            "token_ids": torch.tensor(segment.token_ids, dtype=torch.int32),
            "anchors": torch.tensor(segment.anchors, dtype=torch.int32),
        }
        try:
            save_file(
                tensors, partial, {"format": str(FORMAT), "key": segment.key, "rotated": str(int(segment.rotated))}
            )
            _flush(partial)
            os.replace(partial, self._path(segment.key))
            _flush(self.root)
        except (OSError, SafetensorError) as error:
            if _is_full(error):
                size = sum(tensor.nbytes for tensor in tensors.values())
                raise self._full(size, shutil.disk_usage(self.root).free) from error
            raise SegmentStoreError(f"The read document could not be kept in {self.root}: {error}.") from error
        finally:
            partial.unlink(missing_ok=True)

    def load(self, key: str) -> Segment | None:
        """The segment `key`, its tensors mapped from disk; None when there is no intact file of this version."""
        path = self._path(key)
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != str(FORMAT) or metadata.get("key") != key:
                    return None
                return Segment(
                    key=key,
                    token_ids=tuple(file.get_tensor("token_ids").tolist()),
                    anchors=tuple(file.get_tensor("anchors").tolist()),
                    keys=file.get_tensor("keys"),
                    values=file.get_tensor("values"),
                    rotated=metadata.get("rotated") == "1",
                )
        except OSError:
            return None  # absent; or unreadable just now, which is no reason to delete it
        except SafetensorError:
            path.unlink(missing_ok=True)  # damaged: it is read again and written anew
            return None

    def delete(self, key: str) -> None:
        """Removes the segment `key` if it is there."""
        self._path(key).unlink(missing_ok=True)

    def usage(self) -> tuple[int, int]:
        """(number of segments, bytes) on disk."""
        sizes = [path.stat().st_size for path in self.root.glob("*.safetensors")]
        return len(sizes), sum(sizes)

    def _path(self, key: str) -> Path:
        return self.root / f"{key}.safetensors"

    def _full(self, size: int, free: int) -> DiskFullError:
        return DiskFullError(
            f"The disk of {self.root} has {free / 1e6:,.0f} MB free, but keeping this document needs "
            f"{(size + MARGIN) / 1e6:,.0f} MB; free some space or choose another folder with --data-dir."
        )


def _flush(path: Path) -> None:
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


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left" in str(error) or "os error 28" in str(error) or "os error 122" in str(error)
