"""The decoder as a differentiable function of packed rows: a Llama with our pattern and our positions.

Weights have transformers' names, so a state dict goes either way. Matrices are kept in float32 and used in bfloat16.
Keys and queries are rotated here, because far documents need two rotations of one query in one softmax: the query is
laid out as [for the row and the selection, for the bank] and each key fills one half and leaves the other zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sparse_backend.train.packing import Row

Attend = Callable[[Tensor, Tensor, Tensor, Any, float], Tensor]
"""q [Hq, T, E], k [Hkv, K, E], v [Hkv, K, D], what the pattern allows, scale -> [Hq, T, D]."""
LAYER = ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
         "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a Llama; defaults are SmolLM2-135M's."""

    vocab: int = 49152
    width: int = 576
    inner: int = 1536
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    head_dim: int = 64
    theta: float = 100_000.0
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True)
class Angles:
    """Cosine and sine, float32 [n, D/2] each, by which a run of queries or keys is rotated."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def at(cls, places: Tensor, sizes: Sizes) -> Angles:
        """For integer positions [n]."""
        steps = torch.arange(0, sizes.head_dim, 2, dtype=torch.float64, device=places.device)
        angle = places.double()[:, None] * sizes.theta ** (-steps / sizes.head_dim)
        return cls(angle.cos().float(), angle.sin().float())

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        """Both tensors."""
        return self.cos, self.sin


@dataclass(frozen=True, slots=True)
class Turns:
    """Every rotation that a row needs; `bank_query` [shallow, deep]; `far`: whether any document is beyond 8,192."""

    main: Angles
    bank_query: tuple[Angles, Angles]
    extra_key: Angles
    source: Tensor
    bank: int
    far: bool

    @classmethod
    def of(cls, row: Row, sizes: Sizes, device: str) -> Turns:
        """The rotations of a row on `device`."""

        def turn(places: object) -> Angles:
            return Angles.at(torch.as_tensor(places).to(device), sizes)

        return cls(
            turn(row.place),
            (turn(row.bank_place[0]), turn(row.bank_place[1])),
            turn(row.key_place),
            torch.as_tensor(row.source).long().to(device),
            row.shape.bank,
            row.shape.selected > 0,
        )


class Reader(nn.Module):
    """Embedding (frozen, also the output matrix), layers and final norm, as plain parameters."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        narrow = sizes.kv_heads * sizes.head_dim
        shapes = ((sizes.width,), (sizes.heads * sizes.head_dim, sizes.width), (narrow, sizes.width),
                  (narrow, sizes.width), (sizes.width, sizes.heads * sizes.head_dim), (sizes.width,),
                  (sizes.inner, sizes.width), (sizes.inner, sizes.width), (sizes.width, sizes.inner))  # fmt: skip
        self.embedding = nn.Parameter(torch.randn(sizes.vocab, sizes.width) * 0.02, requires_grad=False)
        self.norm = nn.Parameter(torch.ones(sizes.width))
        self.layers = nn.ModuleList(
            nn.ParameterList(torch.ones(shape) if len(shape) == 1 else torch.randn(shape) * 0.02 for shape in shapes)
            for _ in range(sizes.layers)
        )

    @property
    def stack(self) -> list[tuple[Tensor, ...]]:
        """Each layer's weights in the order of LAYER; the parameters themselves."""
        return [tuple(cast(nn.ParameterList, layer)) for layer in self.layers]

    def named(self) -> dict[str, Tensor]:
        """Every weight under transformers' name; the tensors are the parameters themselves."""
        found: dict[str, Tensor] = {"model.embed_tokens.weight": self.embedding, "model.norm.weight": self.norm}
        for index, layer in enumerate(self.stack):
            for name, weight in zip(LAYER, layer, strict=True):
                found[f"model.layers.{index}.{name}.weight"] = weight
        return found

    def fill(self, weights: dict[str, Tensor]) -> None:
        """Copies `weights`, by transformers' names; KeyError when one is missing."""
        with torch.no_grad():
            for name, parameter in self.named().items():
                parameter.copy_(weights[name])

    def forward(
        self,
        ids: Tensor,
        turns: Turns,
        allowed: tuple[Any, Any],
        layer: Callable[..., tuple[Tensor, Tensor, Tensor]],
        keep: Callable[[int, Tensor, Tensor], None] | None = None,
    ) -> Tensor:
        """int [T] -> bf16 [T, width] before the output matrix; `allowed`: for the shallow and the deep layers.

        `keep` is handed each layer's number and unrotated keys and values [T, Hkv, D].
        """
        x = self.embedding[ids].to(torch.bfloat16)
        count = len(self.layers)
        for index, weights in enumerate(self.stack):
            kind = 0 if index < (count + 1) // 2 else 1
            bank = turns.bank_query[kind].pair if turns.far else None
            extra = (turns.source, *turns.extra_key.pair, turns.bank)
            x, k, v = layer(x, weights, turns.main.pair, bank, extra, allowed[kind], self.sizes)
            if keep is not None:
                keep(index, k, v)
        return rms(x, self.norm, self.sizes.epsilon)

    def logits(self, hidden: Tensor) -> Tensor:
        """bf16 [n, vocab]."""
        return F.linear(hidden, self.embedding.to(hidden.dtype))


def layer_with(attend: Attend) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """One layer as a pure function of its weights, so that all layers share one compilation."""

    def layer(
        x: Tensor,
        weights: tuple[Tensor, ...],
        main: tuple[Tensor, Tensor],
        bank_query: tuple[Tensor, Tensor] | None,
        extra: tuple[Tensor, Tensor, Tensor, int],
        allowed: Any,
        sizes: Sizes,
    ) -> tuple[Tensor, Tensor, Tensor]:
        first, wq, wk, wv, wo, second, gate, up, down = weights
        h = rms(x, first, sizes.epsilon)
        q = mul(h, wq).view(-1, sizes.heads, sizes.head_dim)
        k = mul(h, wk).view(-1, sizes.kv_heads, sizes.head_dim)
        v = mul(h, wv).view(-1, sizes.kv_heads, sizes.head_dim)
        source, cos, sin, bank = extra
        gathered = rotate(k[source], cos, sin)
        own = rotate(k, *main)
        values = torch.cat([v[source], v])
        if bank_query is None:
            queries, keys = rotate(q, *main), torch.cat([gathered, own])
        else:
            queries = torch.cat([rotate(q, *main), rotate(q, *bank_query)], -1)
            keys = torch.cat([F.pad(gathered[:bank], (sizes.head_dim, 0)),
                              F.pad(gathered[bank:], (0, sizes.head_dim)),
                              F.pad(own, (0, sizes.head_dim))])  # fmt: skip
        out = attend(
            queries.transpose(0, 1), keys.transpose(0, 1), values.transpose(0, 1), allowed, sizes.head_dim**-0.5
        )
        x = x + mul(out.transpose(0, 1).reshape(len(x), -1), wo)
        h = rms(x, second, sizes.epsilon)
        return x + mul(F.silu(mul(h, gate)) * mul(h, up), down), k, v

    return layer


def attend_plainly(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor, scale: float) -> Tensor:
    """Masked attention with the whole matrix of scores; `allowed` bool [T, K]. Rows that see nothing give zeros."""
    group = len(q) // len(k)
    scores = torch.matmul(q, k.repeat_interleave(group, 0).transpose(1, 2)).float() * scale
    scores = scores.masked_fill(~allowed, -1e30)
    weights = torch.softmax(scores, -1) * allowed.any(-1, keepdim=True)
    return torch.matmul(weights.to(v.dtype), v.repeat_interleave(group, 0))


def rms(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root mean square norm in float32, result in x's type."""
    wide = x.float()
    return (weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(x.dtype)).to(x.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x [n, heads, D] by angles [n, D/2], halves paired as in Llama."""
    low, high = x.float().chunk(2, -1)
    cos, sin = cos[:, None], sin[:, None]
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1).to(x.dtype)


def mul(x: Tensor, weight: Tensor) -> Tensor:
    """x times a matrix in x's type."""
    return F.linear(x, weight.to(x.dtype))
