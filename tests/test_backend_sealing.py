"""The key of an encrypted folder: from a passphrase, proven at every start, and never mixed up with plain files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sparse_backend import sealing
from sparse_backend.config import SegmentStoreError, WrongKeyError
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.sealing import SealedFiles, derive_key
from sparse_backend.segment import Segment

KEY, OTHER = bytes(range(32)), bytes(32)


def stored(root: Path, key: bytes | None) -> SegmentStore:
    store = SegmentStore(root, StoreOptions(key=key))
    store.open()
    return store


def segment_of(key: str = "k") -> Segment:
    keys = torch.rand(2, 1, 600, 256)  # more than one chunk
    return Segment(key, tuple(range(600)), (), keys, -keys)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sealing._SCRYPT, "n", 16)


def test_a_passphrase_gives_one_key_a_folder(tmp_path: Path, cheap: None, monkeypatch: pytest.MonkeyPatch) -> None:
    key = derive_key("open sesame", tmp_path / "a")
    monkeypatch.setitem(sealing._SCRYPT, "n", 32)  # the costs of the first time are kept
    assert len(key) == 32 and derive_key("open sesame", tmp_path / "a") == key
    assert derive_key("open sesam", tmp_path / "a") != key
    assert derive_key("open sesame", tmp_path / "b") != key
    with pytest.raises(WrongKeyError, match="empty"):
        derive_key("", tmp_path / "a")


def test_a_lost_or_damaged_salt_is_said(tmp_path: Path, cheap: None) -> None:
    stored(tmp_path, derive_key("p", tmp_path))
    salt = tmp_path / "encryption.salt"
    for content in (b"", b"{}", b"[]", b'{"n": 16, "r": 8, "p": 1, "salt": "zz"}'):
        salt.write_bytes(content)
        with pytest.raises(WrongKeyError, match="damaged"):
            derive_key("p", tmp_path)
    salt.unlink()
    with pytest.raises(WrongKeyError, match="missing"):
        derive_key("p", tmp_path)


def test_what_is_encrypted_comes_back_with_its_key_only(tmp_path: Path) -> None:
    segment = segment_of()
    stored(tmp_path, KEY).save(segment)
    loaded = stored(tmp_path, KEY).load("k")
    assert loaded and torch.equal(loaded.keys, segment.keys) and loaded.token_ids == segment.token_ids
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(WrongKeyError, match="does not open"):
        stored(tmp_path, OTHER)
    with pytest.raises(WrongKeyError, match="give their key"):
        stored(tmp_path, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    (tmp_path / "encryption.check").unlink()
    for key, words in ((OTHER, "missing"), (KEY, "missing"), (None, "give their key")):
        with pytest.raises(WrongKeyError, match=words):
            stored(tmp_path, key)
    assert (tmp_path / "k.sealed").exists()


def test_a_plain_folder_takes_no_key(tmp_path: Path) -> None:
    stored(tmp_path, None).save(segment_of())
    with pytest.raises(WrongKeyError, match="1 unencrypted"):
        stored(tmp_path, KEY)
    assert stored(tmp_path, None).load("k")


def test_chunks_cannot_change_places_or_files(tmp_path: Path) -> None:
    """Cut out, swapped within a file, or taken from another file of the same key: all noticed."""
    store = stored(tmp_path, KEY)
    for name in ("k", "l"):
        store.save(segment_of(name))
    good, other = (tmp_path / "k.sealed").read_bytes(), (tmp_path / "l.sealed").read_bytes()
    assert len(good) == len(other) > 2 * 1024 * 1024
    size = sealing._CHUNK + sealing._TAG
    end = len(good) - 600 * 8 - sealing._TAG  # the keys' chunks lie before the last ones
    low = end - 3 * size
    swapped = good[:low] + good[low + size : low + 2 * size] + good[low : low + size] + good[low + 2 * size :]
    cut = good[:low] + good[low + size :]
    taken = good[:low] + other[low : low + size] + good[low + size :]
    for bad in (swapped, cut, taken):
        (tmp_path / "k.sealed").write_bytes(bad)
        with pytest.raises(SegmentStoreError, match="authentication"):
            SealedFiles(KEY).read(tmp_path / "k.sealed", "k", check=False)
        assert store.load("k") is None
    assert store.load("l")


def test_options_never_show_the_key() -> None:
    assert "key" not in repr(StoreOptions(key=b"secret" * 5 + b"xx"))
