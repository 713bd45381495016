"""Heat maps as SVG: for each suite, depth down and length across, the darker the better, the score in every cell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sparse_backend.eval.ledger import Row
from sparse_backend.eval.report import BUCKETS, bucket, group, score

CELL_W, CELL_H, LEFT, TOP, GAP = 58, 26, 74, 44, 30  # pixels
EVERYWHERE = "spread"  # facts that stand in several places
POOR, GOOD = (247, 232, 214), (23, 92, 138)  # colours at 0 and 1, told apart without red and green


def draw(rows: Sequence[Row], title: str) -> str:
    """The picture of one setting's rows, one panel a suite."""
    lengths = sorted({row["tokens"] for row in rows})
    panels = group(rows, lambda row: row["suite"])
    width = LEFT + len(lengths) * CELL_W + GAP
    across = max(1, min(len(panels), 1000 // width))
    down = -(-len(panels) // across)
    height = TOP + (BUCKETS + 1) * CELL_H + GAP
    body = [
        _panel(name, mine, lengths, index % across * width, 30 + index // across * height)
        for index, (name, mine) in enumerate(panels.items())
    ]
    size = f'width="{across * width}" height="{30 + down * height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{_text(8, 20, title, weight="bold")}\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _panel(name: str, rows: Sequence[Row], lengths: Sequence[int], left: int, top: int) -> str:
    cells = group(rows, lambda row: (_line(row), row["tokens"]))
    lines = [*(bucket((i + 0.5) / BUCKETS) for i in range(BUCKETS)), EVERYWHERE]
    drawn = [_text(left + 8, top + 16, name, weight="bold")]
    for column, tokens in enumerate(lengths):
        drawn.append(_text(left + LEFT + column * CELL_W + CELL_W // 2, top + TOP - 8, f"{tokens:,}", "middle"))
    for row, line in enumerate(lines):
        y = top + TOP + row * CELL_H
        drawn.append(_text(left + LEFT - 6, y + 17, line, "end"))
        for column, tokens in enumerate(lengths):
            found = cells.get((line, tokens))
            drawn.append(_cell(left + LEFT + column * CELL_W, y, score(found) if found else None))
    return "\n".join(drawn)


def _cell(x: int, y: int, value: float | None) -> str:
    fill = "#f4f4f2" if value is None else _colour(value)
    box = f'<rect x="{x}" y="{y}" width="{CELL_W - 2}" height="{CELL_H - 2}" fill="{fill}"/>'
    if value is None:
        return box
    ink = "#fff" if value > 0.55 else "#222"
    return box + _text(x + CELL_W // 2 - 1, y + 16, f"{100 * value:.0f}", "middle", fill=ink)


def _colour(value: float) -> str:
    red, green, blue = (round(poor + (good - poor) * value) for poor, good in zip(POOR, GOOD, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _text(x: int, y: int, text: str, anchor: str = "start", *, weight: str = "normal", fill: str = "#222") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{fill}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


def _line(row: Row) -> str:
    return EVERYWHERE if row["at"] is None else bucket(row["at"])
