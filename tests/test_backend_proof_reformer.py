"""Our LSH and local attention give what transformers' own Reformer modules give, for the same weights and hashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import ReformerConfig
from transformers.models.reformer.modeling_reformer import LocalSelfAttention, LSHSelfAttention

from sparse_backend.config import UnsupportedModelError
from sparse_backend.encoders import reformer
from sparse_backend.lsh import OWN
from tests.tiny import one_thread

HEADS, DIM, CHUNK = 2, 8, 4
ROUNDING = 4 * torch.finfo(torch.float64).eps * abs(OWN)  # theirs keeps log-sums near OWN, for tokens that are alone


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def _module(kind: type, seed: int, **options: Any) -> Any:
    torch.manual_seed(seed)
    config = ReformerConfig(
        **{
            "hidden_size": HEADS * DIM,
            "num_attention_heads": HEADS,
            "attention_head_size": DIM,
            "lsh_attn_chunk_length": CHUNK,
            "local_attn_chunk_length": CHUNK,
            "num_hashes": 2,
            "num_buckets": 8,
            "hash_seed": 5,
            "axial_pos_embds": False,
            "max_position_embeddings": 256,
            **options,
        }
    )
    module = kind(config, layer_idx=0).double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.4)
    return module


def _both(module: Any, n: int, real: int, **options: Any) -> tuple[Tensor, Tensor, float]:
    """Theirs and ours for a row of `real` tokens beside a full one, padding left out; and the largest value."""
    hidden = torch.randn(2, n, HEADS * DIM, dtype=torch.float64)
    mask = torch.ones(2, n, dtype=torch.int64)
    mask[1, real:] = 0
    stand_in = reformer.lsh_forward if isinstance(module, LSHSelfAttention) else reformer.local_forward
    ours = stand_in(module, hidden, mask, **options).hidden_states  # before theirs, which fixes the number of buckets
    with torch.no_grad():
        theirs = module(hidden, attention_mask=mask, **options).hidden_states
        largest = float(module.value(hidden).abs().max())
    assert not bool(ours[1, real:].any())
    return theirs[mask > 0], ours[mask > 0], largest


LSH_CASES: list[tuple[int, int, dict[str, Any]]] = [
    (32, 32, {}),
    (32, 27, {"is_decoder": True}),
    (32, 1, {}),
    (40, 33, {"num_hashes": 4, "lsh_num_chunks_after": 1}),
    (40, 33, {"num_hashes": 1, "lsh_num_chunks_before": 0, "num_buckets": [2, 4]}),
    (24, 17, {"is_decoder": True, "num_hashes": 3, "lsh_num_chunks_before": 2}),
    (8, 5, {"num_hashes": 1, "lsh_num_chunks_before": 3, "lsh_num_chunks_after": 2}),
    (32, 30, {"num_buckets": None}),
    (96, 90, {"num_buckets": None}),
    (4, 3, {}),
    (3, 2, {"is_decoder": True}),
]


@pytest.mark.parametrize(("n", "real", "options"), LSH_CASES)
def test_same_lsh_attention(n: int, real: int, options: dict[str, Any]) -> None:
    theirs, ours, largest = _both(_module(LSHSelfAttention, seed=n + real, **options), n, real)
    assert float((theirs - ours).abs().max()) < ROUNDING * largest


@pytest.mark.parametrize(
    ("n", "real", "options"),
    [
        (32, 32, {}),
        (32, 27, {"is_decoder": True, "local_num_chunks_after": 0}),
        (32, 9, {"local_num_chunks_before": 2, "local_num_chunks_after": 1}),
        (8, 7, {"local_num_chunks_before": 1, "local_num_chunks_after": 1}),
        (8, 7, {"local_num_chunks_before": 3, "local_num_chunks_after": 3}),
        (4, 3, {}),
        (3, 3, {"is_decoder": True, "local_num_chunks_after": 0}),
    ],
)
def test_same_local_attention(n: int, real: int, options: dict[str, Any]) -> None:
    theirs, ours, largest = _both(_module(LocalSelfAttention, seed=n + real, **options), n, real)
    assert float((theirs - ours).abs().max()) < 1e-14 * HEADS * DIM * largest


def test_given_buckets_replace_hashing() -> None:
    n, hashes, heads = 32, 2, HEADS
    module = _module(LSHSelfAttention, seed=1, hash_seed=None)
    rounds = torch.arange(hashes)[:, None] * 8  # theirs numbers the buckets of all rounds
    buckets = torch.randint(8, (2, heads, hashes, n)) + rounds
    theirs, ours, largest = _both(module, n, n, buckets=buckets)
    assert float((theirs - ours).abs().max()) < ROUNDING * largest


def test_more_hashes_than_the_config_has() -> None:
    theirs, ours, largest = _both(_module(LSHSelfAttention, seed=2), 32, 30, num_hashes=5)
    assert float((theirs - ours).abs().max()) < ROUNDING * largest


def test_without_a_seed_the_same_input_has_the_same_output() -> None:
    module = _module(LSHSelfAttention, seed=3, hash_seed=None)
    hidden = torch.randn(1, 32, HEADS * DIM, dtype=torch.float64)
    first = reformer.lsh_forward(module, hidden).hidden_states
    torch.manual_seed(99)
    assert torch.equal(first, reformer.lsh_forward(module, hidden).hidden_states)


def test_hashing_leaves_the_global_random_state_alone() -> None:
    module = _module(LSHSelfAttention, seed=4)
    before = torch.get_rng_state()
    reformer.lsh_forward(module, torch.randn(1, 32, HEADS * DIM, dtype=torch.float64, generator=torch.Generator()))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "change", [{"hash_seed": 6}, {"num_chunks_before": 2}, {"is_decoder": True}, {"num_hashes": 1}]
)
def test_another_setting_differs(change: dict[str, Any]) -> None:
    module = _module(LSHSelfAttention, seed=5)
    hidden = torch.randn(1, 64, HEADS * DIM, dtype=torch.float64)
    with torch.no_grad():
        theirs = module(hidden).hidden_states
    for name, value in change.items():
        setattr(module, name, value)
    assert float((reformer.lsh_forward(module, hidden).hidden_states - theirs).abs().max()) > 1e-3


def test_what_is_never_computed_is_refused() -> None:
    module = _module(LSHSelfAttention, seed=6)
    hidden = torch.zeros(1, 8, HEADS * DIM, dtype=torch.float64)
    with pytest.raises(UnsupportedModelError, match="continues none"):
        reformer.lsh_forward(module, hidden, past_buckets_states=[None])
    with pytest.raises(UnsupportedModelError, match="weights"):
        reformer.lsh_forward(module, hidden, output_attentions=True)
    with pytest.raises(ValueError, match="at the end"):
        reformer.lsh_forward(module, hidden, torch.tensor([[0, 1, 1, 1, 1, 1, 1, 1]]))
    with pytest.raises(UnsupportedModelError, match="eval"):
        reformer.lsh_forward(module.train(), hidden)
