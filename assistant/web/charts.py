"""Small charts as SVG, drawn here: they follow the page's light or dark colours, need no script and load nothing.

Each is a figure with a title, a legend, a tooltip on every value, and the values themselves as a table to unfold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from assistant.signals import Point

WIDTH, HEIGHT = 600, 200
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 24
COLOURS = 6  # classes of rooms.css; further lines begin anew
LABELS = 7  # most words under the x axis


@dataclass(frozen=True, slots=True)
class Chart:
    """What one chart is of. `share`: values from 0 to 1, told in percent; `bars` for counts, else lines."""

    title: str
    unit: str
    share: bool = False
    bars: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value stands: `times` side by side at equal distances, values from 0 to `top`."""

    times: Sequence[datetime]
    top: float

    def x(self, at: datetime) -> float:
        step = (WIDTH - LEFT - RIGHT) / len(self.times)
        return LEFT + step * (self.times.index(at) + 0.5)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(value, self.top) / self.top


def drawn(chart: Chart, points: Sequence[Point], *, hourly: bool) -> str:
    """The figure; a sentence in place of the chart where there is nothing to draw."""
    head = f'<figcaption>{escape(chart.title)} <span class="unit">{escape(chart.unit)}</span></figcaption>'
    if not points:
        return f'<figure class="chart">{head}<p class="empty">No data in this time.</p></figure>'
    lines = list(dict.fromkeys(point.line for point in points))
    times = _all_times(points, timedelta(hours=1) if hourly else timedelta(days=1))
    scale = _Scale(times, 1.0 if chart.share else _nice(max(point.value for point in points)))
    body = _axes(chart, scale, hourly)
    for number, line in enumerate(lines):
        own = [point for point in points if point.line == line]
        body += _bars(chart, scale, own, number, len(lines)) if chart.bars else _curve(chart, scale, own, number)
    legend = "".join(f'<li class="c{number % COLOURS}">{escape(line)}</li>' for number, line in enumerate(lines))
    label = escape(f"{chart.title}: {', '.join(lines)}")
    return (
        f'<figure class="chart">{head}<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{body}</svg>'
        f'<ul class="legend">{legend}</ul>{_values(chart, points, lines, times, hourly)}</figure>'
    )


def _all_times(points: Sequence[Point], step: timedelta) -> list[datetime]:
    """Each hour or day from the first to the last point: those without data keep their room."""
    first, last = min(point.at for point in points), max(point.at for point in points)
    return [first + step * number for number in range((last - first) // step + 1)]


def _axes(chart: Chart, scale: _Scale, hourly: bool) -> str:
    parts = []
    for step in range(5):
        value = scale.top * step / 4
        y = scale.y(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_told(chart, value)}</text>'
        )
    every = math.ceil(len(scale.times) / LABELS)
    for at in scale.times[::every]:
        x = scale.x(at)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{_when(at, hourly)}</text>')
    return "".join(parts)


def _curve(chart: Chart, scale: _Scale, own: Sequence[Point], number: int) -> str:
    places = [(scale.x(point.at), scale.y(point.value)) for point in own]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5">{_tip(chart, point)}</circle>'
        for (x, y), point in zip(places, own, strict=True)
    )
    return f'<g class="c{number % COLOURS}"><polyline points="{path}"/>{dots}</g>'


def _bars(chart: Chart, scale: _Scale, own: Sequence[Point], number: int, lines: int) -> str:
    room = min(60.0, 0.7 * (WIDTH - LEFT - RIGHT) / len(scale.times))
    width = room / lines
    bars = "".join(
        f'<rect x="{scale.x(point.at) - room / 2 + number * width:.1f}" y="{scale.y(point.value):.1f}" '
        f'width="{max(1.0, width - 2):.1f}" height="{HEIGHT - BOTTOM - scale.y(point.value):.1f}" rx="2">'
        f"{_tip(chart, point)}</rect>"
        for point in own
    )
    return f'<g class="c{number % COLOURS}">{bars}</g>'


def _tip(chart: Chart, point: Point) -> str:
    told = f"{point.line}, {point.at:%d %b %Y, %H:%M} UTC: {_told(chart, point.value, exact=True)}"
    return f"<title>{escape(told)}</title>"


def _values(
    chart: Chart, points: Sequence[Point], lines: Sequence[str], times: Sequence[datetime], hourly: bool
) -> str:
    known = {(point.at, point.line): point.value for point in points}
    head = "".join(f"<th scope='col'>{escape(line)}</th>" for line in lines)
    rows = "".join(
        f"<tr><th scope='row'>{_when(at, hourly)}</th>"
        + "".join(
            f"<td>{_told(chart, known[at, line], exact=True) if (at, line) in known else '–'}</td>" for line in lines
        )
        + "</tr>"
        for at in times
        if any((at, line) in known for line in lines)
    )
    table = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f"<details><summary>Values</summary>{table}</details>"


def _when(at: datetime, hourly: bool) -> str:
    return f"{at:%H:%M}" if hourly else f"{at.day} {at:%b}"


def _told(chart: Chart, value: float, *, exact: bool = False) -> str:
    """A value as people read it."""
    if chart.share:
        return f"{value:.1%}" if exact else f"{value:.0%}"
    if chart.bars:
        return f"{value:,.0f}" if value == round(value) else ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _nice(value: float) -> float:
    """The next round number, whose quarters are round as well."""
    if value <= 0:
        return 1.0
    size: float = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 4, 6, 8, 10) if step * size >= value * 0.999)
