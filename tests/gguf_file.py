"""Writes a tiny Llama as a GGUF file, laid out as llama.cpp's converter does it, with a byte-level tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

LAYER = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
TOKENS = 256 + 2  # all bytes, one merge, one mark


def write(
    path: Path, model: Any, *, architecture: str = "llama", kind: str = "F32", without: str = "", **more: Any
) -> Path:
    """Writes `path`; `kind` of the matrices: F32 or Q8_0; `more`: keys of the architecture, or tensors by name."""
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    _tokenizer(writer)
    for name, value in more.items():
        if isinstance(value, np.ndarray):
            writer.add_tensor(name.replace("__", "."), value)
        elif isinstance(value, str):
            writer.add_string(f"{architecture}.{name.replace('__', '.')}", value)
        else:
            writer.add_uint16(name.replace("__", "."), value)
    for name, tensor in model.state_dict().items():
        if without and without in name:
            continue
        _tensor(writer, name, tensor.float().numpy(), config, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensor(writer: Any, name: str, data: Any, config: Any, kind: str) -> None:
    parts = name.split(".")
    if parts[1] == "layers":
        inner = ".".join(parts[3:-1])
        heads = {"self_attn.q_proj": config.num_attention_heads, "self_attn.k_proj": config.num_key_value_heads}
        if inner in heads:  # llama.cpp rotates neighbours, transformers the two halves of a head
            rows = data.shape[0] // heads[inner] // 2
            data = data.reshape(heads[inner], 2, rows, -1).swapaxes(1, 2).reshape(data.shape)
        name = f"blk.{parts[2]}.{LAYER[inner]}.weight"
    else:
        name = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[parts[-2]] + ".weight"
    if data.ndim == 2 and kind != "F32":
        sort = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quants.quantize(data, sort), raw_dtype=sort)
    else:
        writer.add_tensor(name, np.ascontiguousarray(data))


def _tokenizer(writer: Any) -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*letters, "ab", "<|end|>"])
    writer.add_token_merges(["a b"])
    writer.add_token_types([1] * (TOKENS - 1) + [3])
    writer.add_bos_token_id(TOKENS - 1)
    writer.add_eos_token_id(TOKENS - 1)
