"""The signals as a Gradio page: how fast, how proven, how well agreed the answers of an organisation were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import gradio as gr

from assistant import signals
from assistant.alarms import alarms
from assistant.signals import Figures, Point
from assistant.thresholds import Thresholds
from assistant.web import views
from assistant.web.charts import Chart, drawn
from assistant.web.column import PRIVATE
from assistant.web.header_view import no_links
from assistant.web.places import Links, add_places
from assistant.web.visitor import user_of
from storage import StorageError, Store

SPANS = {"24 hours": timedelta(days=1), "7 days": timedelta(days=7), "30 days": timedelta(days=30)}
EVERYBODY = "All bots"
EVERY_S = 60.0  # figures are drawn anew each minute
PLOTS: tuple[tuple[Chart, Callable[[Figures], list[Point]]], ...] = (
    (Chart("Time by phase", "median seconds"), signals.latency),
    (Chart("Reading speed of this machine", "tokens a second"), signals.speed),
    (Chart("From the cache", "share of the tokens before answers", share=True), signals.cached),
    (Chart("Looked at", "share of the tokens before answers", share=True), signals.density),
    (Chart("“Not stated”", "share of answers", share=True), signals.refusals),
    (Chart("Sparse beside dense", "agreement in second looks", share=True), signals.agreement),
    (Chart("Thumbs", "number", bars=True), signals.feedback),
    (Chart("Asked for a person", "number", bars=True), signals.handed_off),
)


class SignalsDesk:
    """What the page shows to whom; the store lets agents and admins through, and to their own organisation only."""

    def __init__(self, store: Store, limits: Thresholds, second_look: float) -> None:
        self._store, self._limits, self._share = store, limits, second_look
        named = ", ".join(f"{each.name} {getattr(limits, each.name):g}" for each in fields(limits))
        self._told = f'<details class="counted"><summary>Thresholds</summary>{named}; docs/signals.md</details>'

    def show(self, reader: str, span: str, bot: str, now: datetime) -> tuple[str, list[str], str]:
        """The lines on top and the plots as HTML, and between them the bots there are."""
        until = now + timedelta(seconds=1)
        try:
            found = signals.figures(self._store, reader, until - SPANS.get(span, SPANS["7 days"]), until, now)
        except StorageError:
            told = "The signals are for agents and admins; ask an admin for that role."
            return views.status(told, "error"), [], ""
        chosen = found.of_bot("" if bot == EVERYBODY else bot)
        plots = "" if chosen.empty else "".join(drawn(chart, of(chosen), hourly=chosen.hourly) for chart, of in PLOTS)
        return self._top(chosen), list(found.bots), f'<div class="charts">{plots}</div>'

    def _top(self, found: Figures) -> str:
        if found.empty:
            text = "Nothing happened in this time. Ask a question on the chat page; it appears here within a minute."
            return views.status(text)
        said = alarms(found, self._limits)
        looks = sum(each.look is not None for each in found.answers)
        counted = (
            f"{_count(len(found.answers), 'answer')}, {_count(len(found.readings), 'reading')}, "
            f"{_count(looks, 'second look')}, {_count(len(found.thumbs), 'thumb')}, "
            f"{_count(len(found.hand_offs), 'hand-off')}."
        )
        if not self._share:
            counted += " Second looks are switched off (--second-look)."
        judged = (
            "".join(f"<li>{escape(each)}</li>" for each in said)
            if said
            else "<li>All figures are within their thresholds, or too few to judge.</li>"
        )
        kind, role = ("warning", "alert") if said else ("well", "status")
        lines = f'<div class="judged {kind}" role="{role}"><ul>{judged}</ul></div>'
        return f'{lines}<p class="counted">{counted}</p>{self._told}'


def build_signals(desk: SignalsDesk, links: Links = no_links) -> gr.Blocks:
    """The whole page. `links` says where a user may go from here."""
    with gr.Blocks(title="Signals · Unabridged", fill_width=True, analytics_enabled=False) as page:
        add_places(page, "/signals", links)
        with gr.Row(elem_id="chosen"):
            plain: dict[str, Any] = {"show_label": False, "container": False, "scale": 0, "filterable": False}
            span = gr.Dropdown(list(SPANS), value="7 days", label="Time", min_width=150, **plain)
            bot = gr.Dropdown([EVERYBODY], value=EVERYBODY, label="Bot", min_width=180, **plain)
        top = gr.HTML(elem_id="warnings")
        plots = gr.HTML(elem_id="plots")

        def show(chosen_span: str, chosen_bot: str, request: gr.Request) -> list[Any]:
            told, bots, charts = desk.show(user_of(request), chosen_span, chosen_bot, datetime.now(UTC))
            return [told, gr.update(choices=[EVERYBODY, *bots]), charts]

        parts = [top, bot, plots]
        page.load(show, [span, bot], parts, **PRIVATE)
        span.input(show, [span, bot], parts, **PRIVATE)
        bot.input(show, [span, bot], parts, **PRIVATE)
        gr.Timer(EVERY_S).tick(show, [span, bot], parts, queue=False, **PRIVATE)
    return page


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
