"""Decoder: a Hugging Face decoder whose attention layers are computed by this backend.

The model code stays transformers' own. Its attention interface hands every layer's q, k, v, not yet rotated, to the
`Step` that travels along the forward call; the step rotates them for the place where they stand and owns the keys and
values, so transformers' cache is not used. As nothing else in a decoder mixes tokens, one pass may carry pieces of many
texts side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from sparse_backend import gpu
from sparse_backend.config import READ_UNDER, UnsupportedModelError
from sparse_backend.lean import ROWS, Lean
from sparse_backend.packed import bytes_of, is_packed, parameters_of
from sparse_backend.positions import NONE, Rotation, Silencer
from sparse_backend.segment import KVShape

NAME = "unabridged"  # under which the route is registered with transformers
KINDS = ("full_attention", "sliding_attention")


_STEP: ContextVar[Step] = ContextVar("step")  # not an argument: some models do not hand arguments on


class KeysComplete(Exception):
    """Raised by a step inside the last layer when its keys are all that was wanted of this forward pass."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a layer scores, beside its pattern.

    `scale` of the scores, None for D ** -0.5; `window`: a sliding window of the model's own, in tokens; `softcap` of
    the scores (Gemma 2); `sinks` [Hq]: one more score without a value for each head (GPT-OSS).
    """

    scale: float | None = None
    window: int | None = None
    softcap: float | None = None
    sinks: Tensor | None = None

    @property
    def plain(self) -> bool:
        """Whether scores are just scaled products."""
        return self.softcap is None and self.sinks is None


class Step(Protocol):
    """What one forward pass does with each layer's attention."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, form: Form) -> Tensor:
        """q [Hq, L, D], k and v [Hkv, L, D] of the new tokens, unrotated -> [L, Hq, D]."""


class Decoder:
    """A loaded decoder. `limit`: tokens it was trained to hold; `fingerprint`: hash of weights, config and dtype.

    `trained`: its config says that it was trained under the pattern `headers`, so that it does not drift there.

    `rotations`: how each layer encodes positions, filled in once the model has been asked (see proof.examine).
    """

    def __init__(self, model: Any, name: str, fingerprint: str) -> None:
        config = model.config.get_text_config()
        heads = config.num_attention_heads
        self._model = model
        self.name = name
        self.fingerprint = fingerprint
        self.limit = trained_range(config)
        self.trained = reads_under_headers(config)
        self.heads = heads
        self.shape = KVShape(
            layers=config.num_hidden_layers,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            dtype=model.dtype,
        )
        self.parameters = parameters_of(model)
        self.vocabulary = int(config.vocab_size)
        self.rotary = Silencer(model)
        self.rotations: list[Rotation] = [NONE] * self.shape.layers
        self.windows = windows_of(config)
        self._lean: Lean | None = None

    def walk(self, forms: Sequence[Form]) -> None:
        """From now on few rows take the lean walk on a CPU, where there is one; `forms`: what each layer asks for."""
        self._lean = Lean(self._model, forms, self.shape.head_dim) if Lean.takes(self._model) else None

    @property
    def model(self) -> Any:
        """The transformers model."""
        return self._model

    def to(self, device: str) -> None:
        """Moves the weights to `device`; raises UnsupportedModelError where they cannot be or do not fit."""
        if device == "cuda":
            self._check_gpu()
        self._model.to(device)

    def _check_gpu(self) -> None:
        if is_packed(self._model):  # torch's int8 kernel took 12 times as long as bf16 on an H100
            raise UnsupportedModelError(
                "Packed weights are computed on the CPU only; choose --weights exact or --impl cpu."
            )
        here = self._model.device.type == "cuda"
        need, free = 0 if here else bytes_of(self._model), gpu.free_bytes("cuda")
        if need > free:  # layers spread over several GPUs would need their keys and values spread as well
            raise UnsupportedModelError(
                f"The weights of “{self.name}” need {need / 1e9:.1f} GB and the GPU has {free / 1e9:.1f} GB free; one "
                f"GPU must hold them all, so choose a smaller model or --impl cpu."
            )

    def forward(self, token_ids: Sequence[int], step: Step, *, keep: Sequence[int] | None = None) -> Tensor | None:
        """Feeds `token_ids` through every layer; logits [len(keep), vocabulary] of the tokens at `keep`.

        `keep` defaults to the last token. None when the step ended the pass early (KeysComplete).
        """
        device = self._model.device
        if self._lean and len(token_ids) <= ROWS and device.type == "cpu":  # it may have moved since `walk`
            try:
                with torch.inference_mode():
                    return self._lean.forward(token_ids, step, [len(token_ids) - 1] if keep is None else keep)
            except KeysComplete:
                return None
        ids = torch.tensor([list(token_ids)], device=device)
        places = torch.arange(len(token_ids), device=device)[None]  # rotary modules are silent: steps know the place
        wanted = torch.tensor([len(token_ids) - 1] if keep is None else list(keep), device=device)
        try:
            return self.compute(ids, step, position_ids=places, logits_to_keep=wanted)
        except KeysComplete:
            return None

    def settle(self) -> None:
        """Returns once the device has computed all that it was given; at once on a CPU."""
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)

    def compute(self, ids: Tensor, step: Step, **options: Any) -> Tensor:
        """One call of the model with ids [1, L] on its device -> logits [kept, vocabulary]."""
        with torch.inference_mode(), attending(step):
            logits: Tensor = self._model(input_ids=ids, use_cache=False, **options).logits[0]
        return logits


def trained_range(config: Any) -> int:
    """Tokens whose positions the model was trained on, without the stretching that some families switch on later."""
    scaling = getattr(config, "rope_parameters", None) or {}
    kinds = {str(scaling.get("rope_type", "default"))} if "rope_type" in scaling else set()
    original = getattr(config, "original_max_position_embeddings", None) or scaling.get(
        "original_max_position_embeddings"
    )
    if "longrope" in kinds and original:  # beyond it, other frequencies would be needed for what was read before
        return int(original)
    return int(config.max_position_embeddings)


def reads_under_headers(config: Any) -> bool:
    """Whether the model was trained to read under the pattern `headers`, as embedded.ensure_embedded notes it."""
    return getattr(config, READ_UNDER, None) == "headers"


def windows_of(config: Any) -> list[int | None]:
    """The sliding window of each layer as its config tells it; None where it tells none."""
    kinds = getattr(config, "layer_types", None) or []
    window = getattr(config, "sliding_window", None)
    listed = [window if kind == "sliding_attention" else None for kind in kinds]
    return listed or [None] * config.num_hidden_layers


@contextmanager
def attending(step: Step) -> Iterator[None]:
    """Within it, attention layers of this thread hand their q, k, v to `step`."""
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


def _route(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, None]:
    if not getattr(module, "is_causal", True):
        raise UnsupportedModelError("it is an encoder: its tokens look ahead, which this version does not serve.")
    form = Form(
        scale=options.get("scaling"),
        window=options.get("sliding_window"),
        softcap=options.get("softcap"),
        sinks=options.get("s_aux"),
    )
    out = _STEP.get().attend(module.layer_idx, query[0], key[0], value[0], form)
    return out[None], None


def register() -> None:
    """Makes the route known to transformers, under NAME."""
    AttentionInterface.register(NAME, _route)
    AttentionMaskInterface.register(NAME, lambda *_args, **_options: None)  # steps know who sees whom
