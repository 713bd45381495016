"""HTML of the readings that go on: one line each. Every text is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from assistant.reading import ReadState
from assistant.web.icons import icon
from sparse_backend.estimate import Estimate

UNREAD_SHOWN = 20  # reasons listed under a receipt


@dataclass(frozen=True, slots=True)
class Line:
    """One reading. `note`: its receipt; `left_out`: what was not read and why; `conversation`: where to ask."""

    id: str
    name: str
    state: ReadState
    cost: Estimate | None = None
    asking: bool = False
    note: str = ""
    left_out: Sequence[tuple[str, str]] = ()
    conversation: str = ""
    error: str = ""


def readings(lines: Sequence[Line]) -> str:
    """All lines, or nothing."""
    rows = "".join(_line(line) for line in lines)
    return f'<ul class="readings" aria-label="Readings">{rows}</ul>' if rows else ""


def _line(line: Line) -> str:
    if line.error:
        body = f'<div class="note error" role="alert">{escape(line.error)}</div>'
        deeds = _deed(line, "dismiss", "Close")
    elif line.conversation:
        body = f"<div><b>{escape(line.name)}</b> is read. {escape(line.note)}</div>{left_out(line.left_out)}"
        deeds = (
            f'<button type="button" class="primary" data-do="open-read" data-id="{escape(line.id)}">Open</button>'
            f"{_deed(line, 'dismiss', 'Close')}"
        )
    elif line.asking and line.cost is not None:
        body = f"<div><b>{escape(line.name)}</b>: {cost_of(line.cost)}</div>"
        deeds = (
            f'<button type="button" class="primary" data-do="go" data-id="{escape(line.id)}">Read it</button>'
            f"{_deed(line, 'cancel', 'Not now')}"
        )
    else:
        body, deeds = progress(line.state, line.name), _deed(line, "cancel", "Cancel")
    return f'<li class="reading"><div class="told">{body}</div><div class="row">{deeds}</div></li>'


def cost_of(cost: Estimate) -> str:
    """What reading will take, as a question."""
    time = f"{cost.seconds / 60:,.0f} minutes" if cost.seconds >= 100 else f"{cost.seconds:,.0f} seconds"
    return f"reading it takes about {time} and {cost.bytes / 1e6:,.0f} MB of memory."


def progress(state: ReadState, name: str) -> str:
    """The progress of a reading: tokens done, tokens a second, time left."""
    parsing = state.phase == "parsing"
    unit = "" if parsing else " tokens"  # pages of one file, else files
    verb = "Opening" if parsing else "Reading"
    share = 100 * state.done / state.total if state.total else 0
    counted = f"{state.done:,} of {state.total:,}{unit}" if state.total else "…"
    rate = f" · {state.rate:,.0f} tokens/s" if state.rate else ""
    eta = f" · about {_time(state.eta_s)} left" if state.eta_s else ""
    return (
        f"<div>{verb} <b>{escape(name)}</b>: {counted}{rate}{eta}</div>"
        f'<progress max="100" value="{share:.1f}" aria-label="Reading {escape(name)}">{share:.0f}%</progress>'
    )


def left_out(unread: Sequence[tuple[str, str]]) -> str:
    """What was not read, one line each, behind a click."""
    if not unread:
        return ""
    rows = "".join(f"<li><b>{escape(path)}</b> {escape(reason)}</li>" for path, reason in unread[:UNREAD_SHOWN])
    rest = f"<li>and {len(unread) - UNREAD_SHOWN:,} more</li>" if len(unread) > UNREAD_SHOWN else ""
    return f"<details><summary>What was not read ({len(unread):,})</summary><ul>{rows}{rest}</ul></details>"


def _time(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 100 else f"{max(1, round(seconds))} s"


def _deed(line: Line, do: str, label: str) -> str:
    face = icon("close") if do == "dismiss" else escape(label)
    css = "deed" if do == "dismiss" else "quiet"
    return (
        f'<button type="button" class="{css}" data-do="{do}" data-id="{escape(line.id)}" '
        f'aria-label="{escape(label)}: {escape(line.name)}">{face}</button>'
    )
