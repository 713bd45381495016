"""Engine.read: what is read is read once, and nothing is left behind."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from sparse_backend import Cancelled, ContextTooLongError, Decoder, Engine, EngineOptions, Impl
from sparse_backend.config import DiskFullError, OutOfMemoryError, UnsupportedPatternError
from sparse_backend.kvstore import MARGIN
from sparse_backend.presets import LEVELS
from tests.engine_cases import ANCHORS, DOC, NEVER, QUESTION, ask, decoder, loaded, made, quick
from tests.tiny import LIMIT, engine, llama, load, save, tokens

__all__ = ["decoder", "loaded", "made", "quick"]  # fixtures


def test_a_document_is_read_once(made: Engine, decoder: Any) -> None:
    first = made.read(DOC, ANCHORS)
    assert (first.cached_tokens, decoder.fed) == (0, len(DOC))
    assert decoder.complete == 0  # the last layer's output is never computed
    assert [len(ids) for ids in decoder.calls] == [16] * 6 + [4]
    again = made.read(DOC, ANCHORS)
    assert (again.cached_tokens, decoder.fed) == (len(DOC), len(DOC))
    assert again.segment is first.segment


def test_after_a_restart_it_comes_from_disk(made: Engine, decoder: Any, tmp_path: Path) -> None:
    first = made.read(DOC, ANCHORS).segment
    answer = ask(made, first, QUESTION)
    fed = decoder.fed
    restarted = engine(decoder, tmp_path)
    read = restarted.read(DOC, ANCHORS)
    assert (read.cached_tokens, decoder.fed) == (len(DOC), fed)
    assert torch.equal(read.segment.keys, first.keys) and torch.equal(read.segment.values, first.values)
    again = ask(restarted, read.segment, QUESTION)
    assert again.token_ids == answer.token_ids
    torch.testing.assert_close(again.evidence.dense(), answer.evidence.dense(), rtol=1e-5, atol=1e-7)  # other alignment


def test_memory_holds_only_the_last_documents(decoder: Any, tmp_path: Path) -> None:
    made = engine(decoder, tmp_path, resident_segments=2)
    segments = [made.read(tokens(20, seed), []).segment for seed in range(3)]
    assert made.read(tokens(20, 1), []).segment is segments[1]
    assert made.read(tokens(20, 0), []).segment is not segments[0]  # from disk
    assert made.read(tokens(20, 1), []).segment is segments[1]
    assert decoder.fed == 60


@pytest.mark.parametrize("name", ["truncated", "header"])
def test_a_damaged_segment_is_read_again(made: Engine, decoder: Any, tmp_path: Path, name: str) -> None:
    first = made.read(DOC, ANCHORS).segment
    (path,) = tmp_path.glob("*.safetensors")
    good = bytearray(path.read_bytes())
    good[20] ^= 1
    path.unlink()  # the engine may have the old file mapped
    path.write_bytes(good if name == "header" else good[:-50])
    read = engine(decoder, tmp_path).read(DOC, ANCHORS)
    assert (read.cached_tokens, decoder.fed) == (0, 2 * len(DOC))
    assert torch.equal(read.segment.keys, first.keys)
    assert engine(decoder, tmp_path).read(DOC, ANCHORS).cached_tokens == len(DOC)


def test_the_key_follows_everything_that_changes_keys_and_values(
    loaded: Decoder, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = save(tmp_path_factory.mktemp("llama"), llama())
    other = load(save(tmp_path_factory.mktemp("other"), llama(), seed=1))

    def key(decoder: Decoder = loaded, doc: Sequence[int] = DOC, anchors: Sequence[int] = ANCHORS, **o: Any) -> str:
        return Engine(decoder, EngineOptions(tmp_path, **o)).key(doc, anchors)

    keys = [
        key(),
        key(impl=Impl.REFERENCE),
        key(anchors=[20]),
        key(doc=DOC[:-1]),
        key(decoder=load(folder, torch.bfloat16)),
        key(decoder=other),
    ]
    assert len(set(keys)) == len(keys)
    assert key(load(folder), chunk=7) == keys[0]
    assert key(pattern="dense") == keys[0], "so short a text is read densely by either"
    wide = load(save(tmp_path_factory.mktemp("wide"), llama(max_position_embeddings=4096)))
    long = [1] * 1100
    assert len({key(wide, long, level=level) for level in LEVELS} | {key(wide, long, pattern="dense")}) == 4
    assert key(salt="one") != key() != key(salt="two")


def test_chunks_do_not_change_what_is_read(loaded: Decoder, tmp_path: Path) -> None:
    whole = engine(loaded, tmp_path / "whole", chunk=LIMIT).read(DOC, ANCHORS).segment
    for chunk in (7, 99):
        made = engine(loaded, tmp_path / str(chunk), chunk=chunk)
        part = made.read(DOC, ANCHORS).segment
        assert torch.allclose(part.keys, whole.keys, atol=1e-4), chunk
        assert torch.allclose(part.values, whole.values, atol=1e-4), chunk


def test_both_implementations_read_the_same(loaded: Decoder, tmp_path: Path) -> None:
    one, other = (
        engine(loaded, tmp_path / impl, impl=impl).read(DOC, ANCHORS).segment for impl in (Impl.CPU, Impl.REFERENCE)
    )
    assert torch.allclose(one.keys, other.keys, atol=1e-4)
    dense = engine(loaded, tmp_path / "dense", pattern="dense").read(DOC, ANCHORS).segment
    assert not torch.allclose(one.keys, dense.keys, atol=1e-2)


def test_progress_goes_from_zero_to_all(made: Engine) -> None:
    seen: list[tuple[int, int]] = []
    made.read(DOC, ANCHORS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 100) for done in (0, 16, 32, 48, 64, 80, 96, 100)]
    seen.clear()
    made.read(DOC, ANCHORS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(100, 100)]


def test_cancelling_leaves_nothing(made: Engine, decoder: Any, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        made.read(DOC, ANCHORS, cancel=lambda: len(decoder.calls) == 3)
    assert len(decoder.calls) == 3 and not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0
    assert decoder.fed == 3 * 16 + len(DOC)


def test_forgetting_removes_memory_disk_and_tails(made: Engine, decoder: Any, tmp_path: Path) -> None:
    segment = made.read(DOC, ANCHORS).segment
    ask(made, segment, QUESTION)
    running = made.ask(segment, QUESTION, stop_ids=NEVER, max_new_tokens=8)
    next(running)
    made.forget(segment.key)
    running.close()
    assert not list(tmp_path.iterdir()) and not len(made.shelf) and not len(made.tails)
    assert made.read(DOC, ANCHORS).cached_tokens == 0
    ask(made, segment, QUESTION)
    assert len(made.tails) == 1


def test_what_cannot_fit_fails_before_the_first_pass(
    made: Engine, decoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContextTooLongError, match="headers") as caught:
        engine(decoder, tmp_path, pattern="dense").read(tokens(LIMIT + 1), [])
    assert (caught.value.tokens, caught.value.limit) == (LIMIT + 1, LIMIT)
    with pytest.raises(ValueError, match="nothing to read"):
        made.read([], [])
    with pytest.raises(ValueError, match="anchors"):
        made.read(DOC, [len(DOC)])
    memory = psutil.virtual_memory()
    with monkeypatch.context() as patch:
        patch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10_000))
        with pytest.raises(OutOfMemoryError, match="close other programs"):
            made.read(DOC, ANCHORS)
    disk = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: disk._replace(free=MARGIN))
        with pytest.raises(DiskFullError):
            made.read(DOC, ANCHORS)
    assert decoder.calls == [] and not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    made: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_tensors: object, path: Path, _metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("sparse_backend.kvfile.save_file", fail)
        with pytest.raises(DiskFullError):
            made.read(DOC, ANCHORS)
    assert not list(tmp_path.iterdir()) and not len(made.shelf)
    assert made.read(DOC, ANCHORS).cached_tokens == 0


def test_an_unknown_pattern_is_refused_at_once(loaded: Decoder, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPatternError):
        engine(loaded, tmp_path, pattern="nonesuch")
