"""The right column: the sources of an answer, and the page or lines they stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.web.column import CLICKS, PRIVATE, Canvas, kept
from assistant.web.proof_desk import ProofDesk
from assistant.web.view import View
from assistant.web.visitor import user_of

_SCROLL = CLICKS + "watch('value', () => element.querySelector('mark')?.scrollIntoView({block: 'center'}));"


@dataclass(frozen=True, slots=True)
class ProofColumn:
    """The components of the right column."""

    sources: gr.HTML
    viewer: gr.HTML

    @classmethod
    def build(cls) -> ProofColumn:
        """Draws the column."""
        with gr.Column(scale=4, elem_id="proof"):
            gr.Markdown("### Sources")
            return cls(
                sources=gr.HTML(elem_id="sources", js_on_load=CLICKS),
                viewer=gr.HTML(elem_id="viewer", js_on_load=_SCROLL),
            )

    @property
    def parts(self) -> Sequence[Component]:
        """See Column."""
        return (self.sources, self.viewer)

    def updates(self, view: View) -> list[Any]:
        """See Column."""
        return [kept(view.sources), kept(view.viewer)]

    def wire(self, desk: ProofDesk, canvas: Canvas) -> None:
        """Which of the desk's methods each event calls."""

        def cite(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            message, number = int(event._data["message"]), int(event._data["number"])
            return canvas.updates(desk.cite(user_of(request), chosen, message, number))

        def turn(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            return canvas.updates(desk.turn(user_of(request), chosen, int(event._data["page"])))

        self.sources.click(cite, canvas.conversation, canvas.parts, **PRIVATE)
        self.viewer.click(turn, canvas.conversation, canvas.parts, **PRIVATE)
