"""A segment's key follows its content; the buffers that segments and tails are made of."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_backend.segment import KVBuffer, KVShape, Tail, segment_key

NUMBERS = st.lists(st.integers(0, 3) | st.integers(0, 2**31 - 1), max_size=4)


@given(one=st.tuples(NUMBERS, NUMBERS), other=st.tuples(NUMBERS, NUMBERS))
def test_keys_are_equal_only_for_equal_documents(
    one: tuple[list[int], list[int]], other: tuple[list[int], list[int]]
) -> None:
    keys = [segment_key("m", "p", "i", *document) for document in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


@given(tokens=NUMBERS, anchors=NUMBERS)
def test_an_anchor_never_passes_for_a_token(tokens: list[int], anchors: list[int]) -> None:
    if anchors:
        moved = [*tokens, anchors[0] << 8], anchors[1:]
        assert segment_key("m", "p", "i", tokens, anchors) != segment_key("m", "p", "i", *moved)


def test_every_part_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    base = ("model", "pattern", "impl", (1, 2), (0,))
    changed = [("m", *base[1:]), ("model", "p", *base[2:]), ("model", "pattern", "i", *base[3:])]
    changed += [(*base[:3], (2, 1), (0,)), (*base[:3], (1, 2), (1,)), ("mode", "lpattern", *base[2:])]
    keys = {segment_key(*parts) for parts in [base, *changed]}
    assert len(keys) == 7
    monkeypatch.setattr("sparse_backend.segment.FORMAT", 99)
    assert segment_key("model", "pattern", "impl", (1, 2), (0,)) not in keys


# -- the buffers a segment and a tail are made of --------------------------------


def test_a_buffer_grows_and_keeps_what_it_held() -> None:
    shape = KVShape(2, 1, 4, torch.float32)
    buffer, written = KVBuffer(shape, 1), torch.randn(2, 1, 40, 4)
    moves = 0
    for n in range(40):
        before = buffer.keys.data_ptr()
        buffer.reserve(1)
        moves += buffer.keys.data_ptr() != before
        for layer in range(2):
            keys, values = buffer.write(layer, written[layer, :, n : n + 1], -written[layer, :, n : n + 1])
            assert torch.equal(keys, written[layer, :, : n + 1]) and torch.equal(values, -keys)
        assert buffer.length == n
        buffer.advance(1)
    assert moves <= 6  # doubling: appending stays linear
    other = buffer.copy(7)
    other.keys.zero_()
    assert torch.equal(buffer.keys[:, :, :40], written) and other.length == 7
    buffer.crop(50)
    assert buffer.length == 40
    buffer.crop(3)
    assert buffer.length == 3


@given(mine=st.lists(st.integers(0, 1), max_size=6), other=st.lists(st.integers(0, 1), max_size=6))
def test_a_tail_shares_the_longest_common_beginning(mine: list[int], other: list[int]) -> None:
    shared = Tail("k", mine, KVBuffer(KVShape(1, 1, 1, torch.float32), 1)).shared(other)
    assert mine[:shared] == other[:shared]
    assert shared == min(len(mine), len(other)) or mine[shared] != other[shared]
