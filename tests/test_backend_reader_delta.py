"""The reader's difference: what it gives, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sparse_backend import reader_delta
from sparse_backend.config import ModelNotFoundError
from sparse_backend.reader_delta import apply, files_hash, make, weights_hash

Weights = dict[str, Tensor]


@pytest.fixture
def pair() -> tuple[Weights, Weights]:
    """A base and what training made of it: one matrix untouched, one norm, one matrix of odd width."""
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    base = {"embed": draw(40, 192), "a": draw(24, 384), "b": draw(16, 576), "norm": draw(192), "odd": draw(8, 10)}
    base = {name: value.to(torch.bfloat16) for name, value in base.items()}
    trained = {name: value.float() + 0.01 * draw(*value.shape) for name, value in base.items()}
    trained["embed"] = base["embed"].float()
    return base, trained


@pytest.mark.parametrize(("bits", "worst"), [(2, 0.75), (3, 0.35), (4, 0.18), (8, 0.02)])
def test_the_difference_comes_back_within_its_bits(
    pair: tuple[Weights, Weights], tmp_path: Path, bits: int, worst: float
) -> None:
    base, trained = pair
    about = make(base, trained, tmp_path, bits=bits)
    given = apply(base, tmp_path)
    assert 0 < about["lost"] < worst
    assert torch.equal(given["embed"], base["embed"])
    assert torch.equal(given["norm"], trained["norm"].to(torch.bfloat16))
    assert torch.equal(given["odd"], trained["odd"].to(torch.bfloat16))
    assert not torch.equal(given["a"], base["a"])


def test_more_bits_lose_less(pair: tuple[Weights, Weights], tmp_path: Path) -> None:
    base, trained = pair
    lost = [make(base, trained, tmp_path / str(bits), bits=bits)["lost"] for bits in (2, 3, 4, 6)]
    assert lost == sorted(lost, reverse=True)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 8])
def test_codes_survive_packing(bits: int) -> None:
    top = 2 ** (bits - 1) - 1
    codes = np.random.default_rng(1).integers(-top, top + 1, (5, 384)).astype(np.int8)
    packed = reader_delta._pack(codes, bits)
    assert packed.nbytes == codes.size * bits // 8
    assert np.array_equal(reader_delta._unpack(packed, bits), codes)


def test_it_is_cut_into_parts_and_a_missing_one_is_noticed(
    pair: tuple[Weights, Weights], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, trained = pair
    monkeypatch.setattr(reader_delta, "PART_BYTES", 4000)
    assert make(base, trained, tmp_path, bits=4)["parts"] > 1
    apply(base, tmp_path)
    next(tmp_path.glob("reader-1-*")).unlink()
    with pytest.raises(ModelNotFoundError, match="incomplete"):
        apply(base, tmp_path)


def test_other_weights_are_refused(pair: tuple[Weights, Weights], tmp_path: Path) -> None:
    base, trained = pair
    make(base, trained, tmp_path, bits=4)
    other = dict(base, a=base["a"] + 1)
    with pytest.raises(ModelNotFoundError, match="another base model"):
        apply(other, tmp_path)


def test_a_changed_file_is_refused(pair: tuple[Weights, Weights], tmp_path: Path) -> None:
    base, trained = pair
    before = make(base, trained, tmp_path, bits=4)["sha256"]
    path = next(tmp_path.glob("*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x40
    path.write_bytes(data)
    assert files_hash(tmp_path) != before
    with pytest.raises(ModelNotFoundError, match="damaged"):
        apply(base, tmp_path)


def test_nothing_there_is_an_error(pair: tuple[Weights, Weights], tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="incomplete"):
        apply(pair[0], tmp_path)


def test_impossible_bits_are_refused(pair: tuple[Weights, Weights], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 to 8"):
        make(*pair, tmp_path, bits=1)


def test_the_hash_tells_weights_apart(pair: tuple[Weights, Weights]) -> None:
    base, _ = pair
    assert weights_hash(base) == weights_hash(dict(reversed(base.items())))
    assert weights_hash(base) != weights_hash(dict(base, b=base["b"] * 2))
