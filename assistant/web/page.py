"""The Gradio page: a header and three columns, composed and wired to the desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from assistant.web.chat_column import ChatColumn
from assistant.web.clicks import Clicks, Place
from assistant.web.column import FREE, MANY, PRIVATE, Canvas, script
from assistant.web.desk import Desk
from assistant.web.header_view import Link, header, no_links
from assistant.web.proof_column import ProofColumn
from assistant.web.sidebar import Sidebar
from assistant.web.visitor import user_of

THREADS = 160  # a stream holds one while it waits; the page has its own, so that those of the API are never used up
_ZONE = "() => Intl.DateTimeFormat().resolvedOptions().timeZone"


def build(desk: Desk, links: Callable[[str], Sequence[Link]] = no_links) -> gr.Blocks:
    """The whole page. `links` says what the header shows to a user."""
    with gr.Blocks(title="Unabridged", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        head = gr.HTML(header(()), elem_id="header", apply_default_css=False)
        with gr.Row(elem_id="columns"):
            sidebar = Sidebar.build()
            chat = ChatColumn.build()
            proof = ProofColumn.build()
        gr.HTML(elem_id="scripts", html_template="", js_on_load=script("page"))  # behind what it looks for
        zone = gr.Textbox(visible=False)
        canvas = Canvas(gr.State(""), gr.State(""), gr.State(""), (sidebar, chat, proof))
        clicks = Clicks(desk)

        def load(told: str, request: gr.Request) -> Iterator[list[Any]]:
            user = user_of(request)
            desk.list.arrive(user, told or "")
            for updates in canvas.stream(request, [desk.home(user)]):
                yield [header(links(user)), *updates]

        def follow(chosen: str, request: gr.Request) -> Iterator[list[Any]]:
            yield from canvas.stream(request, desk.follow(user_of(request), chosen))

        def watch(request: gr.Request) -> Iterator[list[Any]]:
            yield from canvas.stream(request, desk.watch(user_of(request)))

        def click(chosen: str, bot: str, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
            place = Place(user_of(request), chosen, bot, canvas.here(request))
            yield from canvas.stream(request, clicks.do(place, event._data or {}))

        loaded = page.load(load, zone, [head, *canvas.parts], js=_ZONE, **PRIVATE)
        loaded.then(follow, canvas.conversation, canvas.parts, **FREE)
        loaded.then(watch, None, canvas.parts, **FREE)
        for part in (sidebar.conversations, *chat.clickable):
            part.click(click, [canvas.conversation, canvas.bot], canvas.parts, **MANY)
        sidebar.wire(desk, canvas)
        chat.wire(desk, canvas)
        proof.wire(desk.proof, canvas)
    page.max_threads = THREADS
    page.create_limiter()
    return page
