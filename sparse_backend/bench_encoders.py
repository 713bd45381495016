"""`bench encoders`: transformers' own sparse self-attentions beside the same modules routed through this backend.

Same weights, same input, one layer with its projections; the outputs are compared before anything is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BigBirdConfig, LongformerConfig, ReformerConfig
from transformers.models.big_bird.modeling_big_bird import BigBirdModel
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention
from transformers.models.reformer.modeling_reformer import LSHSelfAttention

from sparse_backend.encoders import bigbird, longformer, reformer

HEADS, DIM = 9, 64  # a layer of SmolLM2-135M
LENGTHS = (4096, 8192)
Pair = tuple[Callable[[], Tensor], Callable[[], Tensor]]


def run(lengths: list[int] | None, rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each family, dtype and length: milliseconds of theirs and of ours, best of `rounds`."""
    rows = []
    for n in lengths or LENGTHS:
        for name, make in (("longformer", _longformer), ("bigbird", _bigbird), ("reformer", _reformer)):
            for dtype in (torch.float32, torch.bfloat16):
                rows.append(_row(name, make, n, dtype, rounds))
                say("  ".join(f"{key} {value}" for key, value in rows[-1].items()))
    return rows


def _row(
    name: str, make: Callable[[int, torch.dtype], Pair], n: int, dtype: torch.dtype, rounds: int
) -> dict[str, Any]:
    torch.manual_seed(0)
    row: dict[str, Any] = {"family": name, "tokens": n, "dtype": str(dtype).removeprefix("torch.")}
    with torch.no_grad():
        theirs, ours = make(n, dtype)
        try:
            expected = theirs()
        except RuntimeError as problem:  # a peer that does not run in this dtype is reported, not hidden
            return {**row, "theirs_ms": None, "why": str(problem).splitlines()[0][:100]}
        wrong = float((expected.float() - ours().float()).norm() / expected.float().norm())
        row["difference"] = float(f"{wrong:.1e}")
        if not wrong < 2e-2:  # bf16 rounds to 4e-3
            return {**row, "theirs_ms": None, "ours_ms": None, "why": "the outputs differ"}
        row["theirs_ms"], row["ours_ms"] = _best(theirs, rounds), _best(ours, rounds)
    return row


def _longformer(n: int, dtype: torch.dtype) -> Pair:
    config = LongformerConfig(hidden_size=HEADS * DIM, num_attention_heads=HEADS, attention_window=[1024])
    module: Any = LongformerSelfAttention(config, 0).to(dtype).eval()
    hidden, mask = torch.randn(1, n, HEADS * DIM, dtype=dtype), torch.zeros(1, n, dtype=dtype)
    mask[0, :: n // 64] = 10000.0
    given = (hidden, mask, mask < 0, mask > 0, True)
    return lambda: module(*given)[0], lambda: longformer.forward(module, *given[:4])[0]


def _bigbird(n: int, dtype: torch.dtype) -> Pair:
    config = BigBirdConfig(
        hidden_size=HEADS * DIM, num_attention_heads=HEADS, num_hidden_layers=1, block_size=64,
        attention_type="block_sparse", max_position_embeddings=n,
    )  # fmt: skip
    model: Any = BigBirdModel(config).to(dtype).eval()
    module = model.encoder.layer[0].attention.self
    hidden, mask = torch.randn(1, n, HEADS * DIM, dtype=dtype), torch.ones(1, n, dtype=dtype)
    blocked, band, from_mask, to_mask = model.create_masks_for_block_sparse_attn(mask, 64)
    given = (hidden, band, from_mask, to_mask, blocked, blocked)
    return lambda: module(*given)[0], lambda: bigbird.forward(module, *given)[0]


def _reformer(n: int, dtype: torch.dtype) -> Pair:
    config = ReformerConfig(
        hidden_size=HEADS * DIM, num_attention_heads=HEADS, attention_head_size=DIM, num_hashes=4, hash_seed=1,
        lsh_attn_chunk_length=64, max_position_embeddings=n, axial_pos_embds=False, is_decoder=True,
        num_buckets=2 * n // 64,
    )  # fmt: skip
    module: Any = LSHSelfAttention(config, layer_idx=0).to(dtype).eval()
    nn.init.normal_(module.query_key.weight, std=0.05)
    hidden = torch.randn(1, n, HEADS * DIM, dtype=dtype)
    mask = torch.ones(1, n, dtype=torch.int64)
    return (
        lambda: module(hidden, attention_mask=mask).hidden_states,
        lambda: reformer.lsh_forward(module, hidden, mask).hidden_states,
    )


def _best(call: Callable[[], Tensor], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return round(1000 * min(taken), 1)
