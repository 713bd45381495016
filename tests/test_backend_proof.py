"""What a 16-bit model must prove: one token that roundings turned round is noise, a wrong half is not."""

from __future__ import annotations

import math

import torch

from sparse_backend.proof import ROUGH, TOKENS, rough


def logits() -> torch.Tensor:
    return torch.randn(TOKENS, 50, generator=torch.Generator().manual_seed(0))


def test_one_token_turned_round_is_noise() -> None:
    theirs = logits()
    ours = theirs * 1.01
    ours[1] = -theirs[1]
    assert rough(ours, theirs) < 0.02 < ROUGH


def test_either_piece_that_is_wrong_counts() -> None:
    theirs = logits()
    for wrong in (slice(0, TOKENS // 2), slice(TOKENS // 2, TOKENS)):
        ours = theirs.clone()
        ours[wrong] *= 1.3
        assert rough(ours, theirs) > ROUGH


def test_what_is_no_number_is_never_near() -> None:
    theirs = logits()
    ours = theirs.clone()
    ours[:2] = math.nan
    assert not rough(ours, theirs) <= ROUGH
