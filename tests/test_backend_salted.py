"""Organisations share nothing: not a file, not its name, not the time it takes to find that it is not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.salted import salted_segment_key
from sparse_backend.segment import Segment, segment_key

DOC = ("model", "pattern", "impl", (1, 2, 3), (0,))
SALTS = st.text("ab\0", min_size=1, max_size=3) | st.sampled_from(["a", "a\0", "a" * 64, "a" * 65])


@given(one=SALTS, other=SALTS)
def test_two_salts_never_share(one: str, other: str) -> None:
    assert (salted_segment_key(one, *DOC) == salted_segment_key(other, *DOC)) == (one == other)


def test_everything_else_changes_the_key_as_before() -> None:
    changed = [("m", *DOC[1:]), (*DOC[:3], (1, 2), (0,)), (*DOC[:3], (1, 2, 3), (1,))]
    assert len({salted_segment_key("a", *parts) for parts in [DOC, *changed]}) == 4
    assert salted_segment_key("a", *DOC) != segment_key(*DOC)
    with pytest.raises(ValueError, match="salt"):
        salted_segment_key("", *DOC)


def test_another_organisations_document_is_as_absent_as_an_unread_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for it makes the very calls that asking for what nobody read makes, and no time stamp changes."""
    store = SegmentStore(tmp_path, StoreOptions(ram_bytes=1 << 20))
    store.open()
    theirs, mine = (salted_segment_key(salt, *DOC) for salt in ("theirs", "mine"))
    keys = torch.ones(1, 1, 3, 2)
    store.save(Segment(theirs, DOC[3], DOC[4], keys, -keys))
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    unread = salted_segment_key("mine", "model", "pattern", "impl", (9, 9, 9), ())

    def calls(key: str) -> list[str]:
        made: list[str] = []

        def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                made.append(name)
                return real(*args, **options)

            return call

        with monkeypatch.context() as patch:
            for name in ("stat", "utime", "open"):
                patch.setattr(os, name, noted(name, getattr(os, name)))
            patch.setattr("sparse_backend.kvfile.safe_open", noted("safe_open", lambda *_args, **_options: None))
            assert store.load(key) is None and not store.has(key)
        return made

    assert calls(mine) == calls(unread) != []
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert not [path for path in tmp_path.iterdir() if mine in path.name or mine.encode() in path.read_bytes()]
