"""What a loaded decoder must prove before it is served: every layer asks for attention, its positions are understood,
and its logits, computed in two pieces by this backend, are those of transformers' own eager attention.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from sparse_backend.config import Impl, UnsupportedModelError
from sparse_backend.model import NAME, Decoder, Form, attending
from sparse_backend.positions import PROBE, recognise
from sparse_backend.segment import KVBuffer

TOKENS = 24  # of the comparison with eager attention
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}  # relative error of logits; 16-bit types: ROUGH, by `rough`
ROUGH = 0.15


class _Record:
    """A step that keeps what every layer asked for and answers with zeros."""

    def __init__(self) -> None:
        self.layers: list[int] = []
        self.seen: list[tuple[Tensor, Tensor]] = []  # q and k
        self.forms: list[Form] = []

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        if k.shape != v.shape or q.shape[2] != k.shape[2] or q.shape[0] % k.shape[0]:
            raise UnsupportedModelError("its keys and values have shapes that this version does not serve.")
        self.layers.append(layer)
        self.seen.append((q.clone(), k.clone()))
        self.forms.append(form)
        return torch.zeros_like(q).transpose(0, 1)


def examine(decoder: Decoder) -> None:
    """Fills in what only the model itself can tell; raises UnsupportedModelError, naming the model and the reason."""
    try:
        _rotations(decoder)
        _equality(decoder)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"The model “{decoder.name}” cannot be served: {first_line(error)}") from error
    except (TypeError, KeyError, ValueError, RuntimeError, AttributeError) as error:
        raise UnsupportedModelError(
            f"The model “{decoder.name}” cannot be served: its attention is of a kind that this version does not "
            f"compute ({first_line(error)})."
        ) from error


def _rotations(decoder: Decoder) -> None:
    raw, rotated = _Record(), _Record()
    positions = torch.tensor([place for place in PROBE if place < decoder.limit])
    ids = _tokens(decoder, len(positions))
    decoder.forward(ids, raw)
    if raw.layers != list(range(decoder.shape.layers)):
        raise UnsupportedModelError(
            f"it does not let its attention be routed: {len(raw.layers)} of {decoder.shape.layers} layers asked for it."
        )
    shapes = {(q.shape[0], k.shape[0], k.shape[2]) for q, k in raw.seen}
    if len(shapes) > 1:
        raise UnsupportedModelError("its layers have keys of different shapes, which this version does not serve.")
    decoder.heads, kv_heads, dim = shapes.pop()
    decoder.shape = replace(decoder.shape, kv_heads=kv_heads, head_dim=dim)
    decoder.walk(raw.forms)
    told = zip(raw.forms, decoder.windows, strict=True)
    decoder.windows = [form.window if window is None else window for form, window in told]
    with decoder.rotary.aloud(), attending(rotated), torch.inference_mode():
        _model(decoder, ids, positions)
    candidates = decoder.rotary.candidates()
    decoder.rotations = [
        recognise(torch.cat(plain), torch.cat(turned), candidates, positions)
        for plain, turned in zip(raw.seen, rotated.seen, strict=True)
    ]
    if not any(len(rotation.frequencies) for rotation in decoder.rotations):
        raise UnsupportedModelError("it has no rotary positions, and this version serves no other kind.")


def _equality(decoder: Decoder) -> None:
    from sparse_backend.steps import TailStep  # imported late: steps know the decoder

    ids = _tokens(decoder, TOKENS)
    kv = KVBuffer(decoder.shape, TOKENS, str(decoder.model.device))
    impl = Impl.TRITON if kv.device.startswith("cuda") else Impl.CPU
    logits = []
    for low, high in ((0, TOKENS // 2), (TOKENS // 2, TOKENS)):
        found = decoder.forward(ids[low:high], TailStep(decoder, kv, impl=impl), keep=range(high - low))
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
    if not theirs.isfinite().all():
        raise UnsupportedModelError(f"its numbers leave the range of {decoder.shape.dtype}; choose another --dtype.")
    exact = decoder.shape.dtype in TOLERANCE
    error = float((ours - theirs).norm() / theirs.norm().clamp(min=1e-9)) if exact else rough(ours, theirs)
    if not error <= TOLERANCE.get(decoder.shape.dtype, ROUGH):
        raise UnsupportedModelError(f"its attention is not what this version computes (logits differ by {error:.0%}).")


def rough(ours: Tensor, theirs: Tensor) -> float:
    """Relative error of the typical token of either piece. Logits (tokens, vocabulary), two pieces of equal length.

    On the meaningless tokens of the comparison 16 bits can turn a single one right round (eager attention in bfloat16
    was seen 85% from float32 at one token, 2% at the others), while attention that is not the model's moves them all.
    """
    apart = (ours - theirs).norm(dim=1) / theirs.norm(dim=1).clamp(min=1e-9)
    half = len(apart) // 2
    return float(torch.stack([apart[:half].median(), apart[half:].median()]).max())


def _model(decoder: Decoder, ids: list[int], positions: Tensor) -> Tensor:
    device = decoder.model.device
    given = {"input_ids": torch.tensor([ids], device=device), "position_ids": positions[None].to(device)}
    logits: Tensor = decoder.model(**given, use_cache=False).logits[0]
    return logits


def _tokens(decoder: Decoder, n: int) -> list[int]:
    """n different tokens of the vocabulary."""
    return [(7 + 31 * index) % decoder.vocabulary for index in range(n)]


def first_line(error: Exception) -> str:
    """An error's first line, for a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
