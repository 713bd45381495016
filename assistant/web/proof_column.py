"""The right column: the sources of an answer, the page or lines they stand on, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.web.column import CLICKS, PRIVATE, Canvas, kept
from assistant.web.proof_desk import ProofDesk
from assistant.web.source_view import IMAGE, TEXT, Spot
from assistant.web.view import View
from assistant.web.visitor import user_of

_PLACES = """
element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (!button || button.disabled) return;
  if (button.dataset.zoom) {
    const zoom = Number(element.dataset.zoom || 1) + 0.25 * Number(button.dataset.zoom);
    element.dataset.zoom = Math.min(4, Math.max(0.5, zoom));
    element.style.setProperty('--zoom', element.dataset.zoom);
  } else if ('fold' in button.dataset) {
    const folded = button.parentElement.classList.toggle('folded');
    button.setAttribute('aria-expanded', String(!folded));
  } else if ('at' in button.dataset) {
    trigger('click', {...button.dataset});
  }
});
"""
_SCROLL = (
    _PLACES
    + """
const settle = () => {
  const holder = element.querySelector('.desk, .page');
  const target = element.querySelector('.box, mark');
  if (holder && target) {
    const away = target.getBoundingClientRect().top - holder.getBoundingClientRect().top;
    holder.scrollTop += away - holder.clientHeight / 3;
  }
};
watch('value', () => requestAnimationFrame(settle));
settle();
"""
)


@dataclass(frozen=True, slots=True)
class ProofColumn:
    """The components of the right column."""

    sources: gr.HTML
    outline: gr.HTML
    viewer: gr.HTML

    @classmethod
    def build(cls) -> ProofColumn:
        """Draws the column."""
        with gr.Column(scale=4, elem_id="proof"):
            with gr.Tabs(elem_id="proof-tabs"):
                with gr.Tab("Sources"):
                    sources = gr.HTML(elem_id="sources", js_on_load=CLICKS)
                with gr.Tab("Where it looked"):
                    outline = gr.HTML(elem_id="outline", js_on_load=_PLACES)
            viewer = gr.HTML(elem_id="viewer", js_on_load=_SCROLL)
        return cls(sources, outline, viewer)

    @property
    def parts(self) -> Sequence[Component]:
        """See Column."""
        return (self.sources, self.outline, self.viewer)

    def updates(self, view: View) -> list[Any]:
        """See Column."""
        return [kept(view.sources), kept(view.outline), kept(view.viewer)]

    def wire(self, desk: ProofDesk, canvas: Canvas) -> None:
        """Which of the desk's methods each event calls."""

        def cite(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            try:
                message, number = int(event._data["message"]), int(event._data["number"])
            except (KeyError, ValueError, TypeError):  # no button of ours
                return canvas.updates(View())
            return canvas.updates(desk.cite(user_of(request), chosen, message, number))

        def show(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            try:
                spot = spot_of(event._data)
            except (KeyError, ValueError, TypeError):
                return canvas.updates(View())
            return canvas.updates(desk.show(user_of(request), chosen, spot))

        self.sources.click(cite, canvas.conversation, canvas.parts, **PRIVATE)
        for places in (self.viewer, self.outline):
            places.click(show, canvas.conversation, canvas.parts, **PRIVATE)


def spot_of(data: dict[str, Any]) -> Spot:
    """What a button of the page asks to see; KeyError, ValueError or TypeError for what no button would."""
    mode = TEXT if data.get("mode") == TEXT else IMAGE
    return Spot(int(data["at"]), int(data.get("low", 0)), int(data.get("high", 0)), mode)
