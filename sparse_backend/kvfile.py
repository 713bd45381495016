"""Files of format 2: safetensors, mapped on load, with a checksum of every tensor and of the header itself.

Checksums are SHA-256 over leaves of 8 MB, hashed by several threads: where the processor has SHA instructions that is
twice as fast as BLAKE2b (docs/log.md).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sparse_backend.config import DamagedSegmentError
from sparse_backend.record import Record

FILE_FORMAT = 2  # raise it when files of older versions must not be used
_LEAF = 8 << 20
_OWN = ("format", "key", "parent", "sums", "head")  # metadata that is the file's, not the record's


class OtherFormatError(DamagedSegmentError):
    """A file of another version, or saved under another name: not used, and not ours to remove."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself without its body. `version`: 0 when it says nothing."""

    version: int
    key: str
    parent: str


class PlainFiles:
    """Reads and writes unencrypted files."""

    suffix = ".safetensors"

    def write(self, path: Path, record: Record) -> None:
        """Writes `record`. Raises OSError or SafetensorError."""
        metadata = {**record.metadata, "format": str(FILE_FORMAT), "key": record.key, "parent": record.parent}
        metadata["sums"] = json.dumps({name: checksum(tensor) for name, tensor in record.tensors.items()})
        metadata["head"] = _head(metadata, record.tensors)
        save_file(dict(record.tensors), path, metadata)

    def header(self, path: Path) -> Header:
        """The file's header. Raises OSError, or DamagedSegmentError when there is none to be read."""
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise DamagedSegmentError(f"{path.name} is cut or its header is damaged.") from error
        version = metadata.get("format", "0")
        return Header(int(version) if version.isdecimal() else 0, metadata.get("key", ""), metadata.get("parent", ""))

    def read(self, path: Path, key: str, *, check: bool) -> Record:
        """The record, its tensors mapped. Sizes and header are always checked, every byte when `check`.

        Raises OSError, OtherFormatError, DamagedSegmentError.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        except SafetensorError as error:
            raise DamagedSegmentError(f"{path.name} is cut or its header is damaged.") from error
        if metadata.get("format") != str(FILE_FORMAT):
            raise OtherFormatError(f"{path.name} has another format.")
        if metadata.get("head") != _head(metadata, tensors):
            raise DamagedSegmentError(f"The header of {path.name} is damaged.")
        if metadata["key"] != key:
            raise OtherFormatError(f"{path.name} holds the segment {metadata['key']}.")
        if check:
            _check_body(path, tensors, json.loads(metadata["sums"]))
        own = {name: text for name, text in metadata.items() if name not in _OWN}
        return Record(key, metadata["parent"], tensors, own)


def checksum(tensor: Tensor) -> str:
    """Hex SHA-256 over the SHA-256 of every 8 MB of the tensor's bytes."""
    view = raw(tensor)
    leaves = [view[start : start + _LEAF] for start in range(0, len(view), _LEAF)]
    if len(leaves) < 2:
        digests = [_sha256(leaf) for leaf in leaves]
    else:
        with ThreadPoolExecutor(min(len(leaves), os.cpu_count() or 1, 16)) as pool:
            digests = list(pool.map(_sha256, leaves))
    return hashlib.sha256(b"".join(digests)).hexdigest()


def raw(tensor: Tensor) -> memoryview:
    """The bytes of a contiguous CPU tensor, not copied."""
    flat: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    return memoryview(flat)


def _sha256(leaf: memoryview) -> bytes:
    return hashlib.sha256(leaf).digest()


def _head(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    texts = {name: text for name, text in metadata.items() if name != "head"}
    shapes = {name: [str(tensor.dtype), *tensor.shape] for name, tensor in tensors.items()}
    return hashlib.sha256(json.dumps([texts, shapes], sort_keys=True).encode()).hexdigest()


def _check_body(path: Path, tensors: Mapping[str, Tensor], sums: Mapping[str, str]) -> None:
    for name, tensor in tensors.items():
        if sums.get(name) != checksum(tensor):
            raise DamagedSegmentError(f"{name} in {path.name} is not what was written (checksum).")
