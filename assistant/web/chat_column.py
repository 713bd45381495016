"""The middle column: what was said, readings, and the question with its meter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.web.attach_view import attach
from assistant.web.column import FREE, MANY, PRIVATE, Canvas, kept, script
from assistant.web.desk import Desk
from assistant.web.question_desk import LONGEST
from assistant.web.view import View
from assistant.web.visitor import user_of
from storage import NotFoundError

LOOK_S = 2.0  # between two looks at what a person says


@dataclass(frozen=True, slots=True)
class ChatColumn:
    """The components of the middle column."""

    heading: gr.HTML
    transcript: gr.HTML
    growing: gr.HTML
    readings: gr.HTML
    status: gr.HTML
    upload: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    meter: gr.HTML
    download: gr.HTML
    clock: gr.Timer

    @classmethod
    def build(cls) -> ChatColumn:
        """Draws the column."""
        with gr.Column(scale=5, elem_id="middle"):
            heading = _html("heading", "actions")
            with gr.Column(elem_id="chat"):
                transcript = _html("transcript", "actions", "transcript")
                growing = _html("growing", "growing")
            readings = _html("readings", "actions")
            status = _html("status", "actions")
            with gr.Row(elem_id="composer"):
                upload = _html("upload", "actions", "upload", value=attach())
                question = gr.Textbox(
                    label="Question",
                    show_label=False,
                    container=False,
                    placeholder="Ask about the whole document",
                    lines=1,
                    max_lines=8,
                    scale=8,
                    elem_id="question",
                    max_length=LONGEST,
                )
                send = gr.Button("Ask", variant="primary", scale=0, min_width=72, elem_id="send", size="md")
                stop = gr.Button("Stop", scale=0, min_width=72, visible=False, elem_id="stop", size="md")
            meter = _html("meter", "actions")
            download = gr.HTML(elem_id="download", html_template="", js_on_load=script("download"))
        clock = gr.Timer(LOOK_S, active=False)
        return cls(heading, transcript, growing, readings, status, upload, question, send, stop, meter, download, clock)

    @property
    def clickable(self) -> Sequence[gr.HTML]:
        """The parts whose buttons tell what they do."""
        return (self.heading, self.transcript, self.readings, self.status, self.upload)

    @property
    def parts(self) -> Sequence[Component]:
        """See Column."""
        shown = (self.heading, self.transcript, self.growing, self.readings, self.status, self.meter, self.download)
        return (*shown, self.question, self.send, self.stop, self.clock)

    def updates(self, view: View) -> list[Any]:
        """See Column."""
        shown = (view.heading, view.transcript, view.growing, view.readings, view.status, view.meter, view.download)
        busy = view.busy == "answering"
        return [
            *map(kept, shown),
            kept(view.question),
            gr.skip() if view.busy is None else gr.update(visible=not busy),
            gr.skip() if view.busy is None else gr.update(visible=busy),
            kept(view.live, lambda live: gr.Timer(active=live)),
        ]

    def wire(self, desk: Desk, canvas: Canvas) -> None:
        """Which of the desk's methods each event calls."""
        tab = [canvas.conversation, canvas.bot]

        def ask(text: str, chosen: str, bot: str, request: gr.Request) -> Iterator[list[Any]]:
            yield from canvas.stream(request, desk.ask(user_of(request), chosen, text, bot))

        def end(chosen: str, request: gr.Request) -> None:
            if chosen:
                desk.stop(user_of(request), chosen)

        def weigh(text: str, chosen: str, request: gr.Request) -> str:
            return desk.weigh(user_of(request), chosen, text).meter or ""

        def look(chosen: str, seen: str, request: gr.Request) -> Iterator[list[Any]]:
            try:
                news = desk.news(user_of(request), chosen, seen)
            except NotFoundError:  # erased meanwhile: there is nothing to look for any more
                news = View(live=False)
            yield from canvas.stream(request, [news])

        for trigger in (self.question.submit, self.send.click):
            trigger(ask, [self.question, *tab], canvas.parts, **MANY)
        typed = [self.question, canvas.conversation]
        self.question.input(weigh, typed, self.meter, trigger_mode="always_last", **PRIVATE)
        self.stop.click(end, canvas.conversation, None, **FREE)
        self.clock.tick(look, [canvas.conversation, canvas.seen], canvas.parts, **FREE)


def _html(name: str, *scripts: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_id=name, js_on_load=script(*scripts), apply_default_css=False)
