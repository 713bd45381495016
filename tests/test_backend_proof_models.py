"""Whole encoders of transformers with our attention in place of theirs give the same hidden states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    BigBirdConfig,
    BigBirdForQuestionAnswering,
    BigBirdModel,
    LEDConfig,
    LEDModel,
    LongformerConfig,
    LongformerForQuestionAnswering,
    LongformerModel,
    ReformerConfig,
    ReformerModel,
)

from sparse_backend.config import UnsupportedModelError
from sparse_backend.encoders.route import FAMILIES, route
from tests.tiny import one_thread

SIZES: dict[str, Any] = {
    "vocab_size": 97, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 32,
    "max_position_embeddings": 600, "pad_token_id": 0, "initializer_range": 0.3,
}  # fmt: skip
SAME = 1e-9  # float64; transformers takes Longformer's softmax in float32 unless told otherwise


@pytest.fixture(autouse=True)
def _float64(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = torch.nn.functional.softmax
    monkeypatch.setattr(torch.nn.functional, "softmax", lambda x, dim=-1, dtype=None, **_: real(x, dim))
    with one_thread():
        yield


def built(kind: Any, config: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    model = kind(config).double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name.lower():
                parameter.normal_(std=0.2)
    return model


def inputs(n: int, real: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Two rows of n tokens, the second of `real` ones and padding."""
    ids = torch.randint(1, 97, (2, n), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(2, n, dtype=torch.int64)
    ids[1, real:], mask[1, real:] = 0, 0
    return ids, mask


def both(model: Any, **given: Any) -> tuple[Any, Any]:
    """What the model gives before and after it is routed."""
    with torch.no_grad():
        theirs = model(**given)
        names = route(model)
        assert names
        return theirs, model(**given)


def differ(theirs: Tensor, ours: Tensor, mask: Tensor) -> float:
    return float((theirs - ours)[mask > 0].abs().max())


@pytest.mark.parametrize(("n", "real"), [(64, 50), (101, 7), (16, 16)])
@pytest.mark.parametrize("globals_", [[], [0], [0, 3, 6]])
def test_longformer(n: int, real: int, globals_: list[int]) -> None:
    model = built(LongformerModel, LongformerConfig(**SIZES, attention_window=[8, 16, 32]))
    ids, mask = inputs(n, real)
    wide = torch.zeros_like(mask)
    wide[:, globals_] = 1
    theirs, ours = both(model, input_ids=ids, attention_mask=mask, global_attention_mask=wide)
    assert differ(theirs.last_hidden_state, ours.last_hidden_state, mask) < SAME
    assert float((theirs.pooler_output - ours.pooler_output).abs().max()) < SAME


def test_longformer_for_questions() -> None:
    """Its own loading finds the question by three separators and makes it global."""
    config = LongformerConfig(**SIZES, attention_window=[8, 8, 8], sep_token_id=2)
    model = built(LongformerForQuestionAnswering, config)
    ids, mask = inputs(60, 60)
    ids[ids == 2] = 3
    ids[:, [6, 7, 59]] = 2
    theirs, ours = both(model, input_ids=ids, attention_mask=mask)
    assert differ(theirs.start_logits, ours.start_logits, mask) < SAME
    assert differ(theirs.end_logits, ours.end_logits, mask) < SAME


def bigbird(**more: Any) -> BigBirdConfig:
    return BigBirdConfig(**SIZES, block_size=4, num_random_blocks=2, attention_type="block_sparse", **more)


@pytest.mark.parametrize(("n", "real"), [(64, 64), (100, 81), (57, 40)])
def test_bigbird(n: int, real: int) -> None:
    import numpy as np

    model = built(BigBirdModel, bigbird())
    ids, mask = inputs(n, real)
    ids, mask = ids[1:, :], mask[1:, :]  # a row at a time: theirs shares one length of padding
    np.random.seed(0)
    theirs, ours = both(model, input_ids=ids, attention_mask=mask)
    assert differ(theirs.last_hidden_state, ours.last_hidden_state, mask) < SAME


def test_bigbird_stays_sparse_after_a_short_input() -> None:
    model = built(BigBirdModel, bigbird())
    route(model)
    with torch.no_grad():
        ids, mask = inputs(80, 80)
        before = model(input_ids=ids, attention_mask=mask).last_hidden_state
        model(input_ids=ids[:, :12], attention_mask=mask[:, :12])
        assert torch.equal(before, model(input_ids=ids, attention_mask=mask).last_hidden_state)


def test_bigbird_for_questions_has_headers_that_are_global() -> None:
    model = built(BigBirdForQuestionAnswering, bigbird())
    route(model)
    ids, mask = inputs(120, 120)
    wide = torch.zeros_like(mask)
    with torch.no_grad():
        plain = model(input_ids=ids, attention_mask=mask).start_logits
        wide[:, 50] = 1
        named = model(input_ids=ids, attention_mask=mask, global_attention_mask=wide).start_logits
    assert not torch.allclose(plain, named)


def test_led() -> None:
    config = LEDConfig(
        vocab_size=97, d_model=24, encoder_layers=2, decoder_layers=1, encoder_attention_heads=3,
        decoder_attention_heads=3, encoder_ffn_dim=32, decoder_ffn_dim=32, attention_window=[8, 16],
        max_encoder_position_embeddings=600, max_decoder_position_embeddings=64, pad_token_id=0,
        decoder_start_token_id=2,
    )  # fmt: skip
    model = built(LEDModel, config)
    ids, mask = inputs(70, 41)
    wide = torch.zeros_like(mask)
    wide[:, [0, 5]] = 1
    given = {"input_ids": ids, "attention_mask": mask, "global_attention_mask": wide, "decoder_input_ids": ids[:, :4]}
    theirs, ours = both(model, **given)
    assert differ(theirs.encoder_last_hidden_state, ours.encoder_last_hidden_state, mask) < SAME
    assert float((theirs.last_hidden_state - ours.last_hidden_state).abs().max()) < SAME


@pytest.mark.parametrize("causal", [False, True])
def test_reformer(causal: bool) -> None:
    config = ReformerConfig(
        vocab_size=97, hidden_size=16, num_attention_heads=2, attention_head_size=8, feed_forward_size=24,
        attn_layers=["local", "lsh", "local", "lsh"], lsh_attn_chunk_length=8, local_attn_chunk_length=8,
        num_buckets=4, num_hashes=2, hash_seed=3, is_decoder=causal, axial_pos_shape=(8, 8),
        axial_pos_embds_dim=(6, 10), max_position_embeddings=64, pad_token_id=0, lsh_num_chunks_after=0,
        local_num_chunks_after=0 if causal else 1,
        use_cache=False,
    )  # fmt: skip
    model = built(ReformerModel, config)
    ids, mask = inputs(64, 64)
    theirs, ours = both(model, input_ids=ids, attention_mask=mask)
    assert differ(theirs.last_hidden_state, ours.last_hidden_state, mask) < 1e-7  # alone tokens: sums near -1e5


def test_what_cannot_be_routed_is_named() -> None:
    with pytest.raises(UnsupportedModelError, match=f"family bert .*{', '.join(FAMILIES)}"):
        route(BertModel(BertConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1, vocab_size=5)))
    full = BigBirdModel(BigBirdConfig(**SIZES, attention_type="original_full"))
    with pytest.raises(UnsupportedModelError, match="attends densely"):
        route(full)
