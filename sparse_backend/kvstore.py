"""Read segments below the device: RAM, then disk, one file per content hash, each tier with a budget of its own.

A file appears under its final name only when it is complete and flushed, so a crash or a full disk leaves nothing
that could be mistaken for a segment. What is damaged is reported, removed and never used. RAM is a cache of the disk.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError

from sparse_backend import atomic
from sparse_backend.atomic import writer_alive as writer_alive  # it has lived here; others know it by this name
from sparse_backend.config import DamagedSegmentError, DiskFullError, SegmentStoreError
from sparse_backend.kept import kept_of
from sparse_backend.kvfile import FILE_FORMAT, Header, OtherFormatError, PlainFiles
from sparse_backend.lease import Lease, Leases, in_use, remove_unused
from sparse_backend.quantize import KVFormat
from sparse_backend.ramtier import RamTier
from sparse_backend.record import Record, pack, unpack
from sparse_backend.sealing import SealedFiles, check_key
from sparse_backend.segment import Segment

_KEY = re.compile(r"[0-9A-Za-z_-]{1,128}")  # becomes part of a file name
MARGIN = 16 << 20  # bytes that must stay free beside a new segment, for the database and its log

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """`ram_bytes`, `disk_bytes`: budgets; no RAM tier and no limit on disk by default.

    `key`: 32 bytes, encrypts every file (`sealing.derive_key` makes them from a passphrase); None keeps files plain.
    """

    ram_bytes: int = 0
    disk_bytes: int | None = None
    kv_format: KVFormat = KVFormat.EXACT
    key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.ram_bytes < 0 or (self.disk_bytes is not None and self.disk_bytes < 1):
            raise ValueError("ram_bytes must not be negative and disk_bytes must be at least 1")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: segments and bytes checked, and (file name, what is wrong) of every damaged one."""

    segments: int
    bytes: int
    damaged: tuple[tuple[str, str], ...]


class SegmentStore:
    """Segments in the folder `root`, shared safely by threads and by several processes."""

    def __init__(self, root: Path, options: StoreOptions | None = None) -> None:
        self.root = root
        self.options = options or StoreOptions()
        self._files = PlainFiles() if self.options.key is None else SealedFiles(self.options.key)
        self._leases = Leases()
        self._ram = RamTier(self.options.ram_bytes, torch.cuda.is_available(), self._leases.held)
        self._checked: dict[str, tuple[int, ...]] = {}  # files whose every byte this process has checked

    def open(self) -> None:
        """Creates the folder; removes what dead processes left half written, and files of older versions.

        Raises WrongKeyError when the folder is encrypted with another key, or is not and a key was given.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        atomic.remove_leftovers(self.root)
        for path in self._paths(PlainFiles.suffix):
            header = _header(PlainFiles(), path)
            if header and 0 < header.version < FILE_FORMAT:
                path.unlink(missing_ok=True)
        plain, sealed = (len(self._paths(kind.suffix)) for kind in (PlainFiles, SealedFiles))
        check_key(self.root, self.options.key, plain, sealed)

    def has(self, key: str) -> bool:
        """Whether the segment `key` is on disk."""
        return self._path(key).exists()

    def check_space(self, size: int) -> None:
        """Raises DiskFullError when `size` bytes would not fit, before any time is spent on reading."""
        over, evictable = self._over_budget(size), 0
        if over > 0:
            evictable = sum(freed for path, freed in self._by_age() if not in_use(path))
            if over > evictable:
                raise self._over(size)
        free = shutil.disk_usage(self.root).free + min(max(over, 0), evictable)
        if free < size + MARGIN:
            raise self._full(size, free)

    def save(self, segment: Segment, *, parent: str = "") -> Segment:
        """Writes `segment` and returns it as reading gives it back: other numbers when the store quantises.

        `parent`: key of the segment it was derived from; it is deleted together with that. Raises DiskFullError or
        SegmentStoreError, and leaves nothing behind.
        """
        record = pack(segment, self.options.kv_format, parent)
        path = self._path(segment.key)
        with self._failing(record.nbytes):
            self._make_room(record.nbytes, path)
            with atomic.written(path) as partial:
                self._files.write(partial, record)
        self._leases.renew(segment.key, path)
        self._checked.pop(segment.key, None)
        self._ram.put(record)
        self._make_room(0, path)
        if record.form is KVFormat.EXACT or kept_of(segment.keys):
            return segment
        return unpack(record, str(segment.keys.device))

    def load(self, key: str, device: str = "cpu") -> Segment | None:
        """The segment `key` from RAM or disk, its tensors on `device`; exact plain files on the CPU are mapped.

        None when there is no intact file of this version and form. Every byte of a file is checked when this process
        loads it first, its structure always; a damaged file is reported, removed and never used.
        """
        path = self._path(key)
        try:
            unchanged = self._checked.get(key) == _state(path)
            os.utime(path)  # used just now, for every process's LRU
            record = self._ram.get(key) or self._from_disk(path, key, check=not unchanged)
            self._checked[key] = _state(path)
            return unpack(record, device)
        except OtherFormatError:
            return None  # perhaps a newer version's
        except DamagedSegmentError as error:
            logger.warning("%s It is removed, and the document will be read again.", error)
            self._drop(key)
        except FileNotFoundError:
            self._forget(key)  # deleted or evicted, perhaps by another process: then RAM must not know it either
        except OSError as error:
            logger.warning("The saved segment %s cannot be read just now: %s", key, error)  # no reason to delete it
        return None

    def lease(self, key: str) -> Lease:
        """Keeps `key` from being evicted, on every tier and in every process, until the lease is closed."""
        return self._leases.take(key, self._path(key))

    def leased(self, key: str) -> bool:
        """Whether this process holds a lease on `key`."""
        return self._leases.held(key)

    def delete(self, key: str) -> tuple[str, ...]:
        """Removes the segment `key`, and all that were derived from it, from every tier; their keys."""
        family = self._family(key)
        for one in reversed(family):  # children first: after a crash the parent still leads to the rest
            self._drop(one)
        return family

    def usage(self) -> tuple[int, int]:
        """(number of segments, bytes) on disk."""
        sizes = [size for _, size in self._by_age()]
        return len(sizes), sum(sizes)

    def ram_usage(self) -> tuple[int, int]:
        """(number of segments, bytes) in this process's RAM tier."""
        return self._ram.usage()

    def verify(self) -> Verdict:
        """Reads and checks every byte of every file; removes nothing."""
        count, total, damaged = 0, 0, []
        for path in self._paths(self._files.suffix):
            try:
                size = path.stat().st_size
                unpack(self._files.read(path, path.stem, check=True), packed=True)  # restored it may not fit memory
            except FileNotFoundError:
                continue  # evicted meanwhile
            except (OSError, DamagedSegmentError) as error:
                damaged.append((path.name, str(error)))
            else:
                count, total = count + 1, total + size
        return Verdict(count, total, tuple(damaged))

    def _from_disk(self, path: Path, key: str, *, check: bool) -> Record:
        record = self._files.read(path, key, check=check)
        if record.form is not self.options.kv_format:
            raise OtherFormatError(f"{path.name} keeps its numbers as {record.form}.")
        self._ram.put(record)
        return record

    def _drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)
        self._forget(key)

    def _forget(self, key: str) -> None:
        self._ram.drop(key)
        self._checked.pop(key, None)

    def _family(self, key: str) -> tuple[str, ...]:
        """`key` and its descendants, parents first."""
        headers = [header for path in self._paths(self._files.suffix) if (header := _header(self._files, path))]
        family = [key]
        for one in family:  # grows meanwhile
            family += [header.key for header in headers if header.parent == one and header.key not in family]
        return tuple(family)

    # -- budgets -----------------------------------------------------------------

    def _make_room(self, size: int, keep: Path) -> None:
        """Evicts the longest unused until `size` more bytes fit the budget; `keep` and what is in use stay."""
        over = self._over_budget(size)
        if over <= 0:
            return
        for path, freed in self._by_age():
            if path != keep and remove_unused(path):
                self._forget(path.stem)
                over -= freed
                if over <= 0:
                    return
        if size and over > (keep.stat().st_size if keep.exists() else 0):
            raise self._over(size)

    def _over_budget(self, size: int) -> int:
        return 0 if self.options.disk_bytes is None else self.usage()[1] + size - self.options.disk_bytes

    def _by_age(self) -> list[tuple[Path, int]]:
        """(path, bytes), the longest unused first."""
        found = []
        for path in self._paths(self._files.suffix):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            found.append((stat.st_mtime_ns, path, stat.st_size))
        return [(path, size) for _, path, size in sorted(found)]

    def _paths(self, suffix: str) -> list[Path]:
        return sorted(self.root.glob(f"*{suffix}"))

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise SegmentStoreError(f"“{key}” is not the key of a segment.")
        return self.root / f"{key}{self._files.suffix}"

    # -- errors ------------------------------------------------------------------

    @contextmanager
    def _failing(self, size: int) -> Iterator[None]:
        """Words what goes wrong while `size` bytes are written."""
        try:
            yield
        except (OSError, SafetensorError) as error:
            if _is_full(error):
                raise self._full(size, shutil.disk_usage(self.root).free) from error
            raise SegmentStoreError(f"The read document could not be kept in {self.root}: {error}.") from error

    def _full(self, size: int, free: int) -> DiskFullError:
        return DiskFullError(
            f"The disk of {self.root} has {free / 1e6:,.0f} MB free, but keeping this document needs "
            f"{(size + MARGIN) / 1e6:,.0f} MB; free some space or choose another folder with --data-dir."
        )

    def _over(self, size: int) -> DiskFullError:
        budget = self.options.disk_bytes or 0
        return DiskFullError(
            f"Keeping this document needs {size / 1e6:,.0f} MB, which does not fit the {budget / 1e6:,.0f} MB for "
            f"saved documents beside those in use; raise that limit or delete documents."
        )


def _header(files: PlainFiles | SealedFiles, path: Path) -> Header | None:
    try:
        return files.header(path)
    except (OSError, DamagedSegmentError):
        return None  # gone, or found damaged when it is loaded or verified


def _state(path: Path) -> tuple[int, ...]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left" in str(error) or "os error 28" in str(error) or "os error 122" in str(error)
