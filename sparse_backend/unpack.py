"""GGUF files, unpacked once into folders of bf16 safetensors that load like any other model.

transformers reads them (its legacy reader needs accelerate, both the package gguf). What it would leave out without a
word, tables of stretched positions above all, is refused here.
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.utils import logging as transformers_logging

from sparse_backend.atomic import writer_alive
from sparse_backend.config import ModelNotFoundError, UnsupportedModelError
from sparse_backend.hashes import file_hashes

TABLES = ("rope_freqs.", "rope_factors_")  # tensors with divisors of the rotary frequencies
LLAMA3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}  # as every Llama 3.1 to 3.3 has it
LLAMA3_TRAINED = 8192  # tokens, before the stretching

logger = logging.getLogger(__name__)


def gguf_of(model: str) -> Path | None:
    """The GGUF file that `model` names: the file itself, or the only one in a folder without config.json.

    Raises ModelNotFoundError where several could be meant.
    """
    path = Path(model).expanduser()
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise ModelNotFoundError(f"There is no file {path}.")
        return path
    if not path.is_dir() or (path / "config.json").exists():
        return None
    found = sorted(path.glob("*.gguf"))
    if len(found) > 1:
        listed = ", ".join(file.name for file in found[:4])
        raise ModelNotFoundError(f"{path} holds several GGUF files ({listed}); name one of them with --model.")
    return found[0] if found else None


def ensure_unpacked_file(gguf: Path, models: Path) -> Path:
    """The folder under `models` with the weights and tokenizer of `gguf`, made at the first call.

    Named by the hash of the file's bytes. Raises UnsupportedModelError with the reason, and leaves nothing then.
    """
    [digest] = file_hashes([gguf], models / "fingerprints.json")
    return ensure_unpacked(gguf, models, gguf.stem, digest)


def ensure_unpacked(
    gguf: Path,
    models: Path,
    name: str,
    digest: str,
    *,
    suffix: str = "",
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """As `ensure_unpacked_file`, for a file whose SHA-256 is known to be `digest`.

    `finish` changes the unpacked folder before it gets its name, which then ends with `suffix`.
    """
    target = unpacked_folder(models, name, digest, suffix)
    if (target / "config.json").exists():
        return target
    models.mkdir(parents=True, exist_ok=True)
    for old in models.glob("*.partial"):
        if not writer_alive(old):
            shutil.rmtree(old, ignore_errors=True)
    partial = models / f"{name.replace('.', '_')}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
    logger.warning("Unpacking %s (once)", name)
    try:
        convert(gguf, partial)
        if finish:
            finish(partial)
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def unpacked_folder(models: Path, name: str, digest: str, suffix: str = "") -> Path:
    """Where the weights of a file with this SHA-256 are kept."""
    return models / f"{name}-bf16-{digest[:12]}{suffix}"


def convert(gguf: Path, folder: Path) -> None:
    """Writes config, tokenizer and bf16 weights of `gguf` to `folder`; raises UnsupportedModelError."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # slow to import, needed once

    told, divisors = _checked(gguf)
    options: dict[str, Any] = {"gguf_file": gguf.name}
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
            model, loading = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                dtype=torch.bfloat16,
                quantization_config=GgufConfig(dequantize=True),
                output_loading_info=True,
                **options,
            )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, NotImplementedError) as error:
        raise _refused(gguf, f"transformers cannot unpack its architecture “{told}”") from error
    _complete(gguf, model, loading)
    if divisors is not None:
        model.config.rope_parameters = _llama3(gguf, model.config, divisors)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the saved weights are plain bf16
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _llama3(gguf: Path, config: Any, divisors: Tensor) -> dict[str, Any]:
    """The settings whose frequencies are the plain ones over `divisors` [D / 2]; UnsupportedModelError if none are.

    llama.cpp keeps Llama 3's stretched positions only as this table, which transformers leaves out.
    """
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    theta = config.rope_parameters["rope_theta"]
    factor = float(divisors.max())
    made = {**LLAMA3, "factor": factor, "original_max_position_embeddings": LLAMA3_TRAINED, "rope_theta": theta}
    plain = theta ** -(torch.arange(len(divisors)) / len(divisors))
    tried = deepcopy(config)
    tried.rope_parameters = made
    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](tried, "cpu")
    if stretched.shape != divisors.shape or not torch.allclose(stretched, plain / divisors, rtol=1e-4, atol=0):
        raise _refused(gguf, "its positions are stretched by a table that is not Llama 3's")
    return made


def _checked(gguf: Path) -> tuple[str, Tensor | None]:
    """The architecture that the file names, and its divisors of rotary frequencies if it is a Llama.

    Raises UnsupportedModelError for what would be lost in unpacking.
    """
    from gguf import GGUFReader

    with gguf.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise _refused(gguf, "it is no GGUF file")
    try:
        reader = GGUFReader(gguf)
        fields = {key: field.contents() for key, field in reader.fields.items()}
        tables = {tensor.name: tensor.data for tensor in reader.tensors if tensor.name.startswith(TABLES)}
    except (ValueError, KeyError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise _refused(gguf, "it is damaged") from error
    architecture = str(fields.get("general.architecture"))
    if int(fields.get("split.count") or 1) > 1:
        raise _refused(gguf, "it is one part of several; merge them first (llama-gguf-split --merge)")
    scaling = fields.get(f"{architecture}.rope.scaling.type", "none")
    divisors = tables.pop("rope_freqs.weight", None) if architecture == "llama" else None
    if tables or scaling not in ("none", ""):
        what = f"the table {next(iter(tables))}" if tables else f"“{scaling}”"
        raise _refused(gguf, f"its positions are stretched by {what}, which transformers does not read from GGUF")
    if "tokenizer.ggml.model" not in fields:
        raise _refused(gguf, "it has no tokenizer")
    return architecture, None if divisors is None else torch.from_numpy(divisors.astype("float32"))


def _complete(gguf: Path, model: Any, loading: dict[str, Any]) -> None:
    """Raises UnsupportedModelError where tensors would be left random or out."""
    wrong = [*loading["missing_keys"], *loading["unexpected_keys"]]
    wrong += [entry[0] for entry in loading["mismatched_keys"]]
    wrong += [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if wrong:
        raise _refused(gguf, f"{len(wrong)} tensors do not match its architecture, such as {sorted(wrong)[0]}")


def _refused(gguf: Path, why: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{gguf.name} cannot be served: {why}; give a folder with the model's safetensors weights."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _publish(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        if not (target / "config.json").exists():  # otherwise another process was faster
            raise
