"""Weights of linear layers in 8 or 4 bits, computed on the CPU by torch's own kernels.

int8: one scale an output row, round to nearest. int4: groups of 32 along a row, each with a scale and an offset; layers
whose shape its kernel does not take are packed in int8, as is the output head. Few rows (decoding) go through torch's
weight-only kernels, which read a half or a quarter of the memory; many rows (reading) are multiplied with the weights
unpacked for that one product, which is faster there. Both give the same product up to rounding.

Libraries were measured first, without compilation: none that ran on this CPU decoded faster packed than in bf16.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sparse_backend.config import UnsupportedModelError

GROUP = 32  # weights that share a scale in int4
FEW = 8  # rows up to which the weight-only kernels are the faster ones (measured on a CPU)
FORMAT = 1  # raise it when the same weights are packed otherwise
_int8 = torch.ops.aten._weight_int8pack_mm.default  # named once: finding an overload takes longer than a small product
_int4 = torch.ops.aten._weight_int4pack_mm_for_cpu.default
WORTH = 0.5  # of a model's weights outside the embeddings must be packable


class Weights(StrEnum):
    """How weights are held: as they are, or packed."""

    EXACT = "exact"
    INT8 = "int8"
    INT4 = "int4"


def parse_weights(name: str) -> Weights:
    """The kind called `name`; raises UnsupportedModelError that lists the choices."""
    try:
        return Weights(name)
    except ValueError:
        choices = ", ".join(kind.value for kind in Weights)
        raise UnsupportedModelError(f"There are no weights of kind “{name}”; choose one of {choices}.") from None


class Int8Linear(nn.Module):
    """x [..., K] -> [..., N] with `packed` int8 [N, K] and `scales` [N] in the type of x."""

    packed: Tensor
    scales: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        scales = weight.float().abs().amax(1).clamp(min=1e-12) / 127
        scales = scales.to(weight.dtype)  # rounded first, so that the integers make up for it
        packed = (weight.float() / scales.float()[:, None]).round_().clamp_(-127, 127).to(torch.int8)
        self.register_buffer("packed", packed)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", bias)
        n, k = weight.shape
        self._kernel = n % 16 == 0 and k % 32 == 0  # for other shapes torch's kernel reads out of bounds

    def forward(self, x: Tensor) -> Tensor:
        """The product, plus the bias."""
        if self._kernel and x.numel() <= FEW * x.shape[-1]:
            return self.few(x.reshape(-1, x.shape[-1]).contiguous()).view(*x.shape[:-1], -1)
        out = linear(x, self.packed.to(x.dtype) * self.scales[:, None])  # scaled first: float16 would overflow
        return out if self.bias is None else out + self.bias

    def few(self, rows: Tensor) -> Tensor:
        """The same for contiguous rows [R, K], R at most FEW."""
        if not self._kernel:
            return self.forward(rows)
        out: Tensor = _int8(rows, self.packed, self.scales)
        return out if self.bias is None else out + self.bias

    @property
    def count(self) -> int:
        """How many weights it holds."""
        return int(self.packed.numel()) + (0 if self.bias is None else self.bias.numel())

    def unpacked(self) -> Tensor:
        """The weights that it multiplies with, float32 [N, K]."""
        return self.packed.float() * self.scales.float()[:, None]


class Int4Linear(nn.Module):
    """x [..., K] -> [..., N]: `packed` uint8 [N, K / 2] as torch's kernel wants it, `table` [K / 32, N, 2].

    A weight is (q - 8) * scale + offset with q in 0 … 15.
    """

    packed: Tensor
    table: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        groups = weight.float().view(weight.shape[0], -1, GROUP)
        low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
        scale = ((high - low) / 15).clamp(min=1e-12).to(weight.dtype).float()
        offset = (low + 8 * scale).to(weight.dtype).float()
        q = ((groups - offset) / scale + 8).round_().clamp_(0, 15).to(torch.int32).view(weight.shape)
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(q, 2)
        table = torch.cat([scale, offset], -1).transpose(0, 1).contiguous().to(weight.dtype)
        self.register_buffer("packed", packed)
        self.register_buffer("table", table)
        self.register_buffer("bias", bias)
        self._block = _block_of(packed, q)

    @property
    def count(self) -> int:
        """How many weights it holds."""
        return 2 * int(self.packed.numel()) + (0 if self.bias is None else self.bias.numel())

    @staticmethod
    def takes(weight: Tensor) -> bool:
        """Whether the kernel takes weights of this shape."""
        return weight.shape[0] % 64 == 0 and weight.shape[1] % GROUP == 0

    def forward(self, x: Tensor) -> Tensor:
        """The product, plus the bias."""
        if x.numel() <= FEW * x.shape[-1]:
            return self.few(x.reshape(-1, x.shape[-1]).contiguous()).view(*x.shape[:-1], -1)
        out = linear(x, self.unpacked(x.dtype))
        return out if self.bias is None else out + self.bias

    def few(self, rows: Tensor) -> Tensor:
        """The same for contiguous rows [R, K], R at most FEW."""
        out: Tensor = _int4(rows, self.packed, GROUP, self.table)
        return out if self.bias is None else out + self.bias

    def unpacked(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The weights that it multiplies with, [N, K]."""
        q = _numbers(self.packed, self._block).to(dtype)
        n, k = q.shape
        scale, offset = self.table.to(dtype).permute(2, 1, 0)[..., None]
        weights: Tensor = ((q.view(n, -1, GROUP) - 8) * scale + offset).view(n, k)
        return weights


def is_packed(model: Any) -> bool:
    """Whether some of the model's layers are packed."""
    return any(isinstance(module, Int8Linear | Int4Linear) for module in model.modules())


def parameters_of(model: Any) -> int:
    """How many weights a model has, packed ones included."""
    packed: int = sum(module.count for module in model.modules() if isinstance(module, Int8Linear | Int4Linear))
    exact: int = sum(parameter.numel() for parameter in model.parameters())
    return packed + exact


def bytes_of(model: Any) -> int:
    """The memory of a model's weights and buffers, shared ones counted once."""
    held = {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
    total: int = sum(held.values())
    return total


def _block_of(packed: Tensor, q: Tensor) -> int:
    """How many rows torch packs together on this CPU, found by unpacking what it packed."""
    for block in (64, 32):
        if torch.equal(_numbers(packed, block), q.to(torch.uint8)):
            return block
    raise UnsupportedModelError("torch packs int4 weights on this CPU in an unknown order; choose --weights int8.")


def _numbers(packed: Tensor, block: int) -> Tensor:
    """uint8 [N, K] of 0 … 15: quarters of a block's rows lie in low and high halves of the bytes."""
    n, half = packed.shape
    lanes = packed.view(n // block, 2 * half, 2, block // 4)
    rows = torch.cat([lanes & 15, lanes >> 4], 2).flatten(2)
    return rows.transpose(1, 2).reshape(n, 2 * half)


def pack(model: Any, kind: Weights) -> None:
    """Packs the linear layers of a transformers model on the CPU, in place.

    Raises UnsupportedModelError where less than half of its weights, embeddings not counted, lie in such layers.
    """
    if kind is Weights.EXACT:
        return
    looked_up = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    held = {id(one): one.numel() for one in model.parameters() if id(one) not in looked_up}
    linears = [(name, module) for name, module in model.named_modules() if type(module) is nn.Linear]
    share = sum(held.get(id(module.weight), 0) for _, module in linears) / max(1, sum(held.values()))
    if share < WORTH:
        raise UnsupportedModelError(
            f"only {share:.0%} of its weights lie in linear layers, which alone are packed; choose --weights exact."
        )
    head = model.get_output_embeddings()
    proven: set[tuple[object, ...]] = set()
    for name, module in linears:
        weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach()
        small = kind is Weights.INT4 and module is not head and Int4Linear.takes(weight)
        made = Int4Linear(weight, bias) if small else Int8Linear(weight, bias)
        if (sort := (small, *weight.shape)) not in proven:
            _prove(made, weight)
            proven.add(sort)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, made)


def _prove(made: Int8Linear | Int4Linear, weight: Tensor) -> None:
    """Raises UnsupportedModelError when a kernel of this machine does not compute what was packed."""
    generator = torch.Generator().manual_seed(0)
    for rows in (1, FEW, FEW + 1):
        x = torch.randn(rows, weight.shape[1], generator=generator).to(weight.dtype)
        right = linear(x.float(), made.unpacked())
        bias = 0 if made.bias is None else made.bias.float()
        error = (made(x).float() - bias - right).norm() / right.norm().clamp(min=1e-9)
        if not error <= 0.05:
            raise UnsupportedModelError(f"packed products are wrong on this machine by {float(error):.0%}.")
