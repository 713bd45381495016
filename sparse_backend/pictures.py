"""A picture of every pattern, drawn from what the CPU path really computes: who has a share in whose output.

Each value vector is one token's own axis, so an output shows the weight of every token in it. A row is a query, a
column a key; light is a small share.
"""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from sparse_backend import presets
from sparse_backend.attention import sparse_attention
from sparse_backend.config import Impl
from sparse_backend.dynamic import Dynamic
from sparse_backend.layout import compile_layout
from sparse_backend.lsh import LSH
from sparse_backend.pattern import Pattern

TOKENS, CELL, GAP, TITLE = 64, 3, 26, 34  # tokens of the drawn text; pixels
HEADERS = (0, 11, 23, 40, 55)
COLUMNS = 5
PAPER, INK, EMPTY, NEAR, FAR = (255, 255, 255), (40, 40, 40), (242, 242, 240), (44, 103, 178), (222, 120, 31)
Panel = tuple[str, str, Pattern, int]  # title, second line, pattern, head


def panels() -> list[Panel]:
    """What is drawn: every preset looking back, and those of encoders looking both ways."""
    hashed = LSH(8, 2, causal=False, after=1, shared=False, once=True, seed=3)
    return [
        ("headers", "window, header anchors, sink", Pattern("headers", 8, 2, anchors=True), 0),
        ("longformer", "both ways", presets.longformer(6, causal=False), 0),
        ("bigbird", "blocks, random, global", presets.bigbird(4, count=2), 0),
        ("bigbird", "both ways", presets.bigbird(4, count=2, causal=False), 0),
        ("dense", "everything earlier", presets.dense(), 0),
        ("sparse transformer", "strided, 8", presets.strided(8), 0),
        ("sparse transformer", "fixed, 8 with 2", presets.fixed(8, 2), 0),
        ("dilated", "head 0: every token", presets.dilated(6, (1, 4)), 0),
        ("dilated", "head 1: every 4th", presets.dilated(6, (1, 4)), 1),
        ("dynamic", "a head's best blocks", Pattern("d", 4, 1, content=Dynamic(8, 2, stride=4)), 0),
        ("reformer", "head 0: own buckets", presets.reformer(6, 2), 0),
        ("reformer", "head 1", presets.reformer(6, 2), 1),
        ("reformer", "both ways", Pattern("r", 1, causal=False, content=hashed), 0),
    ]


def shares(pattern: Pattern, head: int) -> Tensor:
    """float32 [TOKENS, TOKENS]: the weight of each key in each query's output, for random queries and keys."""
    make = torch.Generator().manual_seed(5)
    q, k = (torch.randn(2, TOKENS, TOKENS, generator=make) for _ in range(2))
    v = torch.eye(TOKENS).expand(2, -1, -1)
    layout = compile_layout(pattern, torch.tensor(HEADERS), TOKENS)
    return sparse_attention(q, k, v, layout, impl=Impl.CPU)[:, head]


def draw() -> Image.Image:
    """All panels as small multiples."""
    size, drawn = TOKENS * CELL, panels()
    rows = -(-len(drawn) // COLUMNS)
    image = Image.new("RGB", (COLUMNS * (size + GAP) + GAP, rows * (size + TITLE + GAP) + GAP), PAPER)
    pen = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(14), ImageFont.load_default(11)
    for index, (title, line, pattern, head) in enumerate(drawn):
        left = GAP + index % COLUMNS * (size + GAP)
        top = GAP + index // COLUMNS * (size + TITLE + GAP)
        pen.text((left, top - 4), title, INK, font=large)
        pen.text((left, top + 13), line, INK, font=small)
        _cells(pen, shares(pattern, head), left, top + TITLE)
    return image


def save(path: Path) -> None:
    """Writes the picture as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw().save(path, optimize=True)


def _cells(pen: ImageDraw.ImageDraw, weight: Tensor, left: int, top: int) -> None:
    for row in range(TOKENS):
        for column in range(TOKENS):
            share = float(weight[row, column])
            color = (NEAR if abs(row - column) < 8 else FAR) if share > 0 else EMPTY
            x, y = left + column * CELL, top + row * CELL
            pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), fill=color)
