"""Segments on disk: complete or absent, whatever happens meanwhile. And the hash under which they are kept."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparse_backend import atomic, kvfile, kvstore
from sparse_backend.config import DiskFullError, SegmentStoreError
from sparse_backend.kvstore import SegmentStore
from sparse_backend.segment import Segment

ROOT = Path(__file__).parents[1]
DEAD = 2**22 + 1  # above the kernel's highest process id
SAVER = """
import sys, time, types
from pathlib import Path
import torch
package = sys.modules["sparse_backend"] = types.ModuleType("sparse_backend")
package.__path__ = ["sparse_backend"]  # without what the package itself imports: transformers takes seconds
from sparse_backend import atomic, kvstore
from sparse_backend.segment import Segment

root, mode = Path(sys.argv[1]), sys.argv[2]
store = kvstore.SegmentStore(root)
keys = torch.arange(2 * 2 * 30_000 * 4, dtype=torch.float32).view(2, 2, 30_000, 4)
segment = Segment("same", tuple(range(30_000)), (0,), keys, -keys)
if mode == "hang":  # after the file is written, before it has its name
    atomic.flush = lambda path: (print(path.name, flush=True), time.sleep(600))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(1 if mode == "hang" else 12):
    store.save(segment)
    loaded = store.load("same")
    assert loaded is not None and torch.equal(loaded.values, -keys)
"""


def segment_of(n: int = 5, key: str = "k", dtype: torch.dtype = torch.float32) -> Segment:
    keys = torch.randn(3, 2, n, 4, generator=torch.Generator().manual_seed(n)).to(dtype)
    return Segment(key, tuple(range(100, 100 + n)), (0, n - 1), keys, keys + 1)


def same(one: Segment | None, other: Segment) -> bool:
    if one is None or (one.key, one.token_ids, one.anchors) != (other.key, other.token_ids, other.anchors):
        return False
    tensors = ((one.keys, other.keys), (one.values, other.values))
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in tensors)


@pytest.fixture
def store(tmp_path: Path) -> SegmentStore:
    made = SegmentStore(tmp_path / "segments")
    made.open()
    return made


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_saved_comes_back(store: SegmentStore, dtype: torch.dtype) -> None:
    segment = segment_of(dtype=dtype)
    assert not store.has("k") and store.load("k") is None and store.usage() == (0, 0)
    store.save(segment)
    assert store.has("k") and same(store.load("k"), segment)
    number, size = store.usage()
    assert number == 1 and size > segment.keys.nbytes + segment.values.nbytes
    store.delete("k")
    store.delete("k")
    assert not store.has("k") and store.usage() == (0, 0)


def test_a_segment_without_anchors_comes_back(store: SegmentStore) -> None:
    keys = torch.ones(1, 1, 1, 2)
    segment = Segment("k", (7,), (), keys, keys + 1)
    store.save(segment)
    assert same(store.load("k"), segment)


def test_a_file_of_another_version_or_key_is_not_used(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(segment_of(key="a"))
    (store.root / "a.safetensors").rename(store.root / "b.safetensors")
    assert store.load("b") is None
    store.save(segment_of(key="a"))
    monkeypatch.setattr(kvfile, "FILE_FORMAT", kvfile.FILE_FORMAT + 1)
    assert store.load("a") is None


def test_damage_is_never_mistaken_for_a_segment(store: SegmentStore) -> None:
    """Cut anywhere, or with any bit of header or body flipped: absent, and it can be saved anew."""
    segment = segment_of()
    store.save(segment)
    path = store.root / "k.safetensors"
    good = path.read_bytes()
    header = 8 + int.from_bytes(good[:8], "little")
    for length in [*range(0, len(good), 13), len(good) - 1]:
        path.write_bytes(good[:length])
        assert store.load("k") is None, length
        assert not path.exists(), length
    for bit in [*range(0, header * 8, 23), *range(header * 8, len(good) * 8, 41)]:
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        loaded = store.load("k")
        assert loaded is None or same(loaded, segment), bit
    path.write_bytes(good[:-1])
    store.save(segment)
    assert same(store.load("k"), segment)


def test_a_passing_failure_to_read_deletes_nothing(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(segment_of())

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(kvfile, "safe_open", refuse)
        assert store.load("k") is None
    assert same(store.load("k"), segment_of())


def test_a_loaded_segment_outlives_its_file(store: SegmentStore) -> None:
    store.save(segment_of())
    loaded = store.load("k")
    store.delete("k")
    assert same(loaded, segment_of())


def test_too_little_space_is_found_out_before(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(store.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000 + kvstore.MARGIN))
    store.check_space(1000)
    with pytest.raises(DiskFullError, match="--data-dir"):
        store.check_space(1001)


def test_a_full_disk_leaves_nothing_behind(small_disk: Path) -> None:
    store = SegmentStore(small_disk / "segments")
    store.open()
    store.save(segment_of(10))
    with pytest.raises(DiskFullError, match="MB free"):
        store.save(segment_of(50_000, "big"))
    assert [path.name for path in store.root.iterdir()] == ["k.safetensors"]
    assert same(store.load("k"), segment_of(10))
    store.save(segment_of(11, "small"))


@pytest.mark.parametrize("call", ["kvfile.save_file", "atomic.flush", "atomic.os.replace"])
@pytest.mark.parametrize("number, error", [(errno.ENOSPC, DiskFullError), (errno.EIO, SegmentStoreError)])
def test_failed_writes_keep_the_old_file_and_nothing_else(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch, call: str, number: int, error: type[Exception]
) -> None:
    store.save(segment_of())

    def fail(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(f"sparse_backend.{call}", fail)
        with pytest.raises(SegmentStoreError) as caught:
            store.save(segment_of(9))
    assert type(caught.value) is error
    assert [path.name for path in store.root.iterdir()] == ["k.safetensors"]
    assert same(store.load("k"), segment_of())


def saver(root: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SAVER, str(root), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_killed_and_competing_processes(store: SegmentStore) -> None:
    """One process hangs while saving and is killed; another and we save the same segment again and again."""
    hanging, rival = saver(store.root, "hang"), saver(store.root, "save")
    try:
        for process in (hanging, rival):
            assert process.stdout and process.stdout.readline() == "ready\n"
        assert hanging.stdin and hanging.stdout
        hanging.stdin.write("go\n")
        hanging.stdin.flush()
        partial = store.root / hanging.stdout.readline().strip()
        store.open()
        assert partial.exists(), "its writer is alive"
        assert store.load("same") is None and store.usage() == (0, 0)
        hanging.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 10
        while atomic.writer_alive(partial) and time.monotonic() < deadline:
            time.sleep(0.01)
        store.open()  # the corpse was not even waited for
        assert not partial.exists()
        assert rival.stdin
        rival.stdin.write("go\n")
        rival.stdin.flush()
        keys = torch.arange(2 * 2 * 30_000 * 4, dtype=torch.float32).view(2, 2, 30_000, 4)
        ours, rounds = Segment("same", tuple(range(30_000)), (0,), keys, -keys), 0
        while rival.poll() is None:
            store.save(ours)
            assert same(store.load("same"), ours)
            rounds += 1
        assert rival.returncode == 0 and rounds > 1
        assert [path.name for path in store.root.iterdir()] == ["same.safetensors"]
        assert same(store.load("same"), ours)
    finally:
        for process in (hanging, rival):
            process.kill()
            process.communicate()


def test_leftovers_are_told_from_work_in_progress(store: SegmentStore) -> None:
    names = [f"k.{DEAD}.a.partial", "k.partial", "k.x.a.partial", f"k.{os.getpid()}.old.partial"]
    for name in names:
        (store.root / name).write_bytes(b"half")
    os.utime(store.root / names[-1], (time.time() - 1e6,) * 2)  # an earlier process had our id
    live = store.root / f"k.{os.getpid()}.new.partial"
    live.write_bytes(b"half")
    store.open()
    assert list(store.root.iterdir()) == [live]
