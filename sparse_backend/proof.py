"""What a loaded decoder must prove before it is served: every layer asks for attention, its positions are understood,
and its logits, computed in two pieces by this backend, are those of transformers' own eager attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sparse_backend.config import UnsupportedModelError
from sparse_backend.model import NAME, Decoder, Form
from sparse_backend.positions import PROBE, recognise
from sparse_backend.segment import KVBuffer, KVShape

TOKENS = 24  # of the comparison with eager attention
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}  # relative error of logits; 16-bit types: ROUGH
ROUGH = 0.15


class _Record:
    """A step that keeps every layer's q and k and answers with zeros; refuses keys of unexpected shapes."""

    def __init__(self, shape: KVShape) -> None:
        self.seen: list[tuple[int, Tensor]] = []
        self._shape = shape

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        expected = (self._shape.kv_heads, q.shape[1], self._shape.head_dim)
        if k.shape != expected or v.shape != expected or q.shape[2] != expected[2]:
            raise UnsupportedModelError("its keys and values have shapes that this version does not serve.")
        self.seen.append((layer, torch.cat([q, k]).clone()))
        return torch.zeros_like(q).transpose(0, 1)


def examine(decoder: Decoder) -> None:
    """Fills in `decoder.rotations`; raises UnsupportedModelError, naming the model and the reason."""
    try:
        _rotations(decoder)
        _equality(decoder)
    except (TypeError, KeyError, ValueError, RuntimeError, AttributeError, UnsupportedModelError) as error:
        raise UnsupportedModelError(f"The model “{decoder.name}” cannot be served: {first_line(error)}") from error


def _rotations(decoder: Decoder) -> None:
    raw, rotated = _Record(decoder.shape), _Record(decoder.shape)
    ids = _tokens(decoder, len(PROBE))
    decoder.forward(ids, raw)
    layers = [layer for layer, _ in raw.seen]
    if layers != list(range(decoder.shape.layers)):
        raise UnsupportedModelError(
            f"it does not let its attention be routed: {len(layers)} of {decoder.shape.layers} layers asked for it."
        )
    positions = torch.tensor(PROBE)
    with decoder.rotary.aloud(), torch.inference_mode():
        _model(decoder, ids, positions, unabridged=rotated)
    candidates = decoder.rotary.candidates()
    decoder.rotations = [
        recognise(plain, turned, candidates, positions)
        for (_, plain), (_, turned) in zip(raw.seen, rotated.seen, strict=True)
    ]
    if not any(len(rotation.frequencies) for rotation in decoder.rotations):
        raise UnsupportedModelError("it has no rotary positions, and this version serves no other kind.")


def _equality(decoder: Decoder) -> None:
    from sparse_backend.steps import TailStep  # imported late: steps know the decoder

    ids = _tokens(decoder, TOKENS)
    kv = KVBuffer(decoder.shape, TOKENS, str(decoder.model.device))
    logits = []
    for low, high in ((0, TOKENS // 2), (TOKENS // 2, TOKENS)):
        found = decoder.forward(ids[low:high], TailStep(decoder, kv), keep=range(high - low))
        assert found is not None
        logits.append(found)
        kv.advance(high - low)
    ours = torch.cat(logits).float()
    with decoder.rotary.aloud(), torch.inference_mode():
        decoder.model.set_attn_implementation("eager")
        try:
            theirs = _model(decoder, ids, torch.arange(TOKENS)).float()
        finally:
            decoder.model.set_attn_implementation(NAME)
    error = float((ours - theirs).norm() / theirs.norm().clamp(min=1e-9))
    if not error <= TOLERANCE.get(decoder.shape.dtype, ROUGH):
        raise UnsupportedModelError(f"its attention is not what this version computes (logits differ by {error:.0%}).")


def _model(decoder: Decoder, ids: list[int], positions: Tensor, **options: Any) -> Tensor:
    device = decoder.model.device
    given = {"input_ids": torch.tensor([ids], device=device), "position_ids": positions[None].to(device)}
    logits: Tensor = decoder.model(**given, use_cache=False, **options).logits[0]
    return logits


def _tokens(decoder: Decoder, n: int) -> list[int]:
    """n different tokens of the vocabulary."""
    return [(7 + 31 * index) % decoder.vocabulary for index in range(n)]


def first_line(error: Exception) -> str:
    """An error's first line, for a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
