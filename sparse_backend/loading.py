"""Loads a Hugging Face decoder from a folder or the hub, refusing by name what cannot be served."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from sparse_backend.config import ModelNotFoundError, UnsupportedModelError
from sparse_backend.hashes import file_hashes
from sparse_backend.model import KINDS, NAME, Decoder, register
from sparse_backend.packed import FORMAT, Weights, pack
from sparse_backend.proof import examine, first_line

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def parse_dtype(name: str) -> torch.dtype:
    """The type to compute in; raises UnsupportedModelError that lists the choices."""
    if name not in DTYPES:
        raise UnsupportedModelError(f"There is no dtype “{name}”; choose one of auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def load_decoder(
    name: str, folder: str, dtype: torch.dtype, fingerprints: Path, weights: Weights = Weights.EXACT
) -> Decoder:
    """The decoder in `folder` (a local folder or a hub id), shown as `name`, computing in `dtype`.

    `weights`: whether its linear layers are packed; the fingerprint tells, so what they read is never mixed.

    Only safetensors weights are loaded and no code of the model's own is run. `fingerprints`: a JSON file that
    remembers hashes of unchanged weight files. Raises ModelNotFoundError or UnsupportedModelError.
    """
    register()
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
            attn_implementation=NAME,
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
        raise UnsupportedModelError(f"The model “{name}” cannot be served: {first_line(error)}") from error
    except KeyError as error:  # transformers looked our name up in a fixed table of its own
        raise UnsupportedModelError(f"The model “{name}” does not let its attention be routed.") from error
    finally:
        transformers_logging.set_verbosity(quiet)
    wrong = sorted(loading["missing_keys"]) + [entry[0] for entry in loading["mismatched_keys"]]
    if wrong:  # transformers would leave them random
        raise UnsupportedModelError(f"The weights of “{name}” lack {len(wrong)} of its tensors, such as {wrong[0]}.")
    try:
        pack(model, weights)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"The model “{name}” cannot be served: {first_line(error)}") from error
    scheme = "" if weights is Weights.EXACT else f"{weights.value}/{FORMAT}"
    decoder = Decoder(model.eval(), name, _fingerprint(model, folder, f"{dtype}{scheme}", fingerprints))
    examine(decoder)
    return decoder


def _need_config(folder: str) -> None:
    if Path(folder).is_dir() and not (Path(folder) / "config.json").exists():
        raise FileNotFoundError(f"{folder} has no config.json")


def _refuse_foreign(config: Any, name: str) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModelError(
            f"The model “{name}” is an encoder-decoder ({config.model_type}), and this version answers with decoders: "
            f"name one of those (Qwen2.5, Llama 3.2, SmolLM2 …), or a Longformer or BigBird for extractive answers."
        )
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or KINDS[:1])
    if kinds - set(KINDS):
        listed = ", ".join(sorted(kinds - set(KINDS)))
        raise UnsupportedModelError(
            f"The model “{name}” has layers of kind {listed}; this version serves full and sliding-window attention."
        )
    if getattr(text, "max_position_embeddings", None) is None:
        raise UnsupportedModelError(f"The model “{name}” does not say how many tokens it was trained for.")


def _fingerprint(model: Any, folder: str, held: str, cache: Path) -> str:
    """Hash of the weight files (or, for a hub model, of the commit), the config and how weights are `held`."""
    digest = hashlib.sha256(f"{held}\0".encode())
    config = json.loads(model.config.to_json_string(use_diff=False))
    config.pop("_name_or_path", None)  # a folder may be moved
    digest.update(json.dumps(config, sort_keys=True).encode())
    files = sorted(Path(folder).glob("*.safetensors")) if Path(folder).is_dir() else []
    for known in file_hashes(files, cache):
        digest.update(known.encode())
    if not files:
        digest.update(f"{folder}@{getattr(model.config, '_commit_hash', None)}".encode())
    return digest.hexdigest()
