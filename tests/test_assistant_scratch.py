"""Files of the page do not stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

from assistant.scratch import OLD_S, Scratch


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    for name in ("4194304999", "1", "notes"):  # no process, a living one, and nothing of ours
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret.pdf").write_text("x")
    scratch = Scratch(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["1", str(os.getpid())])
    assert scratch.folder.stat().st_mode & 0o777 == 0o700
    (scratch.folder / "upload").write_text("x")
    scratch.close()
    assert not scratch.folder.exists()


def test_what_nobody_touches_is_swept_and_what_is_new_stays(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    old, new = scratch.folder / "hash" / "old.pdf", scratch.folder / "hash2" / "new.pdf"
    for path in (old, new):
        path.parent.mkdir()
        path.write_text("x")
    long_ago = time.time() - OLD_S - 60
    os.utime(old, (long_ago, long_ago))
    assert scratch.sweep(time.time()) == 1
    assert new.exists() and not old.exists()
    later = time.time() + 2 * OLD_S
    assert scratch.sweep(later) == 1 and not new.exists()
    assert list(scratch.folder.iterdir()) == [] or scratch.sweep(later) == 0
    scratch.close()
