"""Lean: the layers of a plain Llama-like decoder, walked for the few rows of a decode step on a CPU.

For one row, what transformers' modules cost beside the arithmetic is a large share of a step, and torch multiplies a
matrix with a vector faster as such than as a product of matrices. The steps and the types that they round to are the
modules' own, sums may run in another order; attention stays the step's. Only families whose modules are known here are
walked, all others run as they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear, silu
from transformers import LlamaForCausalLM, Qwen2ForCausalLM

from sparse_backend.packed import FEW, Int4Linear, Int8Linear

if TYPE_CHECKING:
    from sparse_backend.model import Form, Step

FAMILIES = (LlamaForCausalLM, Qwen2ForCausalLM)  # exactly these: a subclass may compute otherwise
ROWS = FEW  # for more rows, the modules' own products are as fast


class _Norm(NamedTuple):
    """A root mean square norm, computed in float32 and scaled by `weight` in its own type."""

    weight: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        wide = x.float()
        if x.shape[0] == 1:
            row = wide[0]
            factor = 1 / math.sqrt(float(torch.dot(row, row)) / row.shape[0] + self.epsilon)
            return (wide * factor).to(x.dtype) * self.weight
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)).to(x.dtype) * self.weight


class _Layer(NamedTuple):
    """One layer's modules and the form of its attention."""

    before: _Norm
    q: Any
    k: Any
    v: Any
    out: Any
    form: Form
    between: _Norm
    gate: Any
    up: Any
    down: Any


class Lean:
    """The walk over one model's own weights: none is copied, and packed layers are called as they are."""

    def __init__(self, model: Any, forms: Sequence[Form], head_dim: int) -> None:
        """`forms`: of each layer's attention, as its modules ask for it."""
        inner = model.model
        self._embedding = inner.embed_tokens
        self._layers = [
            _Layer(
                _norm(layer.input_layernorm),
                layer.self_attn.q_proj,
                layer.self_attn.k_proj,
                layer.self_attn.v_proj,
                layer.self_attn.o_proj,
                form,
                _norm(layer.post_attention_layernorm),
                layer.mlp.gate_proj,
                layer.mlp.up_proj,
                layer.mlp.down_proj,
            )
            for layer, form in zip(inner.layers, forms, strict=True)
        ]
        self._norm = _norm(inner.norm)
        self._head = model.lm_head
        self._dim = head_dim

    @staticmethod
    def takes(model: Any) -> bool:
        """Whether a model on the CPU is of a kind that is walked."""
        config = model.config
        known = (nn.Linear, Int8Linear, Int4Linear)
        linears = [module for name, module in model.named_modules() if name.endswith(("_proj", "lm_head"))]
        return (
            type(model) in FAMILIES
            and model.device.type == "cpu"
            and config.hidden_act == "silu"
            and all(type(module) in known for module in linears)
        )

    def forward(self, ids: Sequence[int], step: Step, keep: Sequence[int]) -> Tensor:
        """Feeds at most ROWS tokens; logits [len(keep), vocabulary] of those at `keep`. Raises what `step` raises."""
        x = embedding(torch.tensor(ids), self._embedding.weight)
        for number, layer in enumerate(self._layers):
            h = layer.before(x)
            q, k, v = (self._heads(product(one, h)) for one in (layer.q, layer.k, layer.v))
            mixed = step.attend(number, q, k, v, layer.form)
            x = x + product(layer.out, mixed.reshape(len(ids), -1))
            h = layer.between(x)
            x = x + product(layer.down, silu(product(layer.gate, h)) * product(layer.up, h))
        rows = x if len(keep) == len(ids) else x[list(keep)]
        return product(self._head, self._norm(rows))

    def _heads(self, x: Tensor) -> Tensor:
        """[L, H * D] as [H, L, D]."""
        return x.view(x.shape[0], -1, self._dim).transpose(0, 1)


def product(module: Any, x: Tensor) -> Tensor:
    """x [L, K] through a linear layer -> [L, N]; one row as a matrix times a vector."""
    if type(module) is not nn.Linear:
        packed: Tensor = module.few(x)
        return packed
    if x.shape[0] > 1:
        return linear(x, module.weight, module.bias)
    row = torch.mv(module.weight, x[0])
    return (row if module.bias is None else row + module.bias)[None]


def _norm(module: Any) -> _Norm:
    return _Norm(module.weight, float(module.variance_epsilon))
