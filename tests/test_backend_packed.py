"""Packed weights: products equal those of the weights they stand for, whatever the rows, and nothing mixes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from sparse_backend import Decoder, load_decoder
from sparse_backend.config import UnsupportedModelError
from sparse_backend.packed import FEW, Int4Linear, Int8Linear, Weights, bytes_of, pack, parse_weights
from tests.decoder_families import EXPERTS, config
from tests.decoder_families import build as build_family
from tests.tiny import build, engine, llama, one_thread, save, tokens

ROUNDING = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
WIDE = {"hidden_size": 64, "num_attention_heads": 8, "vocab_size": 97}  # 64 wide: the kernels take its shapes


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("wide"), llama(**WIDE))


def load(folder: Path, weights: Weights, dtype: torch.dtype = torch.float32) -> Decoder:
    return load_decoder("tiny", str(folder), dtype, folder / "fingerprints.json", weights)


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize(("kind", "n", "k"), [(Int8Linear, 64, 96), (Int8Linear, 97, 41), (Int4Linear, 128, 96)])
def test_products_are_those_of_the_weights_that_are_held(kind: Any, n: int, k: int, dtype: torch.dtype) -> None:
    """Odd shapes too, which torch's kernel would read beyond their end."""
    torch.manual_seed(0)
    layer = nn.Linear(k, n).to(dtype)
    made = kind(layer.weight.detach(), layer.bias.detach())
    for rows in (1, FEW, FEW + 1, 70):
        x = torch.randn(1, rows, k).to(dtype)
        right = linear(x.double(), made.unpacked().double(), layer.bias.double())
        with torch.inference_mode():
            found = made(x)
        assert found.shape == (1, rows, n) and found.dtype == dtype
        error = (found.double() - right).norm() / right.norm()
        assert error < ROUNDING[dtype], (rows, float(error))


def test_what_is_held_is_the_nearest_that_can_be() -> None:
    weight = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    eight, four = Int8Linear(weight, None), Int4Linear(weight, None)
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((eight.unpacked() - weight).abs() <= 0.5001 * step).all()
    groups = weight.view(64, 3, 32)
    step = (groups.amax(-1) - groups.amin(-1))[..., None] / 15
    assert ((four.unpacked().view(64, 3, 32) - groups).abs() <= 0.5001 * step).all()


def test_zeros_stay_zeros() -> None:
    for kind in (Int8Linear, Int4Linear):
        made = kind(torch.zeros(64, 64), None)
        assert made.unpacked().abs().max() < 1e-9
        assert made(torch.ones(2, 64)).abs().max() < 1e-6


@pytest.mark.parametrize("weights", [Weights.INT8, Weights.INT4])
def test_a_packed_model_reads_and_answers_as_eager_transformers_with_the_same_weights(
    folder: Path, weights: Weights, tmp_path: Path
) -> None:
    decoder, ids = load(folder, weights), tokens(60)
    plain = build(llama(**WIDE))
    linears = {name: module for name, module in plain.named_modules() if isinstance(module, nn.Linear)}
    packed = {
        name: module for name, module in decoder.model.named_modules() if isinstance(module, Int8Linear | Int4Linear)
    }
    assert packed.keys() == linears.keys()
    for name, module in packed.items():
        linears[name].weight = nn.Parameter(module.unpacked())
    with torch.inference_mode():
        for _ in range(12):
            ids.append(int(plain(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    made = engine(decoder, tmp_path, pattern="dense")
    segment = made.read(ids[:50], []).segment
    assert list(made.ask(segment, ids[50:60], stop_ids=frozenset(), max_new_tokens=12)) == ids[60:]


def test_int4_leaves_the_head_and_odd_shapes_in_int8(folder: Path) -> None:
    model = load(folder, Weights.INT4).model
    assert isinstance(model.lm_head, Int8Linear)
    layer = model.model.layers[0]
    assert isinstance(layer.mlp.up_proj, Int4Linear)
    assert isinstance(layer.self_attn.k_proj, Int8Linear)  # 16 rows


def test_packing_saves_memory_and_counts_every_weight(folder: Path) -> None:
    made = {weights: load(folder, weights, torch.bfloat16) for weights in Weights}
    size = {weights: bytes_of(decoder.model.model.layers) for weights, decoder in made.items()}
    assert size[Weights.INT8] < 0.55 * size[Weights.EXACT]
    assert size[Weights.INT4] < 0.75 * size[Weights.INT8]
    assert len({decoder.parameters for decoder in made.values()}) == 1


def test_the_choice_is_part_of_the_fingerprint(folder: Path) -> None:
    prints = {load(folder, weights).fingerprint for weights in Weights}
    assert len(prints) == 3
    assert load_decoder("tiny", str(folder), torch.float32, folder / "fingerprints.json").fingerprint in prints


@pytest.mark.filterwarnings("ignore")
def test_models_whose_weights_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    """Experts are one tensor for all, not linear layers."""
    build_family(config("mixtral", EXPERTS)).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match=r"tiny.*only \d+% of its weights.*--weights exact"):
        load(tmp_path, Weights.INT8)


def test_wrong_kernels_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Int8Linear, "unpacked", lambda self: self.packed.float() * self.scales.float()[:, None] * 1.2)
    with pytest.raises(UnsupportedModelError, match="wrong on this machine"):
        pack(build(llama(**WIDE)), Weights.INT8)


def test_unknown_kinds_list_the_choices() -> None:
    assert parse_weights("int8") is Weights.INT8
    with pytest.raises(UnsupportedModelError, match="“int2”; choose one of exact, int8, int4"):
        parse_weights("int2")


def test_packed_weights_are_refused_on_a_gpu(folder: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="on the CPU only; choose --weights exact or --impl cpu"):
        load(folder, Weights.INT8).to("cuda")
