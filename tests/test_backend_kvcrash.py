"""A process killed anywhere while saving leaves the old segment or the new one, never a half, and nothing behind.

One child imports torch and forks the victims, which save versions of one segment: every number of a version is the
same, so a mixture would show.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparse_backend import atomic
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.quantize import KVFormat

ROOT = Path(__file__).parents[1]
MOTHER = """
import os, signal, sys, time, types
from pathlib import Path
import torch
torch.set_num_threads(1)
package = sys.modules["sparse_backend"] = types.ModuleType("sparse_backend")
package.__path__ = ["sparse_backend"]  # without what the package itself imports: transformers takes seconds
from sparse_backend import atomic, kvfile, kvstore, sealing
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.quantize import KVFormat
from sparse_backend.segment import Segment

def version(v):
    keys = torch.full((2, 2, 3000, 16), float(v))
    return Segment("same", (v,) * 3000, (v,), keys, -keys)

def dying(step):
    # kills this process just before its step-th call of what a saving consists of
    left = step
    def wrapped(real):
        def call(*args, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)
        return call
    kvfile.save_file = wrapped(kvfile.save_file)
    sealing.SealedFiles.write = wrapped(sealing.SealedFiles.write)
    sealing._Chunks.sealed = wrapped(sealing._Chunks.sealed)
    atomic.flush, atomic.os.replace = wrapped(atomic.flush), wrapped(atomic.os.replace)
    Path.unlink = wrapped(Path.unlink)

print("ready", flush=True)
for line in sys.stdin:
    root, first, form, key, step = line.split()
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("dead", flush=True)
        continue
    store = SegmentStore(Path(root), StoreOptions(kv_format=KVFormat(form), key=bytes(32) if key == "key" else None))
    if int(step):
        dying(int(step))
    for v in range(int(first), int(first) + (1 if int(step) else 10_000)):
        store.save(version(v))
    os._exit(0)
"""


class Mother:
    """The child that forks the victims."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def fork(self, root: Path, first: int, form: KVFormat, key: bool, step: int) -> int:
        """The id of a new victim, which saves versions from `first` on."""
        self._write(f"{root} {first} {form} {'key' if key else 'plain'} {step}\n")
        return int(self._line())

    def wait(self) -> None:
        """Until the victim is dead."""
        assert self._line() == "dead"

    def _write(self, text: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def mother() -> Iterator[Mother]:
    command = [sys.executable, "-c", MOTHER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        made = Mother(process)
        assert made._line() == "ready"
        yield made
        process.kill()


def saved(store: SegmentStore) -> int | None:
    """The version that is saved, every number of it checked; None when there is none."""
    store.open()
    segment = store.load("same")
    assert store.verify().damaged == ()
    if segment is None:
        assert not store.has("same"), "a damaged file was removed"
        return None
    version = segment.token_ids[0]
    assert set(segment.token_ids) == {version} and segment.anchors == (version,)
    assert bool((segment.keys == float(version)).all()) and bool((segment.values == -float(version)).all())
    return version


def opened(root: Path, form: KVFormat, key: bool) -> SegmentStore:
    store = SegmentStore(root, StoreOptions(kv_format=form, key=bytes(32) if key else None))
    store.open()
    return store


@pytest.mark.parametrize("form, key", [(KVFormat.EXACT, False), (KVFormat.INT8, True)])
def test_killed_at_random_points(mother: Mother, tmp_path: Path, form: KVFormat, key: bool) -> None:
    store, chance = opened(tmp_path, form, key), random.Random(0)
    last = halves = rounds = 0
    while rounds < 15 or not (last and halves):  # a slow machine needs more rounds, and longer ones
        rounds += 1
        assert rounds < 200, "no victim lived long enough, or none died while writing"
        victim = mother.fork(tmp_path, last + 1, form, key, step=0)
        time.sleep(chance.uniform(0, 0.06 + 0.01 * rounds * (rounds > 15)))
        os.kill(victim, signal.SIGKILL)
        mother.wait()
        halves += len(list(tmp_path.glob("*.partial")))
        version = saved(store)
        assert (version or 0) >= last, "an older state came back"
        assert not list(tmp_path.glob("*.partial"))
        last = version or last


@pytest.mark.parametrize("key", [False, True])
def test_killed_before_every_step(mother: Mother, tmp_path: Path, key: bool) -> None:
    """Each step of a saving in turn, until the victim survives them all."""
    store, states = opened(tmp_path, KVFormat.EXACT, key), [(1, True)]
    for step in range(1, 30):
        if states[-1][0] != 1 or step == 1:  # the old state, saved by a victim that survives
            store.delete("same")
            mother.fork(tmp_path, 1, KVFormat.EXACT, key, step=1000)
            mother.wait()
            assert saved(store) == 1
        mother.fork(tmp_path, 2, KVFormat.EXACT, key, step=step)
        mother.wait()
        partials = list(tmp_path.glob("*.partial"))
        assert not any(atomic.writer_alive(partial) for partial in partials)
        states.append((saved(store) or 0, bool(partials)))
        assert not list(tmp_path.glob("*.partial"))
        if states[-1] == states[-2] == (2, False):
            break
    versions = [version for version, _ in states]
    assert set(versions) == {1, 2} and versions == sorted(versions), "from some step on it is the new one"
    assert states.count((1, True)) > 2 and states[-1] == (2, False)
