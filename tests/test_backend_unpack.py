"""GGUF files: unpacked once, to the weights they hold, and refused where something would be lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from sparse_backend import load_decoder, unpack
from sparse_backend.config import ModelNotFoundError, UnsupportedModelError
from sparse_backend.unpack import ensure_unpacked_file, gguf_of
from tests.gguf_file import TOKENS, write
from tests.tiny import build, llama, one_thread


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def model() -> Any:
    return build(llama(vocab_size=TOKENS, hidden_size=64, num_attention_heads=8, rope_theta=20_000.0)).bfloat16()


def test_the_weights_and_the_tokenizer_are_those_of_the_file(model: Any, tmp_path: Path) -> None:
    folder = ensure_unpacked_file(write(tmp_path / "Tiny-1.5B.gguf", model), tmp_path / "models")
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert weights[name].dtype == torch.bfloat16
        assert torch.equal(weights[name], tensor), name
    decoder = load_decoder("tiny", str(folder), torch.float32, tmp_path / "f.json")
    assert (decoder.limit, decoder.shape.head_dim) == (512, 8)
    assert decoder.model.config.rope_parameters["rope_theta"] == 20_000
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast and tokenizer.eos_token == "<|end|>"
    ids = tokenizer("abc é", add_special_tokens=False)["input_ids"]
    assert ids[0] == TOKENS - 2 and tokenizer.decode(ids) == "abc é"
    assert not [path for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pkl")]


def test_quantised_files_are_dequantised(model: Any, tmp_path: Path) -> None:
    """Q8_0 keeps 8 bits of each group of 32, bf16 as many of each number."""
    folder = ensure_unpacked_file(write(tmp_path / "tiny.gguf", model, kind="Q8_0"), tmp_path / "models")
    weights = load_file(folder / "model.safetensors")
    for name, tensor in model.state_dict().items():
        error = (weights[name].float() - tensor.float()).norm() / tensor.float().norm()
        assert error < 0.01, (name, float(error))


def test_a_file_is_unpacked_once_wherever_it_lies(model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.b.gguf", model)
    made = ensure_unpacked_file(path, tmp_path / "models")
    monkeypatch.setattr(unpack, "convert", None)  # another call would fail
    moved = path.rename(tmp_path / "models" / path.name)
    assert ensure_unpacked_file(moved, tmp_path / "models") == made
    other = moved.with_name("c.gguf")
    other.write_bytes(moved.read_bytes() + b"\0")
    with pytest.raises(TypeError):  # other bytes are another model
        ensure_unpacked_file(other, tmp_path / "models")


def refused(path: Path, reason: str) -> None:
    models = path.parent / "models"
    with pytest.raises(
        UnsupportedModelError, match=rf"^{path.name} cannot be served: .*{reason}.*safetensors weights\.$"
    ):
        ensure_unpacked_file(path, models)
    assert [left.name for left in models.iterdir()] == ["fingerprints.json"]


def test_architectures_that_cannot_be_unpacked_are_refused_by_name(model: Any, tmp_path: Path) -> None:
    refused(write(tmp_path / "odd.gguf", model, architecture="rwkv6"), "architecture “rwkv6”")


def test_what_would_be_lost_is_refused(model: Any, tmp_path: Path) -> None:
    table = np.ones(4, np.float32)
    refused(write(tmp_path / "table.gguf", model, rope_freqs__weight=2 * table), "not Llama 3's")
    refused(write(tmp_path / "long.gguf", model, rope_factors_long__weight=table), "rope_factors_long.weight")
    refused(write(tmp_path / "yarn.gguf", model, rope__scaling__type="yarn"), "stretched by “yarn”")
    refused(write(tmp_path / "part.gguf", model, split__count=3), "one part of several")


def test_the_stretched_positions_of_llama_3_are_read_from_their_table(tmp_path: Path) -> None:
    """The table as llama.cpp's converter writes it: plain frequencies over stretched ones."""
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope |= {"original_max_position_embeddings": 8192, "rope_theta": 500_000.0}
    model = build(llama(vocab_size=TOKENS, head_dim=16, rope_parameters=rope, max_position_embeddings=131_072))
    stretched = model.model.rotary_emb.inv_freq
    table = (500_000.0 ** -(torch.arange(8) / 8) / stretched).numpy()
    assert len(set(table.round(3))) > 2
    path = write(tmp_path / "llama3.gguf", model, rope_freqs__weight=table.astype(np.float32))
    decoder = load_decoder("tiny", str(ensure_unpacked_file(path, tmp_path / "models")), torch.float32, tmp_path / "f")
    assert decoder.limit == 131_072
    assert torch.allclose(decoder.model.model.rotary_emb.inv_freq, stretched, rtol=1e-5)


def test_missing_tensors_are_not_made_up(model: Any, tmp_path: Path) -> None:
    refused(write(tmp_path / "less.gguf", model, without="1.mlp.up_proj"), "up_proj|1 tensors")


def test_damaged_files_are_refused(model: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "cut.gguf", model)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "damaged")
    (tmp_path / "models" / "fingerprints.json").unlink()
    path.write_bytes(b"PK\3\4" + whole[4:])
    refused(path, "no GGUF file")


def test_a_folder_with_one_file_is_that_file(model: Any, tmp_path: Path) -> None:
    assert gguf_of("owner/name") is None
    assert gguf_of(str(tmp_path)) is None
    path = write(tmp_path / "one.gguf", model)
    assert gguf_of(str(tmp_path)) == gguf_of(str(path)) == path
    (tmp_path / "two.gguf").touch()
    with pytest.raises(ModelNotFoundError, match=r"one\.gguf, two\.gguf"):
        gguf_of(str(tmp_path))
    (tmp_path / "config.json").touch()
    assert gguf_of(str(tmp_path)) is None
    with pytest.raises(ModelNotFoundError, match="no file"):
        gguf_of(str(tmp_path / "three.gguf"))
