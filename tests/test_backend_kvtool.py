"""The command line over saved segments: exit status, one sentence on stderr, the last line JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sparse_backend import sealing
from sparse_backend.kvstore import SegmentStore, StoreOptions
from sparse_backend.kvtool import main
from sparse_backend.sealing import derive_key
from sparse_backend.segment import Segment


def fill(root: Path, key: bytes | None = None) -> SegmentStore:
    store = SegmentStore(root, StoreOptions(key=key))
    store.open()
    keys = torch.rand(1, 1, 9, 4)
    store.save(Segment("root", tuple(range(9)), (), keys, -keys))
    store.save(Segment("child", tuple(range(9)), (), keys + 1, -keys), parent="root")
    return store


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object], str]:
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, json.loads(out.splitlines()[-1]) if out else {}, err


def test_usage_verify_delete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = fill(tmp_path)
    number, size = store.usage()
    assert run(capsys, "usage", "--segments", tmp_path) == (0, {"segments": number, "bytes": size}, "")
    assert run(capsys, "verify", "--segments", tmp_path) == (0, {"segments": 2, "bytes": size, "damaged": []}, "")
    path = tmp_path / "child.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    status, found, _ = run(capsys, "verify", "--segments", tmp_path)
    assert status == 1 and found["damaged"] == ["child.safetensors"]
    assert run(capsys, "delete", "root", "--segments", tmp_path) == (0, {"deleted": 2}, "")
    assert run(capsys, "delete", "root", "--segments", tmp_path) == (1, {"deleted": 0}, "")
    assert not list(tmp_path.iterdir())


def test_an_encrypted_folder_needs_its_passphrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sealing._SCRYPT, "n", 16)
    right, wrong, root = tmp_path / "right", tmp_path / "wrong", tmp_path / "segments"
    right.write_text("open sesame\nsecond line\n")
    wrong.write_text("")
    fill(root, derive_key("open sesame", root))
    status, found, _ = run(capsys, "verify", "--segments", root, "--passphrase-file", right)
    assert status == 0 and found["segments"] == 2
    status, _, error = run(capsys, "verify", "--segments", root)
    assert status == 2 and "encrypted" in error
    for content, words in (("open", "does not open"), ("", "empty")):
        wrong.write_text(content)
        status, _, error = run(capsys, "delete", "root", "--segments", root, "--passphrase-file", wrong)
        assert status == 2 and words in error and error.count("\n") == 1
    assert (root / "root.sealed").exists()


def test_wrong_input_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = run(capsys, "usage", "--segments", tmp_path / "none")
    assert status == 2 and "--segments" in error and not (tmp_path / "none").exists()
    status, _, error = run(capsys, "delete", "../x", "--segments", tmp_path)
    assert status == 2 and "not the key" in error
    status, _, error = run(capsys, "usage", "--segments", tmp_path, "--passphrase-file", tmp_path / "none")
    assert status == 2 and "none" in error
    for arguments in (["delete"], ["usage", "k"]):
        with pytest.raises(SystemExit) as caught:
            main([*arguments, "--segments", str(tmp_path)])
        assert caught.value.code == 2
