"""The embedded model's GGUF file → bf16 weights, without transformers: what a bare GPU machine starts from."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from sparse_backend.train.network import Sizes

NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def unpack(gguf: Path, folder: Path, sizes: Sizes) -> dict[str, Tensor]:
    """Writes model.safetensors into `folder`; the weights by transformers' names."""
    from gguf import GGUFReader, dequantize  # needed for this alone

    weights: dict[str, Tensor] = {}
    for tensor in GGUFReader(gguf).tensors:
        parts = tensor.name.split(".")
        value = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).float()
        if parts[0] == "blk":
            heads = {"attn_q": sizes.heads, "attn_k": sizes.kv_heads}.get(parts[2])
            weights[f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"] = _halves(value, heads) if heads else value
        elif parts[0] == "token_embd":
            weights["model.embed_tokens.weight"] = value
        elif parts[0] == "output_norm":
            weights["model.norm.weight"] = value
    weights = {name: value.to(torch.bfloat16).contiguous() for name, value in weights.items()}
    save_file(weights, folder / "model.safetensors")
    return weights


def _halves(weight: Tensor, heads: int) -> Tensor:
    """GGUF pairs neighbouring rows for the rotation; transformers pairs the halves of a head."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)
