"""The suffix index against sorting and scanning by hand."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_backend.suffixes import SuffixCache, SuffixIndex, following, narrow, suffix_order

texts = st.integers(1, 4).flatmap(lambda kinds: st.lists(st.integers(0, kinds - 1), max_size=60))


@settings(max_examples=100, deadline=None)
@given(texts)
def test_suffixes_stand_in_lexicographic_order(ids: list[int]) -> None:
    assert SuffixIndex(ids).order.tolist() == sorted(range(len(ids)), key=lambda at: ids[at:])


@pytest.mark.parametrize(
    "ids", [np.zeros(3000), np.tile(np.arange(7), 300), np.arange(500)], ids=["same", "period", "up"]
)
def test_long_repetitions_are_ordered_too(ids: np.ndarray) -> None:
    listed = ids.astype(np.int32).tolist()
    assert suffix_order(ids.astype(np.int32)).tolist() == sorted(range(len(ids)), key=lambda at: listed[at:])


@settings(max_examples=100, deadline=None)
@given(texts, st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_every_place_of_a_run_is_found_and_what_follows_it(ids: list[int], run: list[int]) -> None:
    index = SuffixIndex(ids)
    places = {at for at in range(len(ids)) if ids[at : at + len(run)] == run}
    low, high = index.find(run)
    assert set(index.order[low:high].tolist()) == places
    after = sorted({ids[at + len(run)] for at in places if at + len(run) < len(ids)})
    assert following(index.ids, index.order, low, high, len(run)).tolist() == after
    for token_id in range(4):
        slots = narrow(index.ids, index.order, low, high, len(run), token_id)
        assert slots == index.find([*run, token_id]) or slots[0] == slots[1]
        assert set(index.order[slice(*slots)].tolist()) == {
            at for at in places if ids[at + len(run) :][:1] == [token_id]
        }


def test_an_index_is_not_changed_by_anybody() -> None:
    ids = np.array([1, 2, 3], np.int32)
    index = SuffixIndex(ids)
    ids[0] = 9
    assert index.ids.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        index.order[0] = 1


def test_negative_ids_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        SuffixIndex([1, -1])


def test_the_cache_builds_once_keeps_its_budget_and_forgets() -> None:
    cache = SuffixCache(budget=2 * 8 * 100)
    built = [cache.get("a", range(100))]
    threads = [threading.Thread(target=lambda: built.append(cache.get("a", range(100)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(index) for index in built}) == 1
    kept = cache.get("b", range(100))
    assert cache.get("a", range(100)) is built[0]
    cache.get("c", range(100))  # beyond the budget: “b” was used longest ago
    assert cache.get("a", range(100)) is built[0]
    assert cache.get("b", range(100)) is not kept
    cache.forget("b")
    cache.forget("never there")
    assert len(cache.get("huge", range(1000))) == 1000  # larger than the budget, and still served


def test_a_failed_build_does_not_block_the_next() -> None:
    cache = SuffixCache(budget=1000)
    with pytest.raises(ValueError, match="negative"):
        cache.get("a", [-1])
    assert len(cache.get("a", [1])) == 1
