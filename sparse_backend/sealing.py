"""Files encrypted at rest: AES-256-GCM in chunks, each bound to its place, its file and the file's header.

Every file has a key of its own, derived with HKDF-SHA256 from the store's key and 32 random bytes, so counters serve
as nonces and are never used twice. Layout: magic, length and text of the open header, then sealed chunks: the manifest,
then every tensor in its order.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from sparse_backend import atomic
from sparse_backend.config import DamagedSegmentError, WrongKeyError
from sparse_backend.kvfile import FILE_FORMAT, Header, OtherFormatError, raw
from sparse_backend.record import Record

_MAGIC = b"UNABSEAL"
_CHUNK, _TAG = 1 << 20, 16
_LARGEST_HEADER = 1 << 16
_SALT, _CHECK = "encryption.salt", "encryption.check"
_SCRYPT = {"n": 1 << 16, "r": 8, "p": 1}  # 64 MB and a fraction of a second a try


def derive_key(passphrase: str, root: Path) -> bytes:
    """32 bytes from a passphrase by scrypt; the salt and the costs stand in a file of the store's folder `root`.

    Raises WrongKeyError for an empty passphrase and when the salt of an encrypted folder is lost.
    """
    if not passphrase:
        raise WrongKeyError("The passphrase for the saved documents is empty; give one or switch encryption off.")
    path = root / _SALT
    if not path.exists():
        if (root / _CHECK).exists():
            raise WrongKeyError(f"{path} is missing; without it the passphrase does not open {root}.")
        root.mkdir(parents=True, exist_ok=True)
        atomic.create(path, json.dumps({**_SCRYPT, "salt": os.urandom(16).hex()}).encode())
    try:
        kept = json.loads(path.read_bytes())
        n, r, p = (int(kept[name]) for name in ("n", "r", "p"))
        salt = bytes.fromhex(kept["salt"])
        return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 << 20, dklen=32)
    except (ValueError, KeyError, TypeError) as error:
        raise WrongKeyError(f"{path} is damaged; without it the passphrase does not open {root}.") from error


def check_key(root: Path, key: bytes | None, plain: int, sealed: int) -> None:
    """Raises WrongKeyError unless `key` belongs to the folder; the first key of an empty folder is noted there.

    `plain`, `sealed`: numbers of unencrypted and encrypted segments in it. A folder is encrypted whole or not at all.
    """
    path = root / _CHECK
    if key is None:
        if path.exists() or sealed:
            raise WrongKeyError(f"The saved documents in {root} are encrypted; give their key.")
        return
    if plain:
        raise WrongKeyError(f"{root} holds {plain} unencrypted segments; delete them or choose another folder.")
    mine = _derived(key, b"", b"check").hex().encode()
    if not path.exists():
        if sealed:  # a wrong key would take them all for damaged
            raise WrongKeyError(f"{path} is missing; without it no key can be proven to open {root}.")
        atomic.create(path, mine)
    if not hmac.compare_digest(path.read_bytes(), mine):
        raise WrongKeyError(f"This key does not open the saved documents in {root}.")


class SealedFiles:
    """Reads and writes encrypted files; `key`: 32 bytes."""

    suffix = ".sealed"

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise WrongKeyError("The key for the saved documents must be 32 bytes.")
        self._key = key

    def write(self, path: Path, record: Record) -> None:
        """Writes `record`. Raises OSError."""
        salt = os.urandom(32)
        described = [[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in record.tensors.items()]
        manifest = json.dumps({"metadata": dict(record.metadata), "tensors": described}).encode()
        opened = {"format": FILE_FORMAT, "key": record.key, "parent": record.parent}
        header = json.dumps({**opened, "salt": salt.hex(), "manifest": len(manifest)}).encode()
        with path.open("wb") as file:
            file.write(_MAGIC + struct.pack("<I", len(header)) + header)
            seal = _Chunks(_derived(self._key, salt, b"file"), header)
            for part in (memoryview(manifest), *(raw(tensor) for tensor in record.tensors.values())):
                for chunk in _cut(part):
                    file.write(seal.sealed(chunk))

    def header(self, path: Path) -> Header:
        """The file's open header, not yet proven to be ours. Raises OSError or DamagedSegmentError."""
        with path.open("rb") as file:
            opened = _open_header(path, file)[1]
        return Header(opened["format"], opened["key"], opened["parent"])

    def read(self, path: Path, key: str, *, check: bool) -> Record:
        """The record, decrypted; every byte is authenticated, whatever `check` says.

        Raises OSError, OtherFormatError, DamagedSegmentError.
        """
        with path.open("rb") as file:
            header, opened = _open_header(path, file)
            if opened["format"] != FILE_FORMAT or opened["key"] != key:
                raise OtherFormatError(f"{path.name} has another format or holds another segment.")
            try:
                seal = _Chunks(_derived(self._key, bytes.fromhex(opened["salt"]), b"file"), header)
                left = path.stat().st_size - file.tell()
                manifest = bytearray(min(opened["manifest"], left))  # a damaged number must not cost memory
                seal.open_into(file, memoryview(manifest))
                described = json.loads(manifest)
                tensors = {name: _empty(dtype, shape) for name, dtype, shape in described["tensors"]}
                for tensor in tensors.values():
                    seal.open_into(file, raw(tensor))
                if file.read(1):
                    raise DamagedSegmentError(f"{path.name} is longer than it was written.")
            except (EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise DamagedSegmentError(f"{path.name} is not what was written (authentication).") from error
        return Record(key, opened["parent"], tensors, described["metadata"])


class _Chunks:
    """Seals and opens the chunks of one file in their order; `header` is authenticated with every one."""

    def __init__(self, key: bytes, header: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only those who encrypt need the library

        self._cipher, self._header, self._next = AESGCM(key), header, 0

    def _nonce(self) -> bytes:
        self._next += 1
        return self._next.to_bytes(12, "big")

    def sealed(self, chunk: memoryview) -> bytes:
        return self._cipher.encrypt(self._nonce(), chunk, self._header)

    def open_into(self, file: BinaryIO, target: memoryview) -> None:
        """Fills `target` with the chunks that follow in `file`. Raises EOFError for what was not written so."""
        from cryptography.exceptions import InvalidTag

        for chunk in _cut(target):
            sealed = file.read(len(chunk) + _TAG)
            if len(sealed) != len(chunk) + _TAG:
                raise EOFError
            try:
                self._cipher.decrypt_into(self._nonce(), sealed, self._header, chunk)
            except InvalidTag as error:
                raise EOFError from error


def _cut(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), _CHUNK):
        yield view[start : start + _CHUNK]


def _empty(dtype: str, shape: list[int]) -> Tensor:
    return torch.empty(shape, dtype=getattr(torch, dtype))


def _derived(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, b"unabridged segments 2 " + purpose).derive(key)


def _open_header(path: Path, file: BinaryIO) -> tuple[bytes, dict[str, Any]]:
    """(the header as it stands, its fields)."""
    start = file.read(len(_MAGIC) + 4)
    length = struct.unpack("<I", start[-4:])[0] if len(start) == len(_MAGIC) + 4 else 0
    if start[: len(_MAGIC)] != _MAGIC or not 0 < length <= _LARGEST_HEADER:
        raise DamagedSegmentError(f"{path.name} is not an encrypted segment.")
    text = file.read(length)
    try:
        opened = json.loads(text)
        kinds = {"format": int, "key": str, "parent": str, "salt": str, "manifest": int}
        if not all(isinstance(opened[name], kind) for name, kind in kinds.items()):
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedSegmentError(f"The header of {path.name} is damaged.") from error
    return text, opened
