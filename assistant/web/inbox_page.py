"""The agents' inbox as a Gradio page: components, and which of the inbox's methods each event calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from assistant.web.column import PRIVATE
from assistant.web.header_view import no_links
from assistant.web.inbox import MOST, Inbox, InboxView
from assistant.web.places import Links, add_places
from assistant.web.visitor import user_of

EVERY_S = 2.0  # between two looks at whether anything changed; a look that finds nothing is one small query
_CLICKS = """
element.addEventListener('click', event => {
  const button = event.target.closest('button[data-id]');
  if (button) trigger('click', {...button.dataset});
});
"""
_SCROLL = """
const end = () => { const log = element.querySelector('.log'); if (log) log.scrollTop = log.scrollHeight; };
watch('value', () => requestAnimationFrame(end));
requestAnimationFrame(end);
"""


def build_inbox(inbox: Inbox, links: Links = no_links) -> gr.Blocks:
    """The whole page. `links` says where a user may go from here."""
    with gr.Blocks(title="Inbox · Unabridged", fill_width=True, analytics_enabled=False) as page:
        chosen, mark = gr.State(""), gr.State("")
        add_places(page, "/inbox", links)
        status = gr.HTML(elem_id="status")
        with gr.Row(elem_id="inbox"):
            with gr.Column(scale=3, min_width=240, elem_id="queue-column"):
                queue = gr.HTML(elem_id="queue", js_on_load=_CLICKS)
            with gr.Column(scale=6, min_width=320, elem_id="talk-column"):
                head = gr.HTML(elem_id="head")
                talk = gr.HTML(elem_id="talk", js_on_load=_SCROLL)
                take = gr.Button("Take over", variant="primary", visible=False, elem_id="take")
                with gr.Column(visible=False, elem_id="answer") as answer:
                    with gr.Row(equal_height=True):
                        draft = gr.Textbox(
                            label="Message",
                            show_label=False,
                            container=False,
                            placeholder="Write to the customer",
                            lines=1,
                            max_lines=8,
                            scale=8,
                            max_length=MOST,
                            elem_id="draft",
                        )
                        send = gr.Button("Send", variant="primary", size="md", scale=1, min_width=90, elem_id="send")
                    with gr.Row(equal_height=True, elem_id="ending"):
                        note = gr.Textbox(
                            label="Note",
                            show_label=False,
                            container=False,
                            placeholder="Note for the record (optional)",
                            lines=1,
                            max_lines=3,
                            scale=6,
                            max_length=MOST,
                            elem_id="note",
                        )
                        back = gr.Button("Hand back to the bot", size="md", scale=2, min_width=170, elem_id="hand-back")
                        release = gr.Button("Put back in queue", size="md", scale=2, min_width=150, elem_id="release")
            with gr.Column(scale=4, min_width=260, elem_id="packet-column"):
                packet = gr.HTML(elem_id="packet")

        parts = [chosen, mark, queue, head, talk, packet, status, take, answer, draft, note]

        def load(request: gr.Request) -> list[Any]:
            return _updates(inbox.home(user_of(request)))

        def pick(event: gr.EventData, request: gr.Request) -> list[Any]:
            return _updates(inbox.open(user_of(request), str(event._data["id"])))

        def look(opened: str, seen: str, request: gr.Request) -> list[Any]:
            return _updates(inbox.look(user_of(request), opened, seen))

        def acting(act: Callable[[str, str], InboxView]) -> Callable[[str, gr.Request], list[Any]]:
            def act_on(opened: str, request: gr.Request) -> list[Any]:
                return _updates(act(user_of(request), opened))

            return act_on

        def reply(opened: str, text: str, request: gr.Request) -> list[Any]:
            return _updates(inbox.reply(user_of(request), opened, text))

        def hand_back(opened: str, text: str, request: gr.Request) -> list[Any]:
            return _updates(inbox.hand_back(user_of(request), opened, text))

        page.load(load, None, parts, **PRIVATE)
        queue.click(pick, None, parts, **PRIVATE)
        gr.Timer(EVERY_S).tick(look, [chosen, mark], parts, queue=False, **PRIVATE)
        take.click(acting(inbox.take), chosen, parts, **PRIVATE)
        release.click(acting(inbox.release), chosen, parts, **PRIVATE)
        for trigger in (draft.submit, send.click):
            trigger(reply, [chosen, draft], parts, **PRIVATE)
        back.click(hand_back, [chosen, note], parts, **PRIVATE)
    return page


def _updates(view: InboxView) -> list[Any]:
    """One update per part of the page."""
    values = (view.chosen, view.mark, view.queue, view.head, view.conversation, view.packet, view.status)
    shown = [gr.skip() if value is None else value for value in values]
    may = (
        [gr.skip(), gr.skip()]
        if view.may is None
        else [gr.update(visible=view.may == "take"), gr.update(visible=view.may == "reply")]
    )
    return [*shown, *may, *(gr.skip() if value is None else value for value in (view.draft, view.note))]
