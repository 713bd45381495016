"""The trained reader as a compact difference to the embedded model's weights: a few bits a weight, with scales.

Every matrix but the embedding differs; its difference is rounded to `bits` bits in groups along each row, each group
with the scale that loses least (as in BitDelta, Liu et al. 2024, arXiv:2402.10193, a difference needs far fewer bits
than the weights). Norms are kept whole. The files are safetensors, cut into parts, and name the hash of the weights
that they belong to and of those that they give.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sparse_backend.config import ModelNotFoundError

VERSION = "1"
BASE_HASH = "6f4bd9280ccfc81a646d45118db929b7ea839fdb24f8bf72bdc4edcb1c20ef4e"
"""Of the embedded model's weights as unpacked, by weights_hash."""
GROUP = 192  # weights that share a scale; divides 576 and 1,536
PART_BYTES = 15 * 2**20
_TRIED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # of the largest difference, the largest code


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """sha256 of named tensors: names, shapes and bfloat16 bytes."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().to("cpu", torch.bfloat16).contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def files_hash(folder: Path) -> str:
    """sha256 of all parts in order."""
    digest = hashlib.sha256()
    for path in _parts(folder):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make(base: Mapping[str, Tensor], trained: Mapping[str, Tensor], folder: Path, *, bits: int) -> dict[str, Any]:
    """Writes the difference of `trained` to `base` into `folder`; what it takes, what it loses, and its hash.

    Names must be the same; a tensor that did not change is left out. ValueError for bits outside 2..8.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, not {bits}")
    tensors: dict[str, Tensor] = {}
    lost = moved = 0.0
    for name in sorted(trained):
        difference = trained[name].detach().float().cpu() - base[name].float()
        if not bool(difference.any()):
            continue
        if difference.ndim == 1 or difference.shape[1] % GROUP:
            tensors[f"{name}.whole"] = difference.contiguous()
            continue
        codes, scales = _quantise(difference, bits)
        tensors[f"{name}.codes"], tensors[f"{name}.scales"] = torch.from_numpy(_pack(codes, bits)), scales
        lost += float((_restore(codes, scales) - difference).pow(2).sum())
        moved += float(difference.pow(2).sum())
    about = {"version": VERSION, "bits": str(bits), "base": weights_hash({name: base[name] for name in trained})}
    given = _applied(base, tensors, bits)
    about["result"] = weights_hash(given)
    folder.mkdir(parents=True, exist_ok=True)
    for old in _parts(folder):
        old.unlink()
    parts = list(_cut(tensors))
    for index, part in enumerate(parts, 1):
        save_file(part, folder / f"reader-{index}-of-{len(parts)}.safetensors", metadata=about)
    size = sum(path.stat().st_size for path in _parts(folder))
    relative = (lost / moved) ** 0.5 if moved else 0.0
    return {"parts": len(parts), "bytes": size, "bits": bits, "lost": round(relative, 4), "sha256": files_hash(folder)}


def apply(base: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
    """bf16 weights: `base` with the difference in `folder` added.

    Raises ModelNotFoundError when a part is missing or damaged, or belongs to other weights.
    """
    tensors: dict[str, Tensor] = {}
    about: dict[str, str] = {}
    paths = _parts(folder)
    try:
        for path in paths:
            with safe_open(path, "pt") as stream:
                about = stream.metadata() or {}
                tensors.update({key: stream.get_tensor(key) for key in stream.keys()})  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise ModelNotFoundError(
            f"The reader's weights in {folder} are damaged; restore them from the repository."
        ) from error
    names = {key.rpartition(".")[0] for key in tensors}
    if (
        about.get("version") != VERSION
        or not paths
        or not paths[-1].stem.endswith(f"-of-{len(paths)}")
        or not names <= set(base)
    ):
        raise ModelNotFoundError(f"The reader's weights in {folder} are incomplete; restore them from the repository.")
    if about["base"] != weights_hash(base):
        raise ModelNotFoundError("The reader's weights belong to another base model; run “make install” again.")
    given = _applied(base, tensors, int(about["bits"]))
    if about["result"] != weights_hash(given):
        raise ModelNotFoundError(f"The reader's weights in {folder} are damaged; restore them from the repository.")
    return given


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("reader-*-of-*.safetensors"))


def _applied(base: Mapping[str, Tensor], tensors: Mapping[str, Tensor], bits: int) -> dict[str, Tensor]:
    given = {}
    for name, weight in base.items():
        result = weight.float()
        if f"{name}.whole" in tensors:
            result = result + tensors[f"{name}.whole"]
        elif f"{name}.codes" in tensors:
            codes = _unpack(tensors[f"{name}.codes"].numpy(), bits)
            result = result + _restore(codes, tensors[f"{name}.scales"])
        given[name] = result.to(torch.bfloat16)
    return given


def _quantise(difference: Tensor, bits: int) -> tuple[NDArray[np.int8], Tensor]:
    """Codes [rows, columns] from -top to top, and scales float16 [rows, groups]."""
    top = 2 ** (bits - 1) - 1
    groups = difference.view(len(difference), -1, GROUP)
    peak = groups.abs().amax(-1, keepdim=True)
    best_error = torch.full_like(peak, float("inf"))
    best = torch.zeros_like(peak)
    for part in _TRIED:
        scale = (peak * part / top).half().float()
        codes = (groups / scale.clamp(min=1e-12)).round().clamp(-top, top)
        error = (codes * scale - groups).pow(2).sum(-1, keepdim=True)
        better = error < best_error
        best_error, best = torch.where(better, error, best_error), torch.where(better, scale, best)
    codes = (groups / best.clamp(min=1e-12)).round().clamp(-top, top).to(torch.int8)
    return codes.view_as(difference).numpy(), best[..., 0].half()


def _restore(codes: NDArray[np.int8], scales: Tensor) -> Tensor:
    groups = torch.from_numpy(codes).float().view(len(codes), -1, GROUP)
    return (groups * scales.float()[..., None]).view(codes.shape)


def _pack(codes: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Each code plus its offset in `bits` bits, most significant first; rows stay rows."""
    unsigned = (codes.astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    wide = np.unpackbits(unsigned[..., None], axis=-1)[..., 8 - bits :]
    packed: NDArray[np.uint8] = np.packbits(wide.reshape(len(codes), -1), axis=-1)
    return packed


def _unpack(packed: NDArray[np.uint8], bits: int) -> NDArray[np.int8]:
    flat = np.unpackbits(packed, axis=-1)
    wide = flat[:, : flat.shape[1] // bits * bits].reshape(len(packed), -1, bits)
    unsigned = np.zeros(wide.shape[:2], np.uint8)
    for place in range(bits):
        unsigned |= wide[..., place] << (bits - 1 - place)
    codes: NDArray[np.int8] = (unsigned.astype(np.int16) - 2 ** (bits - 1)).astype(np.int8)
    return codes[:, : codes.shape[1] // GROUP * GROUP]


def _cut(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors in parts of at most PART_BYTES, in order."""
    part: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        bytes_ = tensor.numel() * tensor.element_size() + 200  # and its entry in the file's head
        if part and size + bytes_ > PART_BYTES:
            yield part
            part, size = {}, 0
        part[name] = tensor
        size += bytes_
    yield part
