"""The middle column: documents in, questions and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from assistant.profiles import Profile
from assistant.web import views
from assistant.web.column import FREE, PRIVATE, Canvas, kept
from assistant.web.desk import Desk
from assistant.web.view import View
from assistant.web.visitor import user_of


@dataclass(frozen=True, slots=True)
class ChatColumn:
    """The components of the middle column."""

    upload: gr.File
    status: gr.HTML
    cancel: gr.Button
    chat: gr.Chatbot
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button

    @classmethod
    def build(cls, profile: Profile) -> ChatColumn:
        """Draws the column."""
        with gr.Column(scale=5):
            upload = gr.File(label="Documents", show_label=False, file_count="multiple", elem_id="upload", height=150)
            status = gr.HTML(elem_id="status")
            cancel = gr.Button("Cancel reading", visible=False, elem_id="cancel")
            chat = gr.Chatbot(
                elem_id="chat",
                show_label=False,
                height="58vh",
                latex_delimiters=[],  # “$5,000,000” in a contract is money, not a formula
                allow_tags=False,
                buttons=["copy"],
                placeholder=views.status(profile.greeting),
            )
            with gr.Row():
                question = gr.Textbox(
                    show_label=False,
                    placeholder="Ask about the whole document",
                    lines=1,
                    max_lines=6,
                    scale=8,
                    elem_id="question",
                    label="Question",
                    max_length=8000,
                )
                send = gr.Button("Ask", variant="primary", scale=1, min_width=80, elem_id="send")
                stop = gr.Button("Stop", variant="stop", scale=1, min_width=80, visible=False, elem_id="stop")
        return cls(upload, status, cancel, chat, question, send, stop)

    @property
    def parts(self) -> Sequence[Component]:
        """See Column."""
        return (self.chat, self.status, self.cancel, self.send, self.stop)

    def updates(self, view: View) -> list[Any]:
        """See Column."""
        values = [kept(view.chat), kept(view.status)]
        if view.busy is None:
            return [*values, gr.skip(), gr.skip(), gr.skip()]
        answering = view.busy == "answering"
        shown = (view.busy == "reading", not answering, answering)
        return [*values, *(gr.update(visible=visible) for visible in shown)]

    def wire(self, desk: Desk, canvas: Canvas) -> None:
        """Which of the desk's methods each event calls."""

        def add(files: list[str] | None, request: gr.Request) -> Iterator[list[Any]]:
            yield from map(canvas.updates, desk.upload(user_of(request), files or []))

        def ask(text: str, chosen: str, request: gr.Request) -> Iterator[list[Any]]:
            for view in desk.ask(user_of(request), chosen, text):
                yield [*canvas.updates(view), "" if chosen else text]

        def choose(chosen: str, event: gr.SelectData, request: gr.Request) -> list[Any]:
            index = event.index[0] if isinstance(event.index, list | tuple) else event.index
            return canvas.updates(desk.proof.choose(user_of(request), chosen, int(index)))

        def give_up(request: gr.Request) -> list[Any]:
            return canvas.updates(desk.cancel(user_of(request)))

        def end(chosen: str, request: gr.Request) -> None:
            if chosen:
                desk.stop(user_of(request), chosen)

        uploaded = self.upload.upload(add, self.upload, canvas.parts, **FREE)
        uploaded.then(lambda: None, None, self.upload, **PRIVATE)
        self.cancel.click(give_up, None, canvas.parts, **FREE)
        for trigger in (self.question.submit, self.send.click):
            trigger(ask, [self.question, canvas.conversation], [*canvas.parts, self.question], **FREE)
        self.stop.click(end, canvas.conversation, None, **FREE)
        self.chat.select(choose, canvas.conversation, canvas.parts, **PRIVATE)
