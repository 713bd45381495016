"""Loads a Hugging Face decoder and routes its attention layers through this backend.

The model code stays transformers' own. Its attention interface hands every layer's rotated q, k, v to the `Step` that
travels along the forward call; the step owns the keys and values, so transformers' cache is not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM
from transformers.masking_utils import AttentionMaskInterface
from transformers.utils import logging as transformers_logging

from sparse_backend.config import ModelNotFoundError, UnsupportedModelError
from sparse_backend.segment import KVShape

_NAME = "unabridged"
_FOREIGN = {
    "sliding_window": "sliding-window layers",
    "softcap": "soft-capped scores",
    "s_aux": "attention sinks",
}


class KeysComplete(Exception):
    """Raised by a step inside the last layer when its keys are all that was wanted of this forward pass."""


class Step(Protocol):
    """What one forward pass does with each layer's attention."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        """q [Hq, L, D], k and v [Hkv, L, D] of the new tokens, rotated -> [L, Hq, D]."""


class Decoder:
    """A loaded decoder. `limit`: tokens it was trained to hold; `fingerprint`: hash of weights, config and dtype."""

    def __init__(self, model: Any, name: str, fingerprint: str) -> None:
        config = model.config.get_text_config()
        heads = config.num_attention_heads
        self._model = model
        self.name = name
        self.fingerprint = fingerprint
        self.limit = int(config.max_position_embeddings)
        self.heads = heads
        self.shape = KVShape(
            layers=config.num_hidden_layers,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            dtype=model.dtype,
        )
        self.parameters = sum(parameter.numel() for parameter in model.parameters())

    def to(self, device: str) -> None:
        """Moves the weights to `device`."""
        self._model.to(device)

    def forward(self, token_ids: Sequence[int], position: int, step: Step) -> Tensor | None:
        """Feeds `token_ids` from `position` on through every layer; logits [vocab] of the last one.

        None when the step ended the pass early (KeysComplete).
        """
        device = self._model.device
        ids = torch.tensor([list(token_ids)], device=device)
        positions = torch.arange(position, position + len(token_ids), device=device)[None]
        try:
            with torch.inference_mode():
                output = self._model(
                    input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=1, unabridged=step
                )
        except KeysComplete:
            return None
        logits: Tensor = output.logits[0, -1]
        return logits


def load_decoder(name: str, folder: str, dtype: torch.dtype, fingerprints: Path) -> Decoder:
    """The decoder in `folder` (a local folder or a hub id), shown as `name`, its weights in `dtype`.

    Only safetensors weights are loaded and no code of the model's own is run. `fingerprints`: a JSON file that
    remembers hashes of unchanged weight files. Raises ModelNotFoundError or UnsupportedModelError.
    """
    _register()
    quiet = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        _need_config(folder)
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        _refuse_foreign(config, name)
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            attn_implementation=_NAME,
            use_safetensors=True,
            trust_remote_code=False,  # left out, transformers would ask on the terminal and run it after a “y”
            ignore_mismatched_sizes=True,  # refused below, in words of our own
            output_loading_info=True,
        )
    except OSError as error:
        raise ModelNotFoundError(
            f"No model could be loaded from “{name}”: give a folder with config.json and safetensors weights, or a "
            f"Hugging Face hub id that this machine can reach."
        ) from error
    except (ValueError, ImportError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise UnsupportedModelError(f"The model “{name}” cannot be served: {_first_line(error)}") from error
    except KeyError as error:  # transformers looked our name up in a fixed table of its own
        raise UnsupportedModelError(f"The model “{name}” does not let its attention be routed.") from error
    finally:
        transformers_logging.set_verbosity(quiet)
    wrong = sorted(loading["missing_keys"]) + [entry[0] for entry in loading["mismatched_keys"]]
    if wrong:  # transformers would leave them random
        raise UnsupportedModelError(f"The weights of “{name}” lack {len(wrong)} of its tensors, such as {wrong[0]}.")
    decoder = Decoder(model.eval(), name, _fingerprint(model, folder, dtype, fingerprints))
    _prove_routing(decoder)
    return decoder


def _route(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
) -> tuple[Tensor, None]:
    for option, what in _FOREIGN.items():
        if options.get(option) is not None:
            raise UnsupportedModelError(f"it has {what}, which this version does not serve.")
    if not getattr(module, "is_causal", True):
        raise UnsupportedModelError("it is an encoder: its tokens look ahead, which this version does not serve.")
    step: Step = options["unabridged"]
    out = step.attend(module.layer_idx, query[0], key[0], value[0], options.get("scaling"))
    return out[None], None


def _register() -> None:
    AttentionInterface.register(_NAME, _route)
    AttentionMaskInterface.register(_NAME, lambda *_args, **_options: None)  # steps know who sees whom


def _need_config(folder: str) -> None:
    if Path(folder).is_dir() and not (Path(folder) / "config.json").exists():
        raise FileNotFoundError(f"{folder} has no config.json")


def _refuse_foreign(config: Any, name: str) -> None:
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        listed = ", ".join(sorted(kinds - {"full_attention"}))
        raise UnsupportedModelError(
            f"The model “{name}” has layers of kind {listed}; this version needs full attention in every layer."
        )
    if getattr(text, "max_position_embeddings", None) is None:
        raise UnsupportedModelError(f"The model “{name}” does not say how many tokens it was trained for.")


class _Count:
    """A step that only notes which layers asked for attention, and refuses keys of unexpected shapes."""

    def __init__(self, shape: KVShape) -> None:
        self.layers: list[int] = []
        self._shape = shape

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None) -> Tensor:
        self.layers.append(layer)
        expected = (self._shape.kv_heads, q.shape[1], self._shape.head_dim)
        if k.shape != expected or v.shape != expected or q.shape[2] != expected[2]:
            raise UnsupportedModelError("its keys and values have shapes that this version does not serve.")
        return q.transpose(0, 1)


def _prove_routing(decoder: Decoder) -> None:
    count = _Count(decoder.shape)
    try:
        decoder.forward([0, 1], 0, count)
    except (TypeError, KeyError, RuntimeError, UnsupportedModelError) as error:
        raise UnsupportedModelError(f"The model “{decoder.name}” cannot be served: {_first_line(error)}") from error
    if count.layers != list(range(decoder.shape.layers)):
        raise UnsupportedModelError(
            f"The model “{decoder.name}” does not let its attention be routed: {len(count.layers)} of "
            f"{decoder.shape.layers} layers asked for it."
        )


def _fingerprint(model: Any, folder: str, dtype: torch.dtype, cache: Path) -> str:
    """Hash of the weight files (or, for a hub model, of the commit), the config and the dtype."""
    digest = hashlib.sha256(f"{dtype}\0".encode())
    config = json.loads(model.config.to_json_string(use_diff=False))
    config.pop("_name_or_path", None)  # a folder may be moved
    digest.update(json.dumps(config, sort_keys=True).encode())
    files = sorted(Path(folder).glob("*.safetensors")) if Path(folder).is_dir() else []
    known = _read_json(cache)
    for file in files:
        stat = file.stat()
        identity = f"{file.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
        if identity not in known:
            with file.open("rb") as stream:
                known[identity] = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(known[identity].encode())
    if files:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known))
    else:
        digest.update(f"{folder}@{getattr(model.config, '_commit_hash', None)}".encode())
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
