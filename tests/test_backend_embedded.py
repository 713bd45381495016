"""The embedded model: where it is found, when it is refused, and that it is unpacked only once."""

import os
import time
from pathlib import Path

import pytest
import torch

from sparse_backend import EngineOptions, embedded, unpack
from sparse_backend.config import ModelNotFoundError
from sparse_backend.engine import Engine
from sparse_backend.loading import load_decoder
from sparse_backend.presets import preset

pytestmark = pytest.mark.model
DEAD = 2**22 + 1  # above the kernel's highest process id


def fake_convert(_gguf: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text("{}")


def test_the_installed_file_is_found_and_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.find_gguf().name == embedded.FILE
    monkeypatch.setattr(embedded, "SHA256", "0" * 64)
    with pytest.raises(ModelNotFoundError, match="is not the embedded model"):
        embedded.find_gguf()


def test_nothing_is_made_of_a_wrong_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(embedded, "SHA256", "0" * 64)
    with pytest.raises(ModelNotFoundError):
        embedded.ensure_embedded(tmp_path / "models")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("change", [("PACKAGE", "no_such_package"), ("FILE", "no-such.gguf")])
def test_a_missing_model_says_what_to_do(monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]) -> None:
    monkeypatch.setattr(embedded, *change)
    with pytest.raises(ModelNotFoundError, match=r"make install.*--model"):
        embedded.find_gguf()


def test_a_made_folder_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(unpack, "convert", fake_convert)
    made = embedded.ensure_embedded(tmp_path, reader=False)
    monkeypatch.setattr(unpack, "convert", None)  # another call would fail
    monkeypatch.setattr(embedded, "PACKAGE", "no_such_package")  # not even the package is needed now
    assert embedded.ensure_embedded(tmp_path, reader=False) == made
    assert embedded.SHA256[:12] in made.name


def test_what_was_left_half_made_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left = tmp_path / f"{embedded.NAME}.{DEAD}.aaaaaaaa.partial"
    left.mkdir()
    (left / "model.safetensors").write_text("half")
    reused = tmp_path / f"{embedded.NAME}.{os.getpid()}.bbbbbbbb.partial"  # of an earlier process with this id
    reused.mkdir()
    os.utime(reused, (time.time() - 1e6,) * 2)
    live = tmp_path / f"{embedded.NAME}.{os.getpid()}.cccccccc.partial"  # another thread or process at work
    live.mkdir()
    monkeypatch.setattr(unpack, "convert", fake_convert)
    made = embedded.ensure_embedded(tmp_path, reader=False)
    assert sorted(tmp_path.iterdir()) == sorted([made, live])


def test_a_failed_conversion_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_gguf: Path, folder: Path) -> None:
        folder.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(unpack, "convert", fail)
    with pytest.raises(OSError, match="disk full"):
        embedded.ensure_embedded(tmp_path, reader=False)
    assert not list(tmp_path.iterdir())


def test_a_faster_process_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def convert(gguf: Path, folder: Path) -> None:
        target = tmp_path / f"{embedded.NAME}-bf16-{embedded.SHA256[:12]}"
        fake_convert(gguf, target)
        (target / "theirs").touch()
        fake_convert(gguf, folder)

    monkeypatch.setattr(unpack, "convert", convert)
    made = embedded.ensure_embedded(tmp_path, reader=False)
    assert (made / "theirs").exists() and list(tmp_path.iterdir()) == [made]


def test_the_reader_reads_under_the_windows_it_was_trained_with(shared_data: Path, tmp_path: Path) -> None:
    folder = embedded.ensure_embedded(shared_data / "models")
    decoder = load_decoder(embedded.NAME, str(folder), torch.bfloat16, tmp_path / "fingerprints.json")
    engine = Engine(decoder, EngineOptions(tmp_path / "segments", "headers", "balanced"))
    assert decoder.trained and engine.schedule == preset("headers", "balanced", trained=True)
    assert engine.schedule != preset("headers", "balanced")
