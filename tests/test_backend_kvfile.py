"""Segment files, plain and encrypted: every form and field comes back, every changed byte is noticed."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparse_backend import kvfile
from sparse_backend.config import DamagedSegmentError, SegmentStoreError, WrongKeyError
from sparse_backend.kept import KeptTensor
from sparse_backend.kvfile import OtherFormatError, PlainFiles, checksum
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.quantize import KVFormat, roundtrip
from sparse_backend.record import Record, pack, unpack
from sparse_backend.sealing import SealedFiles
from sparse_backend.segment import Segment

KEY = bytes(range(32))
Files = PlainFiles | SealedFiles
KINDS = [PlainFiles(), SealedFiles(KEY)]


def segment_of(n: int = 70, key: str = "k", dtype: torch.dtype = torch.bfloat16) -> Segment:
    keys = torch.randn(3, 2, n, 8, generator=torch.Generator().manual_seed(n)).to(dtype)
    return Segment(key, tuple(range(100, 100 + n)), (0, n - 1), keys, keys + 1)


def equal(one: Record, other: Record) -> bool:
    same = (one.key, one.parent, one.metadata) == (other.key, other.parent, other.metadata)
    names = one.tensors.keys() == other.tensors.keys()
    return same and names and all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


@pytest.mark.parametrize("files", KINDS)
@pytest.mark.parametrize("form", list(KVFormat))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_form_comes_back_bit_by_bit(tmp_path: Path, files: Files, form: KVFormat, dtype: torch.dtype) -> None:
    record = pack(segment_of(dtype=dtype), form, "mother")
    path = tmp_path / "file"
    files.write(path, record)
    read = files.read(path, "k", check=True)
    assert equal(read, record) and files.header(path).parent == "mother"
    back, kept = unpack(read), roundtrip(segment_of(dtype=dtype), form)
    assert torch.equal(back.keys, kept.keys) and torch.equal(back.values, kept.values)
    assert back.keys.dtype == dtype and back.token_ids == kept.token_ids and back.anchors == kept.anchors


@pytest.mark.parametrize("files", KINDS)
def test_every_changed_byte_and_every_cut_is_noticed(tmp_path: Path, files: Files) -> None:
    record, path = pack(segment_of(9), KVFormat.INT8), tmp_path / "file"
    files.write(path, record)
    good, chance = path.read_bytes(), random.Random(0)
    for place in range(0, len(good), 7):
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(DamagedSegmentError):
            assert not equal(files.read(path, "k", check=True), record)  # a comma of the header may become a blank
            raise AssertionError(f"byte {place} of {len(good)} changed unnoticed")
    for length in [*range(0, len(good), 41), len(good) - 1]:
        path.write_bytes(good[:length])
        with pytest.raises(DamagedSegmentError):
            files.read(path, "k", check=False)
    path.write_bytes(good + b"x")
    with pytest.raises(DamagedSegmentError):
        files.read(path, "k", check=False)


@pytest.mark.parametrize("files", KINDS)
def test_another_name_or_version_is_not_ours_to_use(
    tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    files.write(path, pack(segment_of(), KVFormat.EXACT))
    with pytest.raises(OtherFormatError):
        files.read(path, "other", check=True)
    for module in ("kvfile", "sealing"):
        monkeypatch.setattr(f"sparse_backend.{module}.FILE_FORMAT", kvfile.FILE_FORMAT + 1)
    with pytest.raises(OtherFormatError):
        files.read(path, "k", check=True)


def test_swapped_tensors_are_noticed(tmp_path: Path) -> None:
    """Of one shape and dtype, so that only their own checksums tell them apart."""
    path = tmp_path / "file"
    PlainFiles().write(path, pack(segment_of(), KVFormat.EXACT))
    tensors = load_file(path)
    tensors["keys"], tensors["values"] = tensors["values"], tensors["keys"]
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(tensors, path, metadata)
    with pytest.raises(DamagedSegmentError, match="checksum"):
        PlainFiles().read(path, "k", check=True)


def test_checksums_cover_every_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvfile, "_LEAF", 64)
    x = torch.arange(1000, dtype=torch.int32)
    sums = {checksum(x)}
    for place in range(0, 1000, 9):
        changed = x.clone()
        changed[place] += 1
        sums.add(checksum(changed))
    assert len(sums) == 113
    assert checksum(x[:16]) != checksum(x[:17]) and checksum(x[:0]) != checksum(x[:1])


@dataclass(frozen=True, slots=True)
class Richer(Segment):
    """A segment as a later version may have it."""

    positions: Tensor = field(default_factory=lambda: torch.zeros(0))
    notes: Mapping[str, str] = field(default_factory=dict)
    absent: Tensor | None = None


@pytest.mark.parametrize("files", KINDS)
def test_more_tensors_and_texts_travel_along(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    base = segment_of()
    known = base.key, base.token_ids, base.anchors, base.keys, base.values, False
    rich = Richer(*known, positions=torch.rand(7).double(), notes={"a": "“ä”"})
    monkeypatch.setattr("sparse_backend.record.Segment", Richer)
    files.write(tmp_path / "file", pack(rich, KVFormat.INT4))
    back = unpack(files.read(tmp_path / "file", "k", check=True))
    assert isinstance(back, Richer) and back.notes == {"a": "“ä”"} and back.absent is None
    assert not back.rotated
    assert torch.equal(back.positions, rich.positions)
    with pytest.raises(TypeError, match="notes"):
        pack(replace(rich, notes=3), KVFormat.EXACT)  # type: ignore[arg-type]


# -- the store's dealings with them ---------------------------------------------------


@pytest.mark.parametrize("key", [None, KEY])
def test_damage_is_reported_removed_and_named(
    tmp_path: Path, key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    store = SegmentStore(tmp_path, StoreOptions(key=key))
    store.open()
    for name in ("good", "bad"):
        store.save(segment_of(key=name))
    path = next(tmp_path.glob("bad.*"))
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)
    verdict = store.verify()
    assert verdict.segments == 1 and verdict.bytes > 0 and [name for name, _ in verdict.damaged] == [path.name]
    assert path.exists()
    assert store.load("bad") is None and not path.exists()
    assert "bad" in caplog.text and "read again" in caplog.text
    assert store.verify().damaged == () and store.load("good") is not None


def test_what_is_quantised_is_verified_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restored, a text of a million tokens takes more memory than a machine may have; a missing part shows anyway."""
    store = SegmentStore(tmp_path, StoreOptions(kv_format=KVFormat.INT4))
    store.open()
    store.save(segment_of(key="good"))
    record = pack(segment_of(key="bad"), KVFormat.INT4)
    rest = {name: part for name, part in record.tensors.items() if name != "values.scale"}
    PlainFiles().write(tmp_path / f"bad{PlainFiles.suffix}", replace(record, tensors=rest))
    monkeypatch.setattr(KeptTensor, "whole", lambda _self: pytest.fail("restored"))
    verdict = store.verify()
    assert verdict.segments == 1 and [name for name, _ in verdict.damaged] == [f"bad{PlainFiles.suffix}"]


def test_bytes_are_checked_once_a_process_and_again_when_the_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, check = SegmentStore(tmp_path), kvfile._check_body
    checked: list[Path] = []

    def noted(path: Path, tensors: Mapping[str, Tensor], sums: Mapping[str, str]) -> None:
        checked.append(path)
        check(path, tensors, sums)

    store.open()
    store.save(segment_of())
    monkeypatch.setattr(kvfile, "_check_body", noted)
    assert store.load("k") and store.load("k") and len(checked) == 1
    content = bytearray((tmp_path / "k.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "k.safetensors").write_bytes(content)
    assert store.load("k") is None and len(checked) == 2


def test_files_of_version_1_are_cleaned_and_foreign_ones_left(tmp_path: Path) -> None:
    tensors = {"keys": torch.ones(2)}
    save_file(tensors, tmp_path / "old.safetensors", {"format": "1", "key": "old"})
    save_file(tensors, tmp_path / "newer.safetensors", {"format": "3", "key": "newer"})
    save_file(tensors, tmp_path / "foreign.safetensors")
    store = SegmentStore(tmp_path)
    assert store.load("old") is None
    store.open()
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["foreign", "newer"]
    assert store.load("newer") is None and store.load("foreign") is None
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["foreign", "newer"]


def test_another_form_is_read_anew_and_not_passed_off(tmp_path: Path) -> None:
    exact, small = SegmentStore(tmp_path), SegmentStore(tmp_path, StoreOptions(kv_format=KVFormat.INT8))
    exact.open()
    kept = small.save(segment_of())
    assert exact.load("k") is None and small.has("k")
    loaded = small.load("k")
    assert loaded and torch.equal(loaded.keys, kept.keys) and torch.equal(loaded.values, kept.values)
    again = small.save(kept)
    assert torch.equal(again.keys, kept.keys) and torch.equal(again.values, kept.values)


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    store = SegmentStore(tmp_path / "segments")
    store.open()
    (tmp_path / "victim.safetensors").write_bytes(b"x")
    for key in ("../victim", "", "a/b", "a.b", "a\n"):
        with pytest.raises(SegmentStoreError, match="not the key"):
            store.delete(key)
    assert (tmp_path / "victim.safetensors").exists()


def test_keys_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(WrongKeyError, match="32 bytes"):
        SealedFiles(b"short")


def test_an_encrypted_file_shows_nothing_of_its_content(tmp_path: Path) -> None:
    keys = torch.full((1, 1, 64, 16), 7.25)
    record = pack(Segment("k", tuple([424_242] * 64), (0,), keys, keys + 0), KVFormat.EXACT)
    SealedFiles(KEY).write(tmp_path / "one", record)
    SealedFiles(KEY).write(tmp_path / "two", record)
    one, two = (tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()
    tokens = record.tensors["ints.token_ids"].numpy().tobytes()[:8]
    for secret in (keys.numpy().tobytes()[:16], tokens, b"float32", b"token_ids"):
        assert secret not in one
    start = one.index(b'"manifest"') + 40
    assert one[start : start + 400] != two[start : start + 400], "equal content must not look equal"
    header = json.loads(one[12 : one.index(b"}") + 1])
    assert set(header) == {"format", "key", "parent", "salt", "manifest"}
    shutil.copy(tmp_path / "one", tmp_path / "three")
    with pytest.raises(DamagedSegmentError):
        SealedFiles(bytes(32)).read(tmp_path / "three", "k", check=True)
