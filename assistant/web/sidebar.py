"""The left column: a new conversation, and the ones there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.web.column import CLICKS, FREE, PRIVATE, Canvas, kept
from assistant.web.desk import Desk
from assistant.web.view import View
from assistant.web.visitor import user_of


@dataclass(frozen=True, slots=True)
class Sidebar:
    """The components of the left column."""

    fresh: gr.Button
    conversations: gr.HTML

    @classmethod
    def build(cls) -> Sidebar:
        """Draws the column."""
        with gr.Column(scale=2, elem_id="sidebar"):
            gr.Markdown("## Unabridged\nReads the whole document.")
            return cls(
                fresh=gr.Button("New conversation", elem_id="new"),
                conversations=gr.HTML(elem_id="conversations", js_on_load=CLICKS),
            )

    @property
    def parts(self) -> Sequence[Component]:
        """See Column."""
        return (self.conversations,)

    def updates(self, view: View) -> list[Any]:
        """See Column."""
        return [kept(view.conversations)]

    def wire(self, desk: Desk, canvas: Canvas) -> None:
        """Which of the desk's methods each event calls."""

        def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
            return canvas.updates(desk.open(user_of(request), str(event._data["id"])))

        def empty(request: gr.Request) -> list[Any]:
            return canvas.updates(desk.fresh(user_of(request)))

        def follow(chosen: str, request: gr.Request) -> Any:
            yield from map(canvas.updates, desk.follow(user_of(request), chosen))

        self.fresh.click(empty, None, canvas.parts, **PRIVATE)
        picked = self.conversations.click(pick, None, canvas.parts, **PRIVATE)
        picked.then(follow, canvas.conversation, canvas.parts, **FREE)
