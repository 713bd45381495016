"""The picture of the patterns shows what is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from sparse_backend import bench, pictures


def test_a_panel_is_drawn_from_computed_weights() -> None:
    for title, line, pattern, head in pictures.panels():
        weight = pictures.shares(pattern, head)
        assert torch.allclose(weight.sum(1), torch.ones(pictures.TOKENS), atol=1e-5), (title, line)
        ahead = bool((weight.triu(1) > 0).any())
        assert ahead == (not pattern.causal), (title, line)
        assert bool((weight > 0).all()) is False, "each looks at less than everything, dense looks back only"


def test_the_bench_saves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "deep" / "patterns.png"
    assert bench.main(["patterns", "--save", str(target)]) == 0
    assert str(target) in capsys.readouterr().out
    with Image.open(target) as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20) or []}
    assert {pictures.NEAR, pictures.FAR, pictures.EMPTY} <= colors


def test_without_a_place_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main(["patterns"])
    assert caught.value.code == 2 and "--save" in capsys.readouterr().err
