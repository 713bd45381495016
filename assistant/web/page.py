"""The Gradio page: components, and which of the desk's methods each event calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from assistant.profiles import Profile
from assistant.web import views
from assistant.web.desk import Desk, View

LOCAL_USER = "me"  # without a login the page has one user: whoever sits at this machine

_CLICKS = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-id], button[data-number], button[data-page]');
  if (button && !button.disabled) trigger('click', {...button.dataset});
});
"""
_SCROLL = _CLICKS + "watch('value', () => element.querySelector('mark')?.scrollIntoView({block: 'center'}));"


def build(desk: Desk, profile: Profile) -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(title="Unabridged", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        conversation = gr.State("")
        with gr.Row():
            with gr.Column(scale=2, elem_id="sidebar"):
                gr.Markdown("## Unabridged\nReads the whole document.")
                fresh = gr.Button("New conversation", elem_id="new")
                conversations = gr.HTML(elem_id="conversations", js_on_load=_CLICKS)
            with gr.Column(scale=5):
                upload = gr.File(
                    label="Documents",
                    show_label=False,
                    file_count="multiple",
                    elem_id="upload",
                    height=150,
                )
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
            with gr.Column(scale=4, elem_id="proof"):
                gr.Markdown("### Sources")
                sources = gr.HTML(elem_id="sources", js_on_load=_CLICKS)
                viewer = gr.HTML(elem_id="viewer", js_on_load=_SCROLL)

        parts = [conversation, conversations, chat, sources, viewer, status, cancel, send, stop]

        def load(request: gr.Request) -> list[Any]:
            return _updates(desk.home(_user(request)))

        def follow(chosen: str, request: gr.Request) -> Iterator[list[Any]]:
            yield from map(_updates, desk.follow(_user(request), chosen))

        def add(files: list[str] | None, request: gr.Request) -> Iterator[list[Any]]:
            yield from map(_updates, desk.upload(_user(request), files or []))

        def ask(text: str, chosen: str, request: gr.Request) -> Iterator[list[Any]]:
            for view in desk.ask(_user(request), chosen, text):
                yield [*_updates(view), "" if chosen else text]

        def choose(chosen: str, event: gr.SelectData, request: gr.Request) -> list[Any]:
            index = event.index[0] if isinstance(event.index, list | tuple) else event.index
            return _updates(desk.choose(_user(request), chosen, int(index)))

        def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
            return _updates(desk.open(_user(request), str(event._data["id"])))

        def cite(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            message, number = int(event._data["message"]), int(event._data["number"])
            return _updates(desk.cite(_user(request), chosen, message, number))

        def turn(chosen: str, event: gr.EventData, request: gr.Request) -> list[Any]:
            return _updates(desk.turn(_user(request), chosen, int(event._data["page"])))

        def give_up(request: gr.Request) -> list[Any]:
            return _updates(desk.cancel(_user(request)))

        def empty(request: gr.Request) -> list[Any]:
            return _updates(desk.fresh(_user(request)))

        def end(chosen: str, request: gr.Request) -> None:
            if chosen:
                desk.stop(_user(request), chosen)

        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        free: dict[str, Any] = {**private, "concurrency_limit": None}
        page.load(load, None, parts, **private).then(follow, conversation, parts, **free)
        upload.upload(add, upload, parts, **free).then(lambda: None, None, upload, **private)
        cancel.click(give_up, None, parts, **free)
        fresh.click(empty, None, parts, **private)
        for trigger in (question.submit, send.click):
            trigger(ask, [question, conversation], [*parts, question], **free)
        stop.click(end, conversation, None, **free)
        chat.select(choose, conversation, parts, **private)
        conversations.click(pick, None, parts, **private).then(follow, conversation, parts, **free)
        sources.click(cite, conversation, parts, **private)
        viewer.click(turn, conversation, parts, **private)
    return page


def _user(request: gr.Request) -> str:
    return request.username or LOCAL_USER


def _updates(view: View) -> list[Any]:
    """One update per part of the page; None in a view leaves its part alone."""
    values = [view.conversation, view.conversations, view.chat, view.sources, view.viewer, view.status]
    updates = [gr.skip() if value is None else value for value in values]
    if view.busy is None:
        return [*updates, gr.skip(), gr.skip(), gr.skip()]
    answering = view.busy == "answering"
    shown = {"Cancel reading": view.busy == "reading", "Ask": not answering, "Stop": answering}
    return [*updates, *(gr.update(value=label, visible=visible) for label, visible in shown.items())]
