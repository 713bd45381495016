"""Bands as text: which layer gets which window, which repairs are meant, and what is refused."""

from __future__ import annotations

import pytest

from sparse_backend.eval.bands import parse_bands
from sparse_backend.eval.case import EvalError
from sparse_backend.presets import preset


def test_bands_follow_one_another_and_start_again() -> None:
    schedule = parse_bands("2xdense+1x512").schedule
    assert [schedule.of(layer, 7).window for layer in range(7)] == [None, None, 512, None, None, 512, None]


def test_the_same_windows_as_a_preset_are_the_same_patterns() -> None:
    for bands, level in (
        ("12x1024+12x256", preset("headers", "balanced", trained=True)),
        ("18xdense+6x1024", preset("headers", "faithful")),
    ):
        mine = parse_bands(bands).schedule
        assert [mine.of(layer, 24) for layer in range(24)] == [level.of(layer, 24) for layer in range(24)]


def test_repairs_and_anchors_are_read_from_the_text() -> None:
    setting = parse_bands("4x256/delta64/last100/numbers")
    assert (setting.correction, setting.last_rows, setting.means) == (64, 100, False)
    assert setting.anchors == ("headers", "numbers") and setting.repaired
    assert parse_bands("4x256/means").means and not parse_bands("4x256").repaired


def test_a_text_that_every_band_covers_is_dense_by_another_name() -> None:
    schedule = parse_bands("1xdense+1x512").schedule
    assert schedule.covers(512) and not schedule.covers(513)


def test_other_bands_have_other_fingerprints() -> None:
    texts = ("1x256", "1x512", "1x256+1x512", "1x512+1x256", "1x256/delta64", "1x256/means", "1x256/numbers")
    assert len({parse_bands(text).fingerprint for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["12", "12x", "0xdense", "2x0", "2xdense/delta", "2xdense/sums", "2xdense+", "x256"])
def test_what_is_no_setting_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(EvalError, match="12xdense"):
        parse_bands(text)
