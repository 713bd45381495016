"""Tiny random decoders for tests of sparse_backend: 3 layers, 97 tokens of vocabulary, saved as safetensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from sparse_backend import Decoder, Engine, EngineOptions, load_decoder
from sparse_backend.kvstore import StoreOptions
from sparse_backend.pattern import Pattern
from sparse_backend.presets import Schedule

VOCAB = 97
LIMIT = 512
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": LIMIT,
    "initializer_range": 0.3,  # far from uniform attention, so that a wrong mask shows in the logits
    "bos_token_id": None,
    "eos_token_id": None,
}


def llama(**changes: Any) -> Any:
    """A Llama config."""
    return LlamaConfig(**{**SIZES, **changes})


def qwen2(**changes: Any) -> Any:
    """A Qwen2 config: biases on q, k and v."""
    return Qwen2Config(**{**SIZES, **changes})


def build(config: Any, seed: int = 0) -> Any:
    """A random model with transformers' own eager attention; biases are random too, not zero."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.5)
    return model


def save(folder: Path, config: Any, seed: int = 0) -> Path:
    """Saves a random model in `folder`."""
    build(config, seed).save_pretrained(folder)
    return folder


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Decoder:
    """The decoder saved in `folder`."""
    return load_decoder("tiny", str(folder), dtype, folder / "fingerprints.json")


def engine(decoder: Decoder, segments: Path, store: StoreOptions | None = None, **options: Any) -> Engine:
    """An engine with small chunks, and with windows far below the presets' so that short documents are sparse."""
    made = Engine(decoder, EngineOptions(**{"segments": segments, "chunk": 16, "drafts": False, **options}), store)
    if made.options.pattern == "headers":
        made.schedule = Schedule(
            Pattern("headers", 24, sink=4, anchors=True), Pattern("headers", 8, sink=4, anchors=True)
        )
    return made


def tokens(n: int, seed: int = 0) -> list[int]:
    """n random token ids."""
    return torch.randint(VOCAB, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: on a busy machine, tiny matrices cost ten times as much on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Counting:
    """Stands in for a decoder and notes the token ids of every forward call. Calls never overlap."""

    def __init__(self, decoder: Decoder) -> None:
        self.calls: list[list[int]] = []
        self.complete = 0  # passes that were not ended early
        self._decoder = decoder
        self._busy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def forward(self, token_ids: Sequence[int], step: Any, *, keep: Sequence[int] | None = None) -> Tensor | None:
        """Decoder.forward, noted."""
        assert not self._busy, "two forward passes at once"
        self._busy = True
        try:
            self.calls.append(list(token_ids))
            logits = self._decoder.forward(token_ids, step, keep=keep)
            self.complete += logits is not None
            return logits
        finally:
            self._busy = False

    @property
    def fed(self) -> int:
        """How many tokens went through the model."""
        return sum(len(token_ids) for token_ids in self.calls)
