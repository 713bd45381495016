"""The left column: a new conversation, the search, and the conversations there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.web.column import PRIVATE, Canvas, kept, script
from assistant.web.desk import Desk
from assistant.web.view import View
from assistant.web.visitor import user_of


@dataclass(frozen=True, slots=True)
class Sidebar:
    """The components of the left column."""

    fresh: gr.Button
    search: gr.Textbox
    conversations: gr.HTML

    @classmethod
    def build(cls) -> Sidebar:
        """Draws the column."""
        with gr.Column(scale=2, elem_id="sidebar"):
            return cls(
                fresh=gr.Button("New conversation", elem_id="new", size="sm"),
                search=gr.Textbox(
                    label="Search in conversations and documents",
                    show_label=False,
                    container=False,
                    placeholder="Search  (Ctrl K)",
                    elem_id="search",
                    max_lines=1,
                    max_length=500,
                ),
                conversations=gr.HTML(elem_id="conversations", js_on_load=script("actions"), apply_default_css=False),
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

        def empty(bot: str, request: gr.Request) -> Any:
            yield from canvas.stream(request, [desk.fresh(user_of(request), bot)])

        def search(words: str, chosen: str, request: gr.Request) -> str:
            return desk.list.search(user_of(request), words, chosen)

        self.fresh.click(empty, canvas.bot, canvas.parts, **PRIVATE)
        inputs = [self.search, canvas.conversation]
        self.search.input(search, inputs, self.conversations, trigger_mode="always_last", **PRIVATE)
