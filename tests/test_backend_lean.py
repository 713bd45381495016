"""The lean walk gives what transformers' modules give, for the families that it knows, and leaves others alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM, Qwen3Config

from sparse_backend import Decoder, load_decoder
from sparse_backend.config import Impl
from sparse_backend.layout import compile_layout
from sparse_backend.lean import ROWS, Lean
from sparse_backend.model import Step
from sparse_backend.packed import Weights
from sparse_backend.pattern import Pattern
from sparse_backend.segment import KVBuffer
from sparse_backend.steps import ReadStep, TailStep
from tests.tiny import build, engine, llama, load, one_thread, qwen2, save, tokens

CONFIGS = {
    "llama": llama(),
    "llama with biases": llama(attention_bias=True, mlp_bias=True),
    "qwen2": qwen2(),
    "qwen2 with windows": qwen2(use_sliding_window=True, sliding_window=7, max_window_layers=1),
    "tied": llama(tie_word_embeddings=True),
}
WIDE = {"hidden_size": 128, "intermediate_size": 128, "num_attention_heads": 4, "head_dim": 32, "vocab_size": 96}


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    with one_thread():
        yield


def both(decoder: Decoder, rows: int) -> tuple[Tensor, Tensor]:
    """Logits of the last `rows` of 40 tokens: as Decoder.forward gives them, and from the modules."""
    ids, found = tokens(40), []
    for walked in (True, False):
        kv = KVBuffer(decoder.shape, 40)
        for low, high in ((0, 40 - rows), (40 - rows, 40)):
            step, piece = TailStep(decoder, kv), ids[low:high]
            if walked or high < 40:
                logits = decoder.forward(piece, step, keep=range(len(piece)))
            else:
                logits = decoder.compute(torch.tensor([piece]), step, position_ids=torch.arange(len(piece))[None])
            kv.advance(high - low)
        assert logits is not None
        found.append(logits.double())
    return found[0], found[1]


@pytest.mark.parametrize("rows", [1, 2, 5, ROWS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", list(CONFIGS))
def test_it_is_as_near_to_float64_as_the_modules_are(tmp_path: Path, name: str, dtype: Any, rows: int) -> None:
    folder = save(tmp_path, CONFIGS[name])
    decoder = load(folder, dtype)
    if dtype is torch.bfloat16:  # the stick must stand on the same weights
        load(folder, dtype).model.save_pretrained(folder)
    exact = both(load(folder, torch.float64), rows)[1]
    walked, modules = both(decoder, rows)
    assert Lean.takes(decoder.model)
    noise = (modules - exact).norm()
    assert (walked - exact).norm() <= 1.5 * noise + 1e-6 * exact.norm()


@pytest.mark.parametrize("weights", [Weights.INT8, Weights.INT4])
@pytest.mark.parametrize("rows", [1, 3])
def test_packed_layers_are_walked(tmp_path: Path, weights: Weights, rows: int) -> None:
    folder = save(tmp_path, llama(**WIDE))
    decoder = load_decoder("tiny", str(folder), torch.bfloat16, folder / "f.json", weights)
    walked, modules = both(decoder, rows)
    assert Lean.takes(decoder.model)
    assert (walked - modules).norm() <= 0.02 * modules.norm()  # two roundings to 8 bits in each of three layers


def test_an_answer_is_the_same_token_by_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, answers = load(save(tmp_path / "m", llama())), []
    for kind in ("walked", "modules"):
        if kind == "modules":
            monkeypatch.setattr(Lean, "takes", staticmethod(lambda _model: False))
            decoder = load(tmp_path / "m")
        one = engine(decoder, tmp_path / kind)
        segment = one.read(tokens(90), range(0, 90, 9)).segment
        answers.append(list(one.ask(segment, tokens(9, 1), stop_ids=frozenset(), max_new_tokens=24)))
    assert answers[0] == answers[1]


def test_modules_are_called_for_more_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder, calls = load(save(tmp_path, llama())), []

    def compute(_self: Decoder, ids: Tensor, _step: Step, **_options: Any) -> Tensor:
        calls.append(ids.shape[1])
        return torch.zeros(1, 97)

    monkeypatch.setattr(Decoder, "compute", compute)
    for rows in (1, ROWS, ROWS + 1):
        kv = KVBuffer(decoder.shape, rows)
        decoder.forward(tokens(rows), TailStep(decoder, kv))
    assert calls == [ROWS + 1]


def test_a_reading_ends_early(tmp_path: Path) -> None:
    decoder = load(save(tmp_path, llama()))
    kv = KVBuffer(decoder.shape, 4)
    layouts = [compile_layout(Pattern("dense", None), torch.tensor([], dtype=torch.int64), 4)] * decoder.shape.layers
    assert decoder.forward(tokens(4), ReadStep(decoder, kv, layouts, Impl.CPU)) is None


def test_what_is_not_known_is_left_to_its_modules() -> None:
    class Other(LlamaForCausalLM):  # type: ignore[misc]
        pass

    sizes = llama().to_dict()
    assert Lean.takes(build(llama()))
    assert not Lean.takes(Other(llama()))
    assert not Lean.takes(build(llama(hidden_act="gelu")))
    assert not Lean.takes(build(Qwen3Config(**{key: sizes[key] for key in ("vocab_size", "hidden_size", "head_dim")})))
