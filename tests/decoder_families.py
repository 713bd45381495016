"""Tiny random decoders of many families, as the backend serves them: configs by name, and configs it must refuse."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from tests import tiny

SIZES: dict[str, Any] = {**tiny.SIZES, "pad_token_id": 0}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
SLIDING = {"sliding_window": 7}
ONE_TO_ONE = {"num_key_value_heads": 6}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 10000.0}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64, "rope_theta": 10000.0,
}  # fmt: skip
LONG = {
    "rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 128,
    "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 2.0, 3.0, 4.0],
}  # fmt: skip

PLAIN = (
    "apertus arcee bitnet cohere doge ernie4_5 gemma glm glm4 granite helium hy_v3 jais2 llama mellum mistral olmo "
    "olmo2 phi phi3 qwen2 qwen3 seed_oss smollm3 starcoder2 ministral3 solar_open"
)
WITH_EXPERTS = (
    "ernie4_5_moe flex_olmo glm4_moe granitemoe granitemoeshared minimax_m2 mixtral olmoe phimoe qwen2_moe "
    "qwen3_moe laguna"
)
WITH_WINDOWS = "cohere2 exaone4 gemma2 gemma3_text gpt_oss ministral olmo3 vaultgemma"
WITHOUT_GROUPS = "gpt_neox persimmon stablelm"

SERVED: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in PLAIN.split()},
    **{name: (name, EXPERTS) for name in WITH_EXPERTS.split()},
    **{name: (name, {**SLIDING, **EXPERTS}) for name in WITH_WINDOWS.split()},
    **{name: (name, ONE_TO_ONE) for name in WITHOUT_GROUPS.split()},
    "three to one": ("qwen2", {"num_attention_heads": 3, "num_key_value_heads": 1, "hidden_size": 24}),
    "seven to one": ("llama", {"num_attention_heads": 7, "num_key_value_heads": 1, "hidden_size": 56}),
    "window in all layers": ("mistral", SLIDING),
    "window in deep layers": ("qwen2", {**SLIDING, "use_sliding_window": True, "max_window_layers": 1}),
    "layers without positions": ("smollm3", {"no_rope_layers": [1, 0, 1], "no_rope_layer_interval": 2}),
    "yarn": ("qwen3", {"rope_parameters": YARN}),
    "llama 3 scaling": ("llama", {"rope_parameters": LLAMA3}),
    "dynamic scaling": ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}}),
    "linear scaling": ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}}),
    "longrope": ("phi3", {"rope_parameters": LONG, "original_max_position_embeddings": 128}),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "gpt2": ("gpt2", {"n_embd": 48, "n_layer": 2, "n_head": 6, "n_positions": 64}, "positions are encoded"),
    "opt": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 48}, "positions are encoded"),
    "bloom": ("bloom", {"n_layer": 2, "n_head": 6}, "how many tokens|routed"),
    "gptj": ("gptj", {"n_embd": 48, "n_layer": 2, "n_head": 6, "rotary_dim": 4, "n_positions": 64}, "routed"),
    "diffllama": ("diffllama", {}, "6 of 3 layers"),
    "deepseek_v2": ("deepseek_v2", {"kv_lora_rank": 16, "q_lora_rank": 16}, "shapes|kind"),
    "llama4": ("llama4_text", EXPERTS, "chunked_attention"),
    "jamba": ("jamba", EXPERTS, "linear_attention|layers of kind"),
    "qwen3_next": ("qwen3_next", EXPERTS, "linear_attention"),
    "rotated before the norm": ("hunyuan_v1_dense", {}, "positions are encoded"),
    "bert": ("bert", {}, "encoder"),
}


def config(kind: str, changes: dict[str, Any]) -> Any:
    """The config of a tiny model of a family."""
    return CONFIG_MAPPING[kind](**{**SIZES, **changes})


def build(made: Any, seed: int = 0) -> Any:
    """A random model whose biases, norms and sinks are random too, with transformers' own eager attention."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(made, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("bias", "sinks")):
                parameter.normal_(std=0.5)
            elif "norm" in name and parameter.dim() == 1:
                parameter.mul_(1 + 0.3 * torch.randn_like(parameter)).add_(0.1 * torch.rand_like(parameter))
    return model
