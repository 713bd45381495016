"""Record: a segment as named tensors and strings, in the form in which RAM and disk keep it.

Fields are taken by their kind, not by name: tensors, tuples of whole numbers, truth values, dicts of strings. Only
`keys` and `values` are ever quantised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from sparse_backend import quantize
from sparse_backend.config import DamagedSegmentError
from sparse_backend.kept import KeptTensor, stays_packed
from sparse_backend.quantize import KVFormat, Quantized
from sparse_backend.segment import Segment

_INTS, _TEXTS, _FLAGS = "ints.", "texts.", "flags."  # in front of the names of tuples, dicts and truth values


@dataclass(frozen=True, slots=True)
class Record:
    """`tensors` on the CPU, contiguous. `metadata`: kv_format, dtype, and the segment's dicts as JSON.

    `parent`: key of the segment that this one was derived from, or "".
    """

    key: str
    parent: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def form(self) -> KVFormat:
        """How keys and values are kept."""
        return KVFormat(self.metadata["kv_format"])

    def pinned(self) -> Record:
        """The same in page-locked memory, from which a GPU copies fastest. Needs CUDA."""
        return replace(self, tensors={name: tensor.pin_memory() for name, tensor in self.tensors.items()})


def pack(segment: Segment, form: KVFormat, parent: str = "") -> Record:
    """`segment` in this form. Raises SegmentStoreError for what cannot be quantised."""
    tensors: dict[str, Tensor] = {}
    metadata = {"kv_format": form.value, "dtype": str(segment.keys.dtype).removeprefix("torch.")}
    for field in fields(segment):
        value = getattr(segment, field.name)
        if isinstance(value, KeptTensor):  # a GPU's, of a store of this form
            tensors |= _named(field.name, value.kept)
        elif field.name in ("keys", "values") and form is not KVFormat.EXACT:
            tensors |= _quantized(field.name, value, form)
        elif isinstance(value, Tensor):
            tensors[field.name] = value.detach().cpu().contiguous()
        elif isinstance(value, tuple):
            tensors[_INTS + field.name] = torch.tensor(value, dtype=torch.int64)
        elif isinstance(value, bool):
            metadata[_FLAGS + field.name] = str(int(value))
        elif isinstance(value, Mapping):
            metadata[_TEXTS + field.name] = json.dumps(dict(value), sort_keys=True)
        elif field.name != "key" and value is not None:
            raise TypeError(f"a segment's field {field.name} of type {type(value).__name__} cannot be kept")
    return Record(segment.key, parent, tensors, metadata)


def unpack(record: Record, device: str = "cpu", *, packed: bool | None = None) -> Segment:
    """The segment, its tensors on `device`; what is quantised travels so and is restored there, or stays `packed`.

    None: as it serves the device best. Raises DamagedSegmentError when parts are missing.
    """
    try:
        form, values = record.form, _plain(record, device)
        if form is not KVFormat.EXACT:
            dtype = getattr(torch, record.metadata["dtype"])
            for name in ("keys", "values"):
                kept = KeptTensor(_parts(record, name, device), form, dtype, channels=name == "values")
                best = stays_packed(form, kept.device.type, rotated=values.get("rotated", True))
                values[name] = kept if (best if packed is None else packed) else kept.whole()
        return Segment(key=record.key, **values)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise DamagedSegmentError(f"The saved segment {record.key} lacks a part: {error}.") from error


def _plain(record: Record, device: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, tensor in record.tensors.items():
        if name.startswith(_INTS):
            values[name.removeprefix(_INTS)] = tuple(tensor.tolist())
        elif "." not in name:
            values[name] = tensor.to(device, non_blocking=True)
    for name, text in record.metadata.items():
        if name.startswith(_TEXTS):
            values[name.removeprefix(_TEXTS)] = json.loads(text)
        elif name.startswith(_FLAGS):
            values[name.removeprefix(_FLAGS)] = text == "1"
    return values


def _quantized(name: str, x: Tensor, form: KVFormat) -> dict[str, Tensor]:
    kept = quantize.quantize_keys(x, form) if name == "keys" else quantize.quantize_values(x, form)
    return _named(name, kept)


def _named(name: str, kept: Quantized) -> dict[str, Tensor]:
    return {f"{name}.{part}": tensor.cpu().contiguous() for part, tensor in kept.tensors().items()}


def _parts(record: Record, name: str, device: str) -> Quantized:
    found = {
        key.removeprefix(f"{name}."): tensor for key, tensor in record.tensors.items() if key.startswith(f"{name}.")
    }
    return quantize.from_tensors({part: tensor.to(device, non_blocking=True) for part, tensor in found.items()})
