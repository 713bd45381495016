"""Routes a whole transformers encoder through this backend: its self-attentions compute ours, all else stays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from transformers.models.big_bird.modeling_big_bird import (
    BigBirdBlockSparseAttention,
    BigBirdModel,
    BigBirdSelfAttention,
)
from transformers.models.led.modeling_led import LEDEncoderSelfAttention
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention
from transformers.models.reformer.modeling_reformer import LocalSelfAttention, LSHSelfAttention

from sparse_backend.config import UnsupportedModelError
from sparse_backend.encoders import bigbird, led, longformer, reformer

FAMILIES = ("big_bird", "led", "longformer", "reformer")
"""transformers' model types that can be routed."""
_FORWARDS: dict[type, Callable[..., Any]] = {
    BigBirdBlockSparseAttention: bigbird.forward,
    LEDEncoderSelfAttention: led.forward,
    LongformerSelfAttention: longformer.forward,
    LSHSelfAttention: reformer.lsh_forward,
    LocalSelfAttention: reformer.local_forward,
}


def route(model: Any) -> list[str]:
    """Replaces the forward of every sparse self-attention in `model`, in place; the names of these modules.

    Weights are neither copied nor renamed, and `model` goes into eval mode: nothing routed computes gradients,
    attention weights or dropout. A BigBird stays sparse whatever it reads first; inputs too short for that are read
    densely one by one. Raises UnsupportedModelError, which names the family, if there is nothing to route.
    """
    family = getattr(getattr(model, "config", None), "model_type", type(model).__name__)
    found = [(name, module) for name, module in model.named_modules() if type(module) in _FORWARDS]
    if any(isinstance(module, BigBirdSelfAttention) for module in model.modules()):
        raise UnsupportedModelError("This big_bird attends densely: only its block_sparse attention can be routed.")
    if family not in FAMILIES or not found:
        raise UnsupportedModelError(
            f"A model of the family {family} cannot be routed as an encoder; choose one of: {', '.join(FAMILIES)}."
        )
    model.eval()
    for _, module in found:
        module.forward = partial(_FORWARDS[type(module)], module)
    for module in model.modules():
        if isinstance(module, BigBirdModel):
            module.set_attention_type = _stay_sparse
    return [name for name, _ in found]


def _stay_sparse(value: str) -> None:
    """transformers would exchange every routed module, for good, when one input is short."""
