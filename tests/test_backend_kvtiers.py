"""RAM and disk as tiers: budgets, the longest unused goes first, what is in use stays, deleting reaches every tier."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sparse_backend.config import DiskFullError
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.lease import in_use, remove_unused
from sparse_backend.quantize import KVFormat
from sparse_backend.ramtier import RamTier
from sparse_backend.record import pack
from sparse_backend.segment import Segment

ROOT = Path(__file__).parents[1]
HOLDER = """
import sys, time
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("lease", "sparse_backend/lease.py")  # without torch: it starts at once
lease = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lease)
held = lease.Leases().take("a", Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def segment_of(key: str, n: int = 500) -> Segment:
    keys = torch.rand(2, 2, n, 8, generator=torch.Generator().manual_seed(n))
    return Segment(key, tuple(range(n)), (), keys, -keys)


SIZE = pack(segment_of("a"), KVFormat.EXACT).nbytes + 2000  # with the header


def opened(root: Path, **options: object) -> SegmentStore:
    store = SegmentStore(root, StoreOptions(**options))  # type: ignore[arg-type]
    store.open()
    return store


def aged(store: SegmentStore, *keys: str) -> None:
    """Saves `keys`, each last used an hour after the one before, the last an hour ago."""
    for hours, key in enumerate(reversed(keys), start=1):
        store.save(segment_of(key))
        when = time.time() - 3600 * hours
        os.utime(store.root / f"{key}.safetensors", (when, when))


def there(store: SegmentStore) -> set[str]:
    return {path.stem for path in store.root.glob("*.safetensors")}


# -- disk ---------------------------------------------------------------------------


def test_the_longest_unused_leaves_the_disk_first(tmp_path: Path) -> None:
    store = opened(tmp_path, disk_bytes=3 * SIZE)
    aged(store, "a", "b", "c")
    assert store.load("a")  # now the last used
    store.save(segment_of("d"))
    assert there(store) == {"a", "c", "d"} and store.usage()[1] <= 3 * SIZE
    assert store.load("b") is None


def test_a_smaller_budget_is_kept_from_the_next_saving_on(tmp_path: Path) -> None:
    aged(opened(tmp_path), "a", "b", "c", "d")
    store = opened(tmp_path, disk_bytes=2 * SIZE)
    store.save(segment_of("e"))
    assert there(store) == {"d", "e"}
    store.save(segment_of("e"))
    assert "e" in there(store)


def test_what_is_in_use_is_never_evicted(tmp_path: Path) -> None:
    store = opened(tmp_path, disk_bytes=2 * SIZE)
    aged(store, "a", "b")
    with store.lease("a"), store.lease("a") as inner:
        inner.close()
        inner.close()
        store.save(segment_of("c"))
        assert there(store) == {"a", "c"}
        with store.lease("c"):
            store.save(segment_of("c"))  # a new file in the old one's place: still in use
            for action in (lambda: store.check_space(SIZE), lambda: store.save(segment_of("d"))):
                with pytest.raises(DiskFullError, match="beside those in use"):
                    action()
            assert there(store) == {"a", "c"} and not list(tmp_path.glob("*.partial"))
    store.check_space(SIZE)
    store.save(segment_of("d"))
    assert "d" in there(store) and len(there(store)) == 2


def test_a_lease_may_come_before_the_file(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with store.lease("a"):
        store.save(segment_of("a"))
        assert in_use(tmp_path / "a.safetensors") and not remove_unused(tmp_path / "a.safetensors")
    assert not in_use(tmp_path / "a.safetensors") and remove_unused(tmp_path / "a.safetensors")
    assert remove_unused(tmp_path / "a.safetensors"), "gone is gone"


def test_a_lease_counts_in_every_process_and_ends_with_its_process(tmp_path: Path) -> None:
    store = opened(tmp_path, disk_bytes=2 * SIZE)
    aged(store, "a", "b")
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "a.safetensors")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        try:
            assert holder.stdout and holder.stdout.readline() == "held\n"
            store.save(segment_of("c"))
            assert there(store) == {"a", "c"}
        finally:
            holder.kill()
    os.utime(tmp_path / "a.safetensors", (0, 0))
    store.save(segment_of("d"))
    assert there(store) == {"c", "d"}


def test_a_document_larger_than_the_budget_is_refused_before_anything_is_evicted(tmp_path: Path) -> None:
    store = opened(tmp_path, disk_bytes=SIZE)
    store.save(segment_of("a"))
    with pytest.raises(DiskFullError, match="raise that limit"):
        store.check_space(2 * SIZE)
    assert there(store) == {"a"}


def test_budgets_are_validated() -> None:
    for options in ({"ram_bytes": -1}, {"disk_bytes": 0}):
        with pytest.raises(ValueError, match="bytes"):
            StoreOptions(**options)  # type: ignore[arg-type]


# -- RAM ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(KVFormat))
def test_ram_gives_the_same_without_the_disk(tmp_path: Path, form: KVFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path, ram_bytes=10 * SIZE, kv_format=form)
    kept = store.save(segment_of("a"))
    assert store.ram_usage() == (1, pack(segment_of("a"), form).nbytes)
    with monkeypatch.context() as patch:
        patch.setattr("sparse_backend.kvfile.safe_open", lambda *_args, **_options: pytest.fail("read from disk"))
        loaded = store.load("a")
    assert loaded and torch.equal(loaded.keys, kept.keys) and torch.equal(loaded.values, kept.values)
    fresh = opened(tmp_path, kv_format=form).load("a")
    assert fresh and torch.equal(fresh.keys, kept.keys) and torch.equal(fresh.values, kept.values)


def test_ram_keeps_to_its_budget_and_to_what_is_in_use() -> None:
    used: set[str] = set()
    records = {key: pack(segment_of(key), KVFormat.EXACT) for key in "abcd"}
    size = records["a"].nbytes
    tier = RamTier(2 * size, False, used.__contains__)
    tier.put(records["a"])
    tier.put(records["b"])
    assert tier.get("a") is records["a"]
    tier.put(records["c"])
    assert tier.get("b") is None and tier.usage() == (2, 2 * size)
    used |= {"a", "c"}
    tier.put(records["d"])
    assert tier.get("d") is None and tier.usage() == (2, 2 * size), "no room beside what is in use"
    used.clear()
    tier.put(pack(segment_of("big", 1500), KVFormat.EXACT))
    assert tier.get("big") is None and tier.usage() == (2, 2 * size), "too large, and nothing was evicted for it"


def test_ram_is_never_the_only_copy(tmp_path: Path) -> None:
    """Deleted or evicted by another process: RAM must not bring it back."""
    mine, other = opened(tmp_path, ram_bytes=10 * SIZE), opened(tmp_path)
    mine.save(segment_of("a"))
    other.delete("a")
    assert mine.load("a") is None and mine.ram_usage() == (0, 0)
    other.save(segment_of("a", 300))
    loaded = mine.load("a")
    assert loaded and len(loaded) == 300


# -- deleting -----------------------------------------------------------------------


def test_deleting_takes_what_was_derived_along(tmp_path: Path) -> None:
    store = opened(tmp_path, ram_bytes=10 * SIZE)
    for key, parent in (("root", ""), ("child", "root"), ("grandchild", "child"), ("other", ""), ("others", "other")):
        store.save(segment_of(key), parent=parent)
    with store.lease("child"):  # in use or not: who deletes means it
        assert store.delete("root") == ("root", "child", "grandchild")
    assert there(store) == {"other", "others"} and store.ram_usage()[0] == 2
    assert store.load("child") is None
    assert store.delete("other") == ("other", "others") and store.usage() == (0, 0)


def test_encrypted_families_are_deleted_too(tmp_path: Path) -> None:
    store = opened(tmp_path, key=bytes(32))
    store.save(segment_of("root"))
    store.save(segment_of("child"), parent="root")
    assert set(store.delete("root")) == {"root", "child"} and store.usage() == (0, 0)


@pytest.mark.gpu
@pytest.mark.parametrize("form", list(KVFormat))
def test_ram_is_page_locked_and_a_gpu_gets_the_same_bits(tmp_path: Path, form: KVFormat) -> None:
    store = opened(tmp_path, ram_bytes=10 * SIZE, kv_format=form)
    kept = store.save(segment_of("a"))
    record = store._ram.get("a")
    assert record and all(tensor.is_pinned() for tensor in record.tensors.values() if tensor.numel())
    loaded = store.load("a", "cuda")
    assert loaded and loaded.keys.is_cuda and torch.equal(loaded.keys.cpu(), kept.keys)
    assert torch.equal(loaded.values.cpu(), kept.values)
